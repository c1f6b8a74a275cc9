//! What an entry of the tree runs, with its type erased: a pointer and a table of functions.
//!
//! A *kind* says how something runs in place: a task's coroutine here, a request's place in a batch
//! elsewhere. A body holds first the running thing and then, in the same memory, its output. A
//! spawned task has a block of its own (`SpawnedBlock`); a child of a set has a place in the block
//! of its set (`ChildCell`), which knows by itself what is in it.

use std::alloc::Layout;
use std::future::{Future, Ready};
use std::mem::{ManuallyDrop, needs_drop};
use std::ptr::NonNull;
use std::task::Poll;

use super::coroutine::Coroutine;
use super::id::Id;
use super::pool::BlockOf;
use super::state::Executor;
use super::tree::flag;
use crate::util::assert_has_not;

/// How a resume ended.
pub(crate) enum Step {
    Suspended,
    /// The output is there.
    Ended,
    /// The output is there, and decides the set that this is a child of: when it ends, …
    ShortCircuits,
    /// … or at once.
    ShortCircuitsAtOnce,
}

/// Owned by its entry, and then by whoever takes it out of the tree: what ends a body takes it, and
/// so nothing can be dropped or given back twice.
pub(crate) struct Body(BodyRef);

/// A body that stays in the tree.
#[derive(Clone, Copy)]
pub(super) struct BodyRef {
    data: NonNull<()>,
    vtable: &'static VTable,
}

/// # Safety
/// Each function may be called with the `data` of a body that has this table, in this order:
/// `resume` until it gives something else than `Suspended`, then `at_end` or `drop_output` at most
/// once; or `drop_body` at most once instead of a further `resume`.
pub(super) struct VTable {
    pub(super) resume: unsafe fn(NonNull<()>, &Executor) -> Step,
    pub(super) drop_body: unsafe fn(NonNull<()>),
    /// It and all below it have ended, and nobody has a handle.
    pub(super) at_end: Option<unsafe fn(NonNull<()>)>,
    pub(super) drop_output: unsafe fn(NonNull<()>),
    /// The block if it is the body's own.
    pub(super) block: Option<BlockOf>,
    pub(super) name: fn() -> &'static str,
    pub(super) is_task: bool,
    pub(super) runs_code: bool,
    pub(super) asks: bool,
}

/// How something runs in place.
pub trait ChildBody {
    /// What it is made from.
    type Input;
    type Output;
    /// Whether it is a task, with a name, that observers hear of.
    const IS_TASK: bool;
    /// Whether it runs code of the user's, and so can be asked where it stands.
    const RUNS_CODE: bool = Self::IS_TASK;
    /// Whether it can have asked for something, which is to be withdrawn when it is dropped.
    const ASKS: bool = true;

    /// # Safety
    /// `this` is valid for writes, aligned, and stays where it is until `drop_in_place`.
    unsafe fn init(this: *mut Self, input: Self::Input);

    /// Called once, when the tree has an id for it.
    ///
    /// # Safety
    /// `this` was made by `init`, and `id` resumes it.
    unsafe fn start(this: *mut Self, executor: &Executor, id: Id);

    /// # Safety
    /// `this` was made by `init`, was not dropped, has not given `Ready` before, and nobody else
    /// uses it meanwhile.
    unsafe fn resume(this: *mut Self) -> Poll<Self::Output>;

    /// # Safety
    /// `this` was made by `init` and is not used afterwards.
    unsafe fn drop_in_place(this: *mut Self);

    fn name() -> &'static str;
}

impl<'a, F: Future + 'a> ChildBody for Coroutine<'a, F> {
    type Input = F;
    type Output = F::Output;
    const IS_TASK: bool = true;

    #[inline]
    unsafe fn init(this: *mut Self, input: F) {
        // SAFETY: the caller's promise is the same.
        unsafe { Coroutine::init(this, input) }
    }

    #[inline]
    unsafe fn start(_: *mut Self, executor: &Executor, id: Id) {
        executor.wake(id);
    }

    #[inline]
    unsafe fn resume(this: *mut Self) -> Poll<F::Output> {
        // SAFETY: the caller's promise is the same.
        unsafe { Coroutine::resume(this) }
    }

    #[inline]
    unsafe fn drop_in_place(this: *mut Self) {
        // SAFETY: the caller's promise is the same.
        unsafe { Coroutine::drop_in_place(this) }
    }

    fn name() -> &'static str {
        std::any::type_name::<F>()
    }
}

