//! Sets of children: `all!`, `join!`, `race!` and their like, over tasks and requests alike.
//!
//! All children of a set live in one block of the pool, at addresses that do not change; the engine
//! resumes them directly. The set itself is the owner's end of it: it opens a scope, starts the
//! children in it, waits until the scope is empty or decided, and takes the outputs out of the
//! block. Dropping it takes the children out of the tree first and then drops what is in the block.
//!
//! Children may borrow from the frame that holds the set. That is sound only because this frame is
//! never forgotten half-way, as user code never holds it (see `traits`); where user code does hold
//! sets (`Cx`), the children are `'static`.

use std::alloc::Layout;
use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use crate::executor::{BlockOf, ChildBody, ChildCell, Executor, Id, Pool, SetPolicy};
use crate::runtime::{RunState, current};
use crate::util::PanicCollector;

/// All children, to their ends.
#[derive(Debug)]
pub struct WaitAll;

/// Until the first error; whoever made it still ends after its children.
#[derive(Debug)]
pub struct FirstErr;

/// Until the first end.
#[derive(Debug)]
pub struct FirstDone;

impl<T> SetPolicy<T> for WaitAll {
    fn short_circuits(_: &T) -> bool {
        false
    }
}

impl<T: Fallible> SetPolicy<T> for FirstErr {
    const AT_ONCE: bool = true;

    fn short_circuits(output: &T) -> bool {
        output.is_err()
    }
}

impl<T> SetPolicy<T> for FirstDone {
    fn short_circuits(_: &T) -> bool {
        true
    }
}

/// A `Result`, behind a trait for the sake of the message.
#[diagnostic::on_unimplemented(
    message = "`try_join!` and `try_all!` stop at the first error, and `{Self}` is no `Result`",
    label = "a child gives `{Self}`, not a `Result`",
    note = "for children that can't fail there are `join!` and `all!`"
)]
pub trait Fallible {
    #[doc(hidden)]
    type Ok;
    #[doc(hidden)]
    type Error;
    #[doc(hidden)]
    fn is_err(&self) -> bool;
    #[doc(hidden)]
    fn into_result(self) -> Result<Self::Ok, Self::Error>;
}

impl<T, E> Fallible for Result<T, E> {
    type Ok = T;
    type Error = E;

    fn is_err(&self) -> bool {
        Result::is_err(self)
    }

    fn into_result(self) -> Self {
        self
    }
}

/// The children of a set, in one block.
pub trait Children {
    #[doc(hidden)]
    type Outputs;

    /// # Safety
    /// Called once. `scope` is cut before `clear`.
    #[doc(hidden)]
    unsafe fn start(&mut self, executor: &Executor, scope: Id);

    /// # Safety
    /// Called once, when the scope is empty, or decided and closed.
    #[doc(hidden)]
    unsafe fn outputs(&mut self) -> Self::Outputs;

    /// # Safety
    /// Called once, last; no child is in the tree any more.
    #[doc(hidden)]
    unsafe fn clear(&mut self, pool: &Pool);
}

/// The future of a set of children.
#[must_use]
pub struct Set<G: Children> {
    // In a block of its own: each frame has room for the sets that its task may make, and the
    // leaves of a tree make none.
    state: NonNull<SetState<G>>,
    owns: PhantomData<SetState<G>>,
}

struct SetState<G> {
    children: G,
    /// Where the children are; `NEW` or `OVER` when there are none.
    scope: Id,
    /// The core of the run that it was made in. A frame that is dropped, or polled by hand, may be
    /// so while another run is being turned inside this one.
    run: NonNull<RunState>,
}

const NEW: Id = Id::NONE;
const OVER: Id = Id::NOBODY;

impl<G: Children> Set<G> {
    const BLOCK: BlockOf = BlockOf::new(Layout::new::<SetState<G>>());

    fn new(run: &RunState, children: G) -> Self {
        let state = run.executor.pool().take(Self::BLOCK).cast();
        // SAFETY: the block has this layout, and is the set's own until `drop` gives it back.
        unsafe { state.write(SetState { children, scope: NEW, run: NonNull::from(run) }) };
        Set { state, owns: PhantomData }
    }

    fn state(&mut self) -> &mut SetState<G> {
        // SAFETY: `new` has written it, `drop` alone gives it back, and who has the set has the
        // only way to it.
        unsafe { self.state.as_mut() }
    }
}

impl<G: Children> Unpin for Set<G> {}

