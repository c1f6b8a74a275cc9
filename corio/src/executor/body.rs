//! `Body`: what an entry of the tree runs, with its type erased to a pointer and a vtable.
//!
//! `ChildBody` says how a type runs in place: here the coroutine of a task, in `crate::task` a
//! request as a child of a set. The memory of a body holds first the running value and then, in the
//! same place, its output. The body of a spawned task has a block of its own (`SpawnedBlock`), and
//! the flags of the entry tell what is in the block. The body of a child of a set is a cell in the
//! block of the set (`child_cell::ChildCell`), which stores itself what is in the cell.
//!
//! # Ownership
//!
//! A `Body` is owned by its entry, and then by the code that takes the body out of the tree. All
//! functions that end a body consume the `Body`, so nothing is dropped and no block is freed twice.

use std::alloc::Layout;
use std::future::{Future, Ready};
use std::mem::{ManuallyDrop, needs_drop};
use std::ptr::NonNull;
use std::task::Poll;

use super::coroutine::Coroutine;
use super::flag;
use super::id::Id;
use super::pool::BlockOf;
use super::state::Executor;
use crate::util::assert_has_not;

/// How a resume ended.
pub(super) enum Step {
    /// The body waits.
    Suspended,
    /// The body has returned, and the memory holds the output.
    Ended,
    /// The body has returned, and its output decides the set when the child has ended, which is
    /// after its own children.
    ShortCircuits,
    /// The body has returned, and its output decides the set at once.
    ShortCircuitsAtOnce,
}

/// The owner of what an entry runs; see the module documentation.
pub(super) struct Body(BodyRef);

/// A reference to a body that stays in the tree.
#[derive(Clone, Copy)]
pub(super) struct BodyRef {
    data: NonNull<()>,
    vtable: &'static VTable,
}

/// The functions of a body.
///
/// # Safety
/// Each function may be called with the `data` of a body that has this table, in this order:
/// `resume` until `resume` returns something else than `Suspended`, then `on_end` or `drop_output`
/// at most once; or `drop_body` at most once instead of a further `resume`.
pub(super) struct VTable {
    pub(super) resume: unsafe fn(NonNull<()>, &Executor) -> Step,
    /// Drops a body that has not returned.
    pub(super) drop_body: unsafe fn(NonNull<()>),
    /// Called when the body and its whole subtree have ended and no handle is left.
    pub(super) on_end: Option<unsafe fn(NonNull<()>)>,
    /// Drops the output of a body that has returned.
    pub(super) drop_output: unsafe fn(NonNull<()>),
    /// The block of the body, or `None` if the body is a cell in the block of a set.
    pub(super) block: Option<BlockOf>,
    /// Returns the type name from which `util::type_names` makes a readable name.
    pub(super) name: fn() -> &'static str,
    /// See `ChildBody::IS_TASK`.
    pub(super) is_task: bool,
    /// See `ChildBody::RUNS_CODE`.
    pub(super) runs_code: bool,
    /// See `ChildBody::ASKS`.
    pub(super) asks: bool,
}

/// A value that runs in place, at an address that does not change.
pub trait ChildBody {
    /// What the value is made from.
    type Input;
    type Output;
    /// Whether the value is a task, which has a name and a number for observers.
    const IS_TASK: bool;
    /// Whether the value runs user code, and so can be resumed to trace its wait.
    const RUNS_CODE: bool = Self::IS_TASK;
    /// Whether the value may have asked a request, which is withdrawn when the value is dropped.
    const ASKS: bool = true;

    /// Makes the value in place.
    ///
    /// # Safety
    /// `this` is valid for writes, aligned, and stays where it is until `drop_in_place`.
    unsafe fn init(this: *mut Self, input: Self::Input);

    /// Called once, when the value has an entry in the tree.
    ///
    /// # Safety
    /// `this` was made by `init`, and is the body of the entry `id`.
    unsafe fn start(this: *mut Self, executor: &Executor, id: Id);

    /// Runs the value until the value waits or returns.
    ///
    /// # Safety
    /// `this` was made by `init`, was not dropped, has not returned `Ready` before, and is used by
    /// no other code meanwhile.
    unsafe fn resume(this: *mut Self) -> Poll<Self::Output>;