/// The block of a spawned task. Which of the two is there, the flags of its entry say.
#[repr(C)]
pub(super) union SpawnedBlock<'a, F: Future> {
    running: ManuallyDrop<Coroutine<'a, F>>,
    output: ManuallyDrop<F::Output>,
}

// Used where it is, through raw pointers; see `Adapter` for what a reference to the whole would
// claim.
assert_has_not!(SpawnedBlock<'static, Ready<()>>: Unpin);

/// Whoever unwinds out of a destructor has dropped the rest as well: nobody may touch it again, and
/// its block is free.
struct GiveBackCurrent<'e>(&'e Executor);

impl Drop for GiveBackCurrent<'_> {
    fn drop(&mut self) {
        self.0.give_back_current();
    }
}

impl<'a, F: Future + 'a> SpawnedBlock<'a, F> {
    const BLOCK: BlockOf = BlockOf::new(Layout::new::<Self>());

    const VTABLE: &'static VTable = &VTable {
        resume: Self::resume,
        drop_body: Self::drop_body,
        at_end: if needs_drop::<F::Output>() { Some(Self::drop_output) } else { None },
        drop_output: Self::drop_output,
        block: Some(Self::BLOCK),
        name: <Coroutine<'a, F> as ChildBody>::name,
        is_task: true,
        runs_code: true,
        asks: true,
    };

    /// Moves a future into a block of the engine's pool.
    #[inline]
    pub(super) fn body(executor: &Executor, future: F) -> Body {
        let data = executor.pool().take(Self::BLOCK).cast::<Self>();
        // SAFETY: the block has this layout and is ours; it stays where it is until the engine
        // gives it back, after one of the two drops.
        unsafe { Coroutine::init((&raw mut (*data.as_ptr()).running).cast(), future) };
        Body(BodyRef { data: data.cast(), vtable: Self::VTABLE })
    }

    unsafe fn resume(data: NonNull<()>, executor: &Executor) -> Step {
        let this = data.cast::<Self>().as_ptr();
        // SAFETY: by the order of calls the coroutine is there until it gives `Ready`; then it is
        // dropped once and the output takes its memory.
        unsafe {
            let running = (&raw mut (*this).running).cast::<Coroutine<'a, F>>();
            let Poll::Ready(output) = Coroutine::resume(running) else {
                return Step::Suspended;
            };
            let abandon = GiveBackCurrent(executor);
            Coroutine::drop_in_place(running);
            std::mem::forget(abandon);
            (&raw mut (*this).output).write(ManuallyDrop::new(output));
        }
        Step::Ended
    }

    unsafe fn drop_body(data: NonNull<()>) {
        // SAFETY: by the order of calls the coroutine is there, and is not used afterwards.
        unsafe {
            Coroutine::drop_in_place(
                (&raw mut (*data.cast::<Self>().as_ptr()).running).cast::<Coroutine<'a, F>>(),
            )
        }
    }

    unsafe fn drop_output(data: NonNull<()>) {
        // SAFETY: by the order of calls the output is there, at the start of the union, and is not
        // used afterwards.
        unsafe { data.cast::<F::Output>().drop_in_place() }
    }
}

/// What the end of a child means for its set.
pub trait SetPolicy<T> {
    /// Called with the child's place when it and all below it have ended.
    const AT_END: Option<unsafe fn(NonNull<()>)> = None;

    /// Whether it is the output that decides, and not the end of the child.
    const AT_ONCE: bool = false;

    /// Whether its output decides the set before its siblings have ended.
    fn short_circuits(output: &T) -> bool;
}

/// What is in a place of a set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CellStage {
    Empty,
    Input,
    Running,
    /// The output is there.
    Returned,
}

union CellContent<K: ChildBody> {
    nothing: (),
    input: ManuallyDrop<K::Input>,
    running: ManuallyDrop<K>,
    output: ManuallyDrop<K::Output>,
}