impl<G: Children> Future for Set<G> {
    type Output = G::Outputs;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<G::Outputs> {
        let state = self.state();
        current::with(|run| {
            assert!(
                state.run == NonNull::from(run),
                "corio: what a `Cx` gives can only be awaited in the run that it was made in"
            );
            let executor = &run.executor;
            assert!(state.scope != OVER, "corio: a set of children was polled after it was over");
            if state.scope == NEW {
                state.scope = executor.open_scope();
                // SAFETY: once, as the scope is not new any more; `drop` closes it before it
                // clears.
                unsafe { state.children.start(executor, state.scope) };
            }
            if !executor.await_children(state.scope) {
                return Poll::Pending;
            }
            let scope = mem::replace(&mut state.scope, OVER);
            executor.close_scope(scope);
            // SAFETY: once, as the scope is over; it is closed.
            Poll::Ready(unsafe { state.children.outputs() })
        })
    }
}

impl<G: Children> Drop for Set<G> {
    fn drop(&mut self) {
        let block = self.state.cast();
        let SetState { children, scope, run } = self.state();
        // SAFETY: a set lives in the frame of a task, or is bound to one by the lifetime of a `Cx`.
        // Frames are dropped before the run lets go of its core, or never.
        let executor = unsafe { &run.as_ref().executor };
        let mut panics = PanicCollector::default();
        // No entry has the ids of those that are new or over.
        panics.run(|| executor.close_scope(*scope));
        // SAFETY: once, as this is the destructor; the scope is closed, or was never opened.
        panics.run(|| unsafe { children.clear(executor.pool()) });
        // SAFETY: a group that is cleared needs no drop, nobody uses the block any more, and it
        // came from this pool with this layout.
        unsafe { executor.pool().give(block, Self::BLOCK) };
        panics.finish();
    }
}

// ── any number of children of one type ──

const TOO_MANY: &str = "corio: more than four billion children in one set";

/// Children side by side.
pub struct ChildVec<K: ChildBody, P> {
    cells: NonNull<ChildCell<K, P>>,
    len: u32,
    capacity: u32,
    owns: PhantomData<ChildCell<K, P>>,
}

impl<K: ChildBody, P: SetPolicy<K::Output>> ChildVec<K, P> {
    fn with_capacity(pool: &Pool, capacity: usize) -> Self {
        let capacity = u32::try_from(capacity).expect(TOO_MANY);
        ChildVec {
            cells: pool.take(Self::block(capacity)).cast(),
            len: 0,
            capacity,
            owns: PhantomData,
        }
    }

    /// Adds a child. The block may move: places that are not started can.
    fn push(&mut self, pool: &Pool, input: K::Input) {
        if self.len == self.capacity {
            self.grow(pool);
        }
        // SAFETY: `len < capacity`, so the place lies in the block and holds nothing.
        unsafe { ChildCell::put(self.cells.as_ptr().add(self.len as usize), input) };
        self.len += 1;
    }

    fn block(capacity: u32) -> BlockOf {
        BlockOf::new(
            Layout::array::<ChildCell<K, P>>(capacity as usize)
                .expect("a set smaller than the address space"),
        )
    }

    fn grow(&mut self, pool: &Pool) {
        assert!(self.capacity < u32::MAX, "{TOO_MANY}");
        let capacity = self.capacity.saturating_mul(2).max(4);
        let cells = pool.take(Self::block(capacity)).cast::<ChildCell<K, P>>();
        // SAFETY: both blocks hold at least `len` places, and are not the same; seeds can be moved.
        // The old block came from this pool with this layout.
        unsafe {
            self.cells.copy_to_nonoverlapping(cells, self.len as usize);
            pool.give(self.cells.cast(), Self::block(self.capacity));
        }
        (self.cells, self.capacity) = (cells, capacity);
    }

    fn cells(&self) -> impl ExactSizeIterator<Item = *mut ChildCell<K, P>> + use<K, P> {
        let cells = self.cells;
        // SAFETY: every index is below `len`, and so lies in the block.
        (0..self.len as usize).map(move |index| unsafe { cells.as_ptr().add(index) })
    }

    unsafe fn start_all(&self, executor: &Executor, scope: Id) {
        for cell in self.cells() {
            // SAFETY: by the caller each place holds its seed, and is cleared after the scope is
            // cut.
            unsafe { ChildCell::start(cell, executor, scope) };
        }
    }

    unsafe fn take_all(&self) -> impl ExactSizeIterator<Item = K::Output> + use<K, P> {
        // SAFETY: by the caller the places were made, and nobody else uses them.
        self.cells().map(|cell| unsafe { ChildCell::take(cell) }.expect("every child has ended"))
    }

    unsafe fn short_circuited(&self) -> Option<K::Output> {
        // SAFETY: by the caller the places were made, and nobody else uses them.
        self.cells()
            .find(|cell| unsafe { ChildCell::short_circuited(*cell) })
            .and_then(|cell| unsafe { ChildCell::take(cell) })
    }

