//! `ChildCell`: one child of a set, in the block of the set, and the policy of the set.
//!
//! A cell stores itself what is in the cell: first the input, then the running child, then the
//! output. The set looks into its cells after the children have left the tree.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::task::Poll;

use super::body::{Body, ChildBody, Step, VTable};
use super::id::Id;
use super::state::Executor;

/// When the output of a child with the output type `T` decides its set, so that the siblings are
/// removed before they have ended.
pub trait SetPolicy<T> {
    /// Called with the cell of a child when the child and its whole subtree have ended.
    const AT_END: Option<unsafe fn(NonNull<()>)> = None;

    /// Whether a deciding output removes the siblings as soon as the child has returned, and not
    /// only when the child has ended, which is after its own children.
    const AT_ONCE: bool = false;

    /// Whether `output` decides the set.
    fn short_circuits(output: &T) -> bool;
}

/// Which field of `CellContent` is initialised.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CellStage {
    /// No value, or a value that is being moved or dropped.
    Empty,
    /// The input, before the child is started.
    Input,
    /// The running child.
    Running,
    /// The output of the child.
    Returned,
}

/// The value in a cell; the stage of the cell tells which field is initialised.
union CellContent<K: ChildBody> {
    nothing: (),
    input: ManuallyDrop<K::Input>,
    running: ManuallyDrop<K>,
    output: ManuallyDrop<K::Output>,
}

/// One child in the block of its set. Always used through raw pointers, as a running child holds
/// pointers into itself.
#[repr(C)]
pub struct ChildCell<K: ChildBody, P> {
    stage: CellStage,
    content: CellContent<K>,
    policy: PhantomData<P>,
}

impl<K: ChildBody, P: SetPolicy<K::Output>> ChildCell<K, P> {
    const VTABLE: &'static VTable = &VTable {
        resume: Self::resume,
        drop_body: Self::drop_body,
        on_end: P::AT_END,
        // The output of a child that has ended belongs to the set. The output of a child that is
        // removed after returning but before its end is dropped with the child.
        drop_output: Self::drop_body,
        block: None,
        name: K::name,
        is_task: K::IS_TASK,
        runs_code: K::RUNS_CODE,
        asks: K::ASKS,
    };

    /// Returns a cell without a value, to be filled by `put`.
    pub(crate) fn empty() -> Self {
        ChildCell {
            stage: CellStage::Empty,
            content: CellContent { nothing: () },
            policy: PhantomData,
        }
    }

    /// Writes the input of a child. Whatever was in the cell is overwritten, not dropped.
    ///
    /// # Safety
    /// `this` is valid for writes and aligned.
    pub(crate) unsafe fn put(this: *mut Self, input: K::Input) {
        // SAFETY: the caller guarantees that the fields can be written.
        unsafe {
            (&raw mut (*this).stage).write(CellStage::Input);
            (&raw mut (*this).content.input).write(ManuallyDrop::new(input));
        }
    }

    /// Makes the child from its input and adds the child to the tree.
    ///
    /// # Safety
    /// `this` was made by `put`, was not started before, and stays where it is until `clear`; the
    /// children of `scope` are removed from the tree before `clear`.
    pub(crate) unsafe fn start(this: *mut Self, executor: &Executor, scope: Id) {
        // SAFETY: the caller guarantees that the cell holds the input. The input is moved out
        // before the running child is written to its memory. `this` is not null, and the body is
        // out of the tree before the cell is cleared or moved.
        let id = unsafe {
            (*this).stage = CellStage::Empty;
            let input = ManuallyDrop::into_inner((&raw mut (*this).content.input).read());
            K::init((&raw mut (*this).content.running).cast(), input);
            (*this).stage = CellStage::Running;
            let data = NonNull::new_unchecked(this.cast());
            executor.add_child(scope, Body::new(data, Self::VTABLE))
        };
        // SAFETY: the child was made by `init` above, and is the body of the entry `id`.
        unsafe { K::start((&raw mut (*this).content.running).cast(), executor, id) };
    }

    /// Takes the output. Returns `None` if the child has not returned, or if the output was taken
    /// before.
    ///
    /// # Safety
    /// `this` was made by `put` and is used by no other code meanwhile.
    pub(crate) unsafe fn take(this: *mut Self) -> Option<K::Output> {
        // SAFETY: the caller guarantees sole access; at stage `Returned` the cell holds the output.
        unsafe {
            if (*this).stage != CellStage::Returned {
                return None;
            }
            (*this).stage = CellStage::Empty;
            Some(ManuallyDrop::into_inner((&raw mut (*this).content.output).read()))
        }
    }

    /// Whether this child has decided the set. At most one child has: all siblings that had not
    /// ended were removed when the child decided.
    ///
    /// # Safety
    /// `this` was made by `put`, is used by no other code meanwhile, and the child is not in the
    /// tree any more.
    pub(crate) unsafe fn short_circuited(this: *mut Self) -> bool {
        // SAFETY: the caller guarantees sole access; at stage `Returned` the cell holds the output.
        unsafe {
            (*this).stage == CellStage::Returned && P::short_circuits(&(*this).content.output)
        }
    }

    /// Drops the value in the cell, at any stage. The cell is empty afterwards.
    ///
    /// # Safety
    /// `this` was made by `put`, is used by no other code meanwhile, and the child is not in the
    /// tree any more.
    pub(crate) unsafe fn clear(this: *mut Self) {
        // SAFETY: the caller guarantees sole access; the stage tells which field is initialised.
        // The stage is `Empty` before a destructor runs, so a destructor that panics is not run
        // again.
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
        // SAFETY: a child in the tree is at stage `Running` until the child returns `Ready`. Then
        // the child is dropped once, and the output is written to its memory. The stage is `Empty`
        // in between, in case the destructor panics.
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
        // SAFETY: by the order of calls of `VTable` the body was taken out of the tree and does not
        // run, so no other code uses the cell.
        unsafe { Self::clear(data.cast().as_ptr()) }
    }
}