/// One child in the block of its set. Always used through raw pointers: a running child refers to
/// itself.
#[repr(C)]
pub struct ChildCell<K: ChildBody, P> {
    stage: CellStage,
    content: CellContent<K>,
    policy: std::marker::PhantomData<P>,
}

impl<K: ChildBody, P: SetPolicy<K::Output>> ChildCell<K, P> {
    const VTABLE: &'static VTable = &VTable {
        resume: Self::resume,
        drop_body: Self::drop_body,
        // The output belongs to the set; that of a child which is cut before its end, to nobody.
        at_end: P::AT_END,
        drop_output: Self::drop_body,
        block: None,
        name: K::name,
        is_task: K::IS_TASK,
        runs_code: K::RUNS_CODE,
        asks: K::ASKS,
    };

    /// Nothing yet, for `put`.
    pub(crate) fn empty() -> Self {
        ChildCell {
            stage: CellStage::Empty,
            content: CellContent { nothing: () },
            policy: std::marker::PhantomData,
        }
    }

    /// # Safety
    /// `this` is valid for writes and aligned; what is there is overwritten.
    pub(crate) unsafe fn put(this: *mut Self, input: K::Input) {
        // SAFETY: by the caller.
        unsafe {
            (&raw mut (*this).stage).write(CellStage::Input);
            (&raw mut (*this).content.input).write(ManuallyDrop::new(input));
        }
    }

    /// Makes the child from its seed and puts it into the tree.
    ///
    /// # Safety
    /// `this` was made by `put`, and stays where it is until `clear`; the children of `scope` are
    /// cut before that.
    pub(crate) unsafe fn start(this: *mut Self, executor: &Executor, scope: Id) {
        // SAFETY: the seed is there, and is moved out before the running child takes its memory.
        let id = unsafe {
            (*this).stage = CellStage::Empty;
            let input = ManuallyDrop::into_inner((&raw mut (*this).content.input).read());
            K::init((&raw mut (*this).content.running).cast(), input);
            (*this).stage = CellStage::Running;
            let data = NonNull::new_unchecked(this.cast());
            executor.add_child(scope, Body(BodyRef { data, vtable: Self::VTABLE }))
        };
        // SAFETY: made by `init`, and the body under `id` resumes it.
        unsafe { K::start((&raw mut (*this).content.running).cast(), executor, id) };
    }

    /// The output, if the child has ended and it was not taken before.
    ///
    /// # Safety
    /// `this` was made by `put` and nobody else uses it meanwhile.
    pub(crate) unsafe fn take(this: *mut Self) -> Option<K::Output> {
        // SAFETY: by the caller; the stage says what is there.
        unsafe {
            if (*this).stage != CellStage::Returned {
                return None;
            }
            (*this).stage = CellStage::Empty;
            Some(ManuallyDrop::into_inner((&raw mut (*this).content.output).read()))
        }
    }

    /// Whether this child has decided the set. When it did, all siblings that had not ended were
    /// cut, and so it is the only one.
    ///
    /// # Safety
    /// `this` was made by `put`, nobody else uses it meanwhile, and the child is not in the tree
    /// any more.
    pub(crate) unsafe fn short_circuited(this: *mut Self) -> bool {
        // SAFETY: by the caller; the stage says what is there.
        unsafe {
            (*this).stage == CellStage::Returned && P::short_circuits(&(*this).content.output)
        }
    }

    /// Drops what is there. The child must not be in the tree any more.
    ///
    /// # Safety
    /// `this` was made by `put` and nobody else uses it meanwhile.
    pub(crate) unsafe fn clear(this: *mut Self) {
        // SAFETY: by the caller; the stage says what is there, and is empty before a destructor can
        // panic.
        unsafe {
            let stage = std::mem::replace(&mut (*this).stage, CellStage::Empty);
            match stage {
                CellStage::Empty => {}
                CellStage::Input => ManuallyDrop::drop(&mut (*this).content.input),
                CellStage::Running => K::drop_in_place((&raw mut (*this).content.running).cast()),
                CellStage::Returned => ManuallyDrop::drop(&mut (*this).content.output),
            }
        }
    }

    unsafe fn resume(data: NonNull<()>, _: &Executor) -> Step {
        let this = data.cast::<Self>().as_ptr();
        // SAFETY: a child in the tree is at stage `Running` until it gives `Ready`; then it is
        // dropped once and the output takes its memory.
        unsafe {
            let running = (&raw mut (*this).content.running).cast::<K>();
            let Poll::Ready(output) = K::resume(running) else {
                return Step::Suspended;
            };
            let short_circuits = P::short_circuits(&output);
            (*this).stage = CellStage::Empty;
            K::drop_in_place(running);
            (&raw mut (*this).content.output).write(ManuallyDrop::new(output));
            (*this).stage = CellStage::Returned;
            match short_circuits {
                true if P::AT_ONCE => Step::ShortCircuitsAtOnce,
                true => Step::ShortCircuits,
                false => Step::Ended,
            }
        }
    }

    unsafe fn drop_body(data: NonNull<()>) {
        // SAFETY: by the order of calls nobody else uses the place.
        unsafe { Self::clear(data.cast().as_ptr()) }
    }
}