    unsafe fn clear_all(&self, pool: &Pool) {
        let mut panics = PanicCollector::default();
        for cell in self.cells() {
            // SAFETY: by the caller no child is in the tree; each place was made, and nobody else
            // uses it.
            panics.run(|| unsafe { ChildCell::clear(cell) });
        }
        // SAFETY: every place is empty, and the block came from this pool with this layout.
        unsafe { pool.give(self.cells.cast(), Self::block(self.capacity)) };
        panics.finish();
    }
}

impl<K: ChildBody> Children for ChildVec<K, WaitAll> {
    type Outputs = Vec<K::Output>;

    unsafe fn start(&mut self, executor: &Executor, scope: Id) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.start_all(executor, scope) }
    }

    unsafe fn outputs(&mut self) -> Vec<K::Output> {
        // SAFETY: by the caller every child has ended.
        let outputs = unsafe { self.take_all() }.collect();
        // Nothing is left to clear.
        self.len = 0;
        outputs
    }

    unsafe fn clear(&mut self, pool: &Pool) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.clear_all(pool) }
    }
}

impl<K: ChildBody<Output: Fallible<Ok = T, Error = E>>, T, E> Children for ChildVec<K, FirstErr> {
    type Outputs = Result<Vec<T>, E>;

    unsafe fn start(&mut self, executor: &Executor, scope: Id) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.start_all(executor, scope) }
    }

    unsafe fn outputs(&mut self) -> Result<Vec<T>, E> {
        // SAFETY: by the caller one has decided, or every child has ended.
        match unsafe { self.short_circuited() } {
            Some(short_circuited) => {
                short_circuited.into_result().map(|_| unreachable!("only an error decides"))
            }
            None => {
                // `collect` does not know how many there will be, and would allocate again and
                // again.
                let mut outputs = Vec::with_capacity(self.len as usize);
                // SAFETY: as above.
                for output in unsafe { self.take_all() } {
                    outputs.push(output.into_result()?);
                }
                Ok(outputs)
            }
        }
    }

    unsafe fn clear(&mut self, pool: &Pool) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.clear_all(pool) }
    }
}

impl<K: ChildBody, P: SetPolicy<K::Output>> Set<ChildVec<K, P>>
where
    ChildVec<K, P>: Children,
{
    /// Children of one kind, made from an iterator of their seeds.
    pub(super) fn list(inputs: impl IntoIterator<Item = K::Input>) -> Self {
        let inputs = inputs.into_iter();
        current::with(|run| {
            let pool = run.executor.pool();
            // A set from the start: the iterator is user code, and if it panics, what it gave
            // before is dropped with the set.
            let mut set = Set::new(run, ChildVec::with_capacity(pool, inputs.size_hint().0));
            for input in inputs {
                set.state().children.push(pool, input);
            }
            set
        })
    }
}

// ── up to eight children of different types ──

/// Children of different kinds: `C` is a tuple of their places.
pub struct ChildTuple<C> {
    cells: NonNull<C>,
    owns: PhantomData<C>,
}

impl<C> ChildTuple<C> {
    fn take_block(pool: &Pool) -> Self {
        ChildTuple {
            cells: pool.take(const { BlockOf::new(Layout::new::<C>()) }).cast(),
            owns: PhantomData,
        }
    }
}

/// Something that becomes a child: see `Child` and `RequestInput`.
pub trait IntoChild {
    #[doc(hidden)]
    type ChildBody: ChildBody<Input = Self::Input>;
    #[doc(hidden)]
    type Input;
    #[doc(hidden)]
    fn into_input(self) -> Self::Input;
}

/// A tuple of one to eight children.
#[diagnostic::on_unimplemented(
    message = "these children can't go together",
    label = "not one to eight children",
    note = "`try_join!` takes children that give a `Result` with one type of error; `race!` takes \
            children that give the same type"
)]
pub trait IntoChildren<P> {
    #[doc(hidden)]
    type Children: Children;
    #[doc(hidden)]
    fn into_children(self, pool: &Pool) -> Self::Children;
}

impl<G: Children> Set<G> {
    /// Children of different kinds.
    pub(super) fn tuple<P>(inputs: impl IntoChildren<P, Children = G>) -> Self {
        current::with(|run| Set::new(run, inputs.into_children(run.executor.pool())))
    }
}