    /// Drops the value in place.
    ///
    /// # Safety
    /// `this` was made by `init` and is not used afterwards.
    unsafe fn drop_in_place(this: *mut Self);

    /// Returns the type name from which `util::type_names` makes a readable name.
    fn name() -> &'static str;
}

impl<F: Future> ChildBody for Coroutine<F> {
    type Input = F;
    type Output = F::Output;
    const IS_TASK: bool = true;

    #[inline]
    unsafe fn init(this: *mut Self, input: F) {
        // SAFETY: the caller guarantees what `Coroutine::init` requires, which is the same.
        unsafe { Coroutine::init(this, input) }
    }

    #[inline]
    unsafe fn start(_: *mut Self, executor: &Executor, id: Id) {
        executor.wake(id);
    }

    #[inline]
    unsafe fn resume(this: *mut Self) -> Poll<F::Output> {
        // SAFETY: the caller guarantees what `Coroutine::resume` requires, which is the same.
        unsafe { Coroutine::resume(this) }
    }

    #[inline]
    unsafe fn drop_in_place(this: *mut Self) {
        // SAFETY: the caller guarantees that `this` was made by `init` and is not used afterwards.
        // As `this` is not used after a drop, the coroutine was not dropped before.
        unsafe { Coroutine::drop_in_place(this) }
    }

    fn name() -> &'static str {
        std::any::type_name::<F>()
    }
}

/// The block of a spawned task. The flags of the entry tell which of the two fields is initialised.
#[repr(C)]
pub(super) union SpawnedBlock<F: Future> {
    running: ManuallyDrop<Coroutine<F>>,
    output: ManuallyDrop<F::Output>,
}

// A block is used in place, through raw pointers. A reference to a whole block would claim to be
// unique while the generator in the block holds pointers into the block; see `Adapter` in
// `coroutine`.
assert_has_not!(SpawnedBlock<Ready<()>>: Unpin);

/// Frees the block of the running body when the destructor of its coroutine unwinds: a destructor
/// that unwinds has dropped the remaining fields as well, so nothing is left in the block.
struct FreeCurrentBlock<'e>(&'e Executor);

impl Drop for FreeCurrentBlock<'_> {
    fn drop(&mut self) {
        self.0.free_current_block();
    }
}

impl<F: Future> SpawnedBlock<F> {
    const BLOCK: BlockOf = BlockOf::new(Layout::new::<Self>());

    const VTABLE: &'static VTable = &VTable {
        resume: Self::resume,
        drop_body: Self::drop_body,
        on_end: if needs_drop::<F::Output>() { Some(Self::drop_output) } else { None },
        drop_output: Self::drop_output,
        block: Some(Self::BLOCK),
        name: <Coroutine<F> as ChildBody>::name,
        is_task: true,
        runs_code: true,
        asks: true,
    };

    /// Moves a future into a block of the executor's pool.
    #[inline]
    pub(super) fn body(executor: &Executor, future: F) -> Body {
        let data = executor.pool().take(Self::BLOCK).cast::<Self>();
        // SAFETY: the block has this layout and belongs to this body alone; the block stays where
        // it is until the executor frees the block, after `drop_body` or `drop_output`.
        unsafe { Coroutine::init((&raw mut (*data.as_ptr()).running).cast(), future) };
        Body::new(data.cast(), Self::VTABLE)
    }

    unsafe fn resume(data: NonNull<()>, executor: &Executor) -> Step {
        let this = data.cast::<Self>().as_ptr();
        // SAFETY: by the order of calls of `VTable` the block holds the coroutine until the
        // coroutine returns `Ready`. Then the coroutine is dropped once, and the output is written
        // to its memory.
        unsafe {
            let running = (&raw mut (*this).running).cast::<Coroutine<F>>();
            let Poll::Ready(output) = Coroutine::resume(running) else {
                return Step::Suspended;
            };
            let on_unwind = FreeCurrentBlock(executor);
            Coroutine::drop_in_place(running);
            std::mem::forget(on_unwind);
            (&raw mut (*this).output).write(ManuallyDrop::new(output));
        }
        Step::Ended
    }

    unsafe fn drop_body(data: NonNull<()>) {
        // SAFETY: by the order of calls of `VTable` the block holds the coroutine, which is not
        // used afterwards.
        unsafe {
            Coroutine::drop_in_place(
                (&raw mut (*data.cast::<Self>().as_ptr()).running).cast::<Coroutine<F>>(),
            )
        }
    }

    unsafe fn drop_output(data: NonNull<()>) {
        // SAFETY: by the order of calls of `VTable` the block holds the output, at the start of the
        // union, and the output is not used afterwards.
        unsafe { data.cast::<F::Output>().drop_in_place() }
    }
}