impl BodyRef {
    /// Runs it until it waits or has returned.
    ///
    /// # Safety
    /// It is in the tree, has not returned, and runs nowhere else.
    #[inline(always)]
    pub(super) unsafe fn resume(self, executor: &Executor) -> Step {
        // SAFETY: by the caller.
        unsafe { (self.vtable.resume)(self.data, executor) }
    }

    #[inline]
    pub(super) fn vtable(self) -> &'static VTable {
        self.vtable
    }
}

impl Body {
    #[inline]
    pub(super) fn by_ref(&self) -> BodyRef {
        self.0
    }

    #[inline]
    pub(super) fn vtable(&self) -> &'static VTable {
        self.0.vtable
    }

    #[inline]
    pub(super) fn is_spawned(&self) -> bool {
        self.0.vtable.block.is_some()
    }

    /// Gives the output, and the block back.
    ///
    /// # Safety
    /// The output is there, and is a `T`; the block came from the engine's pool.
    pub(super) unsafe fn into_output<T>(self, executor: &Executor) -> T {
        // SAFETY: by the caller it is there, at the start of the block, from which it is moved out.
        unsafe {
            let output = self.0.data.cast::<T>().read();
            self.give_back(executor);
            output
        }
    }

    /// Says that it has ended, and gives the block back.
    ///
    /// # Safety
    /// It has returned; the block came from the engine's pool.
    #[inline]
    pub(super) unsafe fn end(self, executor: &Executor) {
        let at_end = self.0.vtable.at_end;
        let emptied = Emptied(self.0, executor);
        if let Some(at_end) = at_end {
            // SAFETY: by the caller, this is the last call.
            unsafe { at_end(emptied.0.data) };
        }
    }

    /// Drops what is there and gives the block back.
    ///
    /// # Safety
    /// `flags` are those of the entry that it was in; the block came from the engine's pool.
    pub(super) unsafe fn release(self, flags: u32, executor: &Executor) {
        let ended = flags & (flag::RETURNED | flag::DONE) != 0;
        let drop = if ended { self.0.vtable.drop_output } else { self.0.vtable.drop_body };
        let emptied = Emptied(self.0, executor);
        // SAFETY: the flags tell whether the output is there; this takes the body, so it is the
        // last call.
        unsafe { drop(emptied.0.data) }
    }

    /// Gives the block back.
    ///
    /// # Safety
    /// What was in it is dropped; the block came from the engine's pool.
    pub(super) unsafe fn give_back(self, executor: &Executor) {
        drop(Emptied(self.0, executor));
    }
}

/// Gives the block of a body back to the engine's pool, from which it came, when what is in it has
/// been dropped or moved out; also by unwinding, as that drops the rest.
struct Emptied<'e>(BodyRef, &'e Executor);

impl Drop for Emptied<'_> {
    #[inline]
    fn drop(&mut self) {
        let Emptied(BodyRef { data, vtable }, executor) = self;
        if let Some(block) = vtable.block {
            // SAFETY: `SpawnedBlock::body` took the block for this layout. It is made by methods
            // that take the body, and so once.
            unsafe { executor.pool().give(data.cast(), block) }
        }
    }
}