/// The part that is the same for every policy: places of a tuple are started, and cleared, one by
/// one.
macro_rules! tuple_basics {
    ($policy:ident, [$($T:ident $at:tt),+]) => {
        unsafe fn start(&mut self, executor: &Executor, scope: Id) {
            // SAFETY: each place holds its seed, and is cleared after the scope is cut.
            unsafe { $(ChildCell::start(&raw mut (*self.cells.as_ptr()).$at, executor, scope);)+ }
        }

        unsafe fn clear(&mut self, pool: &Pool) {
            let mut panics = PanicCollector::default();
            // SAFETY: by the caller no child is in the tree; each place was made, and nobody else uses it.
            $(panics.run(|| unsafe { ChildCell::clear(&raw mut (*self.cells.as_ptr()).$at) });)+
            // SAFETY: every place is empty, and the block came from this pool with this layout.
            unsafe { pool.give(self.cells.cast(), const { BlockOf::new(Layout::new::<($(ChildCell<$T, $policy>,)+)>()) }) };
            panics.finish();
        }
    };
}

macro_rules! tuple {
    ($($S:ident $K:ident $T:ident $at:tt),+) => {
        impl<$($K: ChildBody),+> Children for ChildTuple<($(ChildCell<$K, WaitAll>,)+)> {
            type Outputs = ($($K::Output,)+);

            unsafe fn outputs(&mut self) -> Self::Outputs {
                // SAFETY: by the caller every child has ended.
                unsafe { ($(ChildCell::take(&raw mut (*self.cells.as_ptr()).$at).expect("every child has ended"),)+) }
            }

            tuple_basics!(WaitAll, [$($K $at),+]);
        }

        impl<$($T,)+ Error, $($K: ChildBody<Output: Fallible<Ok = $T, Error = Error>>),+> Children for ChildTuple<($(ChildCell<$K, FirstErr>,)+)> {
            type Outputs = Result<($($T,)+), Error>;

            unsafe fn outputs(&mut self) -> Self::Outputs {
                // SAFETY: by the caller one has decided, or every child has ended.
                unsafe {
                    $(
                        let cell = &raw mut (*self.cells.as_ptr()).$at;
                        if ChildCell::short_circuited(cell) {
                            match ChildCell::take(cell).map(Fallible::into_result) {
                                Some(Err(error)) => return Err(error),
                                _ => unreachable!("only an error decides"),
                            }
                        }
                    )+
                    Ok(($(ChildCell::take(&raw mut (*self.cells.as_ptr()).$at).expect("every child has ended").into_result()?,)+))
                }
            }

            tuple_basics!(FirstErr, [$($K $at),+]);
        }

        impl<Output, $($K: ChildBody<Output = Output>),+> Children for ChildTuple<($(ChildCell<$K, FirstDone>,)+)> {
            type Outputs = Output;

            unsafe fn outputs(&mut self) -> Output {
                // SAFETY: by the caller one has decided.
                unsafe {
                    $(
                        let cell = &raw mut (*self.cells.as_ptr()).$at;
                        if ChildCell::short_circuited(cell) {
                            return ChildCell::take(cell).expect("the first has ended");
                        }
                    )+
                }
                unreachable!("the set is over when one has decided")
            }

            tuple_basics!(FirstDone, [$($K $at),+]);
        }

        impl<P, $($S: IntoChild),+> IntoChildren<P> for ($($S,)+)
        where
            ChildTuple<($(ChildCell<$S::ChildBody, P>,)+)>: Children,
            $(P: SetPolicy<<$S::ChildBody as ChildBody>::Output>,)+
        {
            type Children = ChildTuple<($(ChildCell<$S::ChildBody, P>,)+)>;

            fn into_children(self, pool: &Pool) -> Self::Children {
                let children = ChildTuple::<($(ChildCell<$S::ChildBody, P>,)+)>::take_block(pool);
                // SAFETY: the block has room for the tuple, and holds nothing yet.
                unsafe { $(ChildCell::put(&raw mut (*children.cells.as_ptr()).$at, self.$at.into_input());)+ }
                children
            }
        }
    };
}

tuple!(A KA TA 0);
tuple!(A KA TA 0, B KB TB 1);
tuple!(A KA TA 0, B KB TB 1, C KC TC 2);
tuple!(A KA TA 0, B KB TB 1, C KC TC 2, D KD TD 3);
tuple!(A KA TA 0, B KB TB 1, C KC TC 2, D KD TD 3, E KE TE 4);
tuple!(A KA TA 0, B KB TB 1, C KC TC 2, D KD TD 3, E KE TE 4, F KF TF 5);
tuple!(A KA TA 0, B KB TB 1, C KC TC 2, D KD TD 3, E KE TE 4, F KF TF 5, G KG TG 6);
tuple!(A KA TA 0, B KB TB 1, C KC TC 2, D KD TD 3, E KE TE 4, F KF TF 5, G KG TG 6, H KH TH 7);