impl BodyRef {
    /// Runs the body until the body waits or returns.
    ///
    /// # Safety
    /// The body is in the tree, has not returned, and does not run elsewhere.
    #[inline(always)]
    pub(super) unsafe fn resume(self, executor: &Executor) -> Step {
        // SAFETY: the caller guarantees that the body has not returned, was not dropped, and is
        // used by no other code meanwhile.
        unsafe { (self.vtable.resume)(self.data, executor) }
    }

    #[inline]
    pub(super) fn vtable(self) -> &'static VTable {
        self.vtable
    }
}

impl Body {
    /// Returns the body at `data`, which has not returned yet.
    #[inline(always)]
    pub(super) fn new(data: NonNull<()>, vtable: &'static VTable) -> Self {
        Body(BodyRef { data, vtable })
    }

    #[inline]
    pub(super) fn by_ref(&self) -> BodyRef {
        self.0
    }

    #[inline]
    pub(super) fn vtable(&self) -> &'static VTable {
        self.0.vtable
    }

    /// Whether the body is that of a spawned task, and so has a block of its own.
    #[inline]
    pub(super) fn is_spawned(&self) -> bool {
        self.0.vtable.block.is_some()
    }

    /// Moves the output out and frees the block.
    ///
    /// # Safety
    /// The body is that of a spawned task and holds its output, which is a `T`; the block came from
    /// the pool of `executor`.
    pub(super) unsafe fn into_output<T>(self, executor: &Executor) -> T {
        // SAFETY: the caller guarantees that a `T` is at the start of the block. The output is
        // moved out before the block is freed.
        unsafe {
            let output = self.0.data.cast::<T>().read();
            self.free_block(executor);
            output
        }
    }

    /// Ends a body whose subtree has ended and whose handle, if any, was dropped: calls `on_end`
    /// and frees the block.
    ///
    /// # Safety
    /// The body has returned; the block came from the pool of `executor`.
    #[inline]
    pub(super) unsafe fn end(self, executor: &Executor) {
        let on_end = self.0.vtable.on_end;
        let block = FreeBlockOnDrop(self.0, executor);
        if let Some(on_end) = on_end {
            // SAFETY: the caller guarantees that the body has returned. This function consumes the
            // body, so the call is the last one.
            unsafe { on_end(block.0.data) };
        }
    }

    /// Drops the running value or the output and frees the block.
    ///
    /// # Safety
    /// `flags` are the flags of the entry that held the body; the block came from the pool of
    /// `executor`.
    pub(super) unsafe fn release(self, flags: u32, executor: &Executor) {
        let has_returned = flags & (flag::RETURNED | flag::DONE) != 0;
        let drop = if has_returned { self.0.vtable.drop_output } else { self.0.vtable.drop_body };
        let block = FreeBlockOnDrop(self.0, executor);
        // SAFETY: the flags tell whether the body has returned. This function consumes the body, so
        // the call is the last one.
        unsafe { drop(block.0.data) }
    }

    /// Frees the block.
    ///
    /// # Safety
    /// The value in the block was dropped or moved out; the block came from the pool of `executor`.
    pub(super) unsafe fn free_block(self, executor: &Executor) {
        drop(FreeBlockOnDrop(self.0, executor));
    }
}

/// Frees the block of a body when the value in the block has been dropped or moved out. Frees the
/// block also when a destructor unwinds, as unwinding drops the remaining fields of the value.
struct FreeBlockOnDrop<'e>(BodyRef, &'e Executor);

impl Drop for FreeBlockOnDrop<'_> {
    #[inline]
    fn drop(&mut self) {
        let FreeBlockOnDrop(BodyRef { data, vtable }, executor) = self;
        if let Some(block) = vtable.block {
            // SAFETY: `SpawnedBlock::body` took the block from this pool, for this layout. The
            // guard is made only by methods that consume the body, so the block is freed once.
            unsafe { executor.pool().give(data.cast(), block) }
        }
    }
}
