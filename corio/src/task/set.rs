//! Sets of children: `all!`, `try_all!`, `join!`, `try_join!`, `race!`, `io!(a, b)` and `io_all!`,
//! over tasks and requests alike.
//!
//! A [`Set`] is the owner's end. It opens a scope, starts the children in the scope, waits until
//! the scope is empty or the set was short-circuited, and takes the outputs out of the cells. A set
//! takes two blocks of the pool: one for its own state and one for all cells, besides the `Vec` of
//! the results.
//!
//! Invariants:
//! - Cells do not move once their children have started: the executor resumes children by address.
//! - Dropping a set closes the scope first, which removes the children from the tree, and then
//!   clears the cells.
//! - Children may borrow from the frame that holds the set. This is sound because user code never
//!   holds such a frame, and so cannot forget it (see `traits`); where user code does hold sets
//!   (`Cx`), the children are `'static`.
//! - When a child has short-circuited its set, all siblings that had not ended were removed. So at
//!   most one child per set has short-circuited.

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

/// The policy of `all!` and `join!`: the set is over when all children have ended.
#[derive(Debug)]
pub struct WaitAll;

/// The policy of `try_all!` and `try_join!`: the set is over at the first error. The child that
/// failed still ends after its own children; its siblings are dropped at once.
#[derive(Debug)]
pub struct FirstErr;

/// The policy of `race!`: the set is over when the first child has ended.
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

/// A `Result`. A trait instead of the type, for the sake of the error message.
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

/// The cells of a set, in one block.
pub trait Children {
    /// What the set gives.
    #[doc(hidden)]
    type Outputs;

    /// Makes the children from their inputs and puts them into the tree, below `scope`.
    ///
    /// # Safety
    /// Called once. The children of `scope` are removed from the tree before `clear` is called.
    #[doc(hidden)]
    unsafe fn start(&mut self, executor: &Executor, scope: Id);

    /// Takes the outputs out of the cells.
    ///
    /// # Safety
    /// Called once, after `start`, when all children have ended or one has short-circuited the set,
    /// and the scope is closed.
    #[doc(hidden)]
    unsafe fn outputs(&mut self) -> Self::Outputs;

    /// Drops what is left in the cells and gives the block back.
    ///
    /// # Safety
    /// Called once, as the last method, with the pool that the block came from. No child is in the
    /// tree any more.
    #[doc(hidden)]
    unsafe fn clear(&mut self, pool: &Pool);
}

/// The future of a set of children.
#[must_use]
pub struct Set<G: Children> {
    // In a block of its own, to keep frames small: a frame contains all sets that its task may
    // make, and most tasks of a tree are leaves, which make none.
    state: NonNull<SetState<G>>,
    owns: PhantomData<SetState<G>>,
}

struct SetState<G> {
    children: G,
    /// The scope of the children, or `NOT_STARTED` or `FINISHED`.
    scope: Id,
    /// The run that the set was made in. The current run may be another one: a frame may be
    /// dropped, or polled by hand, while a nested run is being turned.
    run: NonNull<RunState>,
}

/// The scope of a set that was not polled yet. No entry of the tree has this id.
const NOT_STARTED: Id = Id::NONE;
/// The scope of a set whose outputs were taken. No entry of the tree has this id.
const FINISHED: Id = Id::NOBODY;

impl<G: Children> Set<G> {
    const BLOCK: BlockOf = BlockOf::new(Layout::new::<SetState<G>>());

    fn new(run: &RunState, children: G) -> Self {
        let state = run.executor.pool().take(Self::BLOCK).cast();
        // SAFETY: the block has the layout of `SetState<G>`, and the set owns it until `drop` gives
        // it back.
        unsafe { state.write(SetState { children, scope: NOT_STARTED, run: NonNull::from(run) }) };
        Set { state, owns: PhantomData }
    }

    fn state(&mut self) -> &mut SetState<G> {
        // SAFETY: `new` has written the state, only `drop` gives it back, and the set is the only
        // owner of the pointer.
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
            assert!(
                state.scope != FINISHED,
                "corio: a set of children was polled after it was over"
            );
            if state.scope == NOT_STARTED {
                state.scope = executor.open_scope();
                // SAFETY: called once, since the scope is not `NOT_STARTED` any more; `drop` closes
                // the scope before it clears the cells.
                unsafe { state.children.start(executor, state.scope) };
            }
            if !executor.await_children(state.scope) {
                return Poll::Pending;
            }
            let scope = mem::replace(&mut state.scope, FINISHED);
            executor.close_scope(scope);
            // SAFETY: called once, since the scope is `FINISHED` now; the scope has no children
            // any more, or one child has short-circuited the set, and the scope was just closed.
            Poll::Ready(unsafe { state.children.outputs() })
        })
    }
}

impl<G: Children> Drop for Set<G> {
    fn drop(&mut self) {
        let block = self.state.cast();
        let SetState { children, scope, run } = self.state();
        // SAFETY: a set lives in the frame of a task, or is bound to one by the lifetime of a `Cx`.
        // A run keeps its state until all frames are dropped, or forever.
        let executor = unsafe { &run.as_ref().executor };
        let mut panics = PanicCollector::default();
        // Does nothing for a set that was not started or is finished.
        panics.run(|| executor.close_scope(*scope));
        // SAFETY: called once, by the destructor; the scope is closed, or was never opened.
        panics.run(|| unsafe { children.clear(executor.pool()) });
        // SAFETY: cleared children need no drop, the block is not used any more, and it came from
        // this pool with this layout.
        unsafe { executor.pool().give(block, Self::BLOCK) };
        panics.finish();
    }
}

// ── any number of children of one type ──

const TOO_MANY: &str = "corio: more than four billion children in one set";

/// Any number of cells of one type, side by side in a block.
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

    /// Adds a child. May move the cells, which is allowed until the children are started.
    fn push(&mut self, pool: &Pool, input: K::Input) {
        if self.len == self.capacity {
            self.grow(pool);
        }
        // SAFETY: `len < capacity`, so the cell lies in the block; nothing was written there yet.
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
        // SAFETY: the two blocks are distinct and have space for at least `len` cells each; cells
        // that hold inputs can be moved. The old block came from this pool with this layout.
        unsafe {
            self.cells.copy_to_nonoverlapping(cells, self.len as usize);
            pool.give(self.cells.cast(), Self::block(self.capacity));
        }
        (self.cells, self.capacity) = (cells, capacity);
    }

    fn cells(&self) -> impl ExactSizeIterator<Item = *mut ChildCell<K, P>> + use<K, P> {
        let cells = self.cells;
        // SAFETY: every index is below `len`, so the cell lies in the block.
        (0..self.len as usize).map(move |index| unsafe { cells.as_ptr().add(index) })
    }

    /// # Safety
    /// As `Children::start`.
    unsafe fn start_all(&self, executor: &Executor, scope: Id) {
        for cell in self.cells() {
            // SAFETY: each cell holds its input, since the caller calls this once; the caller
            // guarantees that the children of `scope` are removed before the cells are cleared.
            unsafe { ChildCell::start(cell, executor, scope) };
        }
    }

    /// Takes the outputs of all children, which must have ended.
    ///
    /// # Safety
    /// No child is in the tree any more, and the cells are not in use elsewhere while the iterator
    /// is used.
    unsafe fn take_all(&self) -> impl ExactSizeIterator<Item = K::Output> + use<K, P> {
        // SAFETY: `push` has made the cells; the caller guarantees that they are not in use.
        self.cells().map(|cell| unsafe { ChildCell::take(cell) }.expect("every child has ended"))
    }

    /// Takes the output that has short-circuited the set, if there is one. Linear in the number of
    /// children.
    ///
    /// # Safety
    /// No child is in the tree any more, and the cells are not in use elsewhere.
    unsafe fn take_short_circuited(&self) -> Option<K::Output> {
        // SAFETY: `push` has made the cells; the caller guarantees that no child is in the tree and
        // that the cells are not in use.
        self.cells()
            .find(|cell| unsafe { ChildCell::short_circuited(*cell) })
            .and_then(|cell| unsafe { ChildCell::take(cell) })
    }

    /// # Safety
    /// As `Children::clear`.
    unsafe fn clear_all(&self, pool: &Pool) {
        let mut panics = PanicCollector::default();
        for cell in self.cells() {
            // SAFETY: `push` has made the cell, and the caller guarantees that no child is in the
            // tree, so the cell is not in use.
            panics.run(|| unsafe { ChildCell::clear(cell) });
        }
        // SAFETY: every cell is empty, and the block came from this pool with this layout.
        unsafe { pool.give(self.cells.cast(), Self::block(self.capacity)) };
        panics.finish();
    }
}

impl<K: ChildBody> Children for ChildVec<K, WaitAll> {
    type Outputs = Vec<K::Output>;

    unsafe fn start(&mut self, executor: &Executor, scope: Id) {
        // SAFETY: the caller guarantees the contract of `Children::start`.
        unsafe { self.start_all(executor, scope) }
    }

    unsafe fn outputs(&mut self) -> Vec<K::Output> {
        // SAFETY: the caller guarantees that all children have ended, since `WaitAll` never
        // short-circuits, and that the scope is closed.
        let outputs = unsafe { self.take_all() }.collect();
        // All cells are empty: `clear` need not visit them.
        self.len = 0;
        outputs
    }

    unsafe fn clear(&mut self, pool: &Pool) {
        // SAFETY: the caller guarantees the contract of `Children::clear`.
        unsafe { self.clear_all(pool) }
    }
}

impl<K: ChildBody<Output: Fallible<Ok = T, Error = E>>, T, E> Children for ChildVec<K, FirstErr> {
    type Outputs = Result<Vec<T>, E>;

    unsafe fn start(&mut self, executor: &Executor, scope: Id) {
        // SAFETY: the caller guarantees the contract of `Children::start`.
        unsafe { self.start_all(executor, scope) }
    }

    unsafe fn outputs(&mut self) -> Result<Vec<T>, E> {
        // SAFETY: the caller guarantees that the scope is closed, so no child is in the tree.
        match unsafe { self.take_short_circuited() } {
            Some(output) => {
                output.into_result().map(|_| unreachable!("only an error short-circuits"))
            }
            None => {
                // Not `collect`: into a `Result` it knows no lower bound of the length, and would
                // allocate several times.
                let mut outputs = Vec::with_capacity(self.len as usize);
                // SAFETY: the caller guarantees that the scope is closed; no child has
                // short-circuited the set, so all have ended.
                for output in unsafe { self.take_all() } {
                    outputs.push(output.into_result()?);
                }
                Ok(outputs)
            }
        }
    }

    unsafe fn clear(&mut self, pool: &Pool) {
        // SAFETY: the caller guarantees the contract of `Children::clear`.
        unsafe { self.clear_all(pool) }
    }
}

impl<K: ChildBody, P: SetPolicy<K::Output>> Set<ChildVec<K, P>>
where
    ChildVec<K, P>: Children,
{
    /// A set of children of one type, made from their inputs.
    pub(super) fn list(inputs: impl IntoIterator<Item = K::Input>) -> Self {
        let inputs = inputs.into_iter();
        current::with(|run| {
            let pool = run.executor.pool();
            // The set is made before the inputs are: the iterator is user code, and if it panics,
            // the inputs that it has given are dropped with the set.
            let mut set = Set::new(run, ChildVec::with_capacity(pool, inputs.size_hint().0));
            for input in inputs {
                set.state().children.push(pool, input);
            }
            set
        })
    }
}

// ── up to eight children of different types ──

/// Children of different types: `C` is a tuple of their cells.
pub struct ChildTuple<C> {
    cells: NonNull<C>,
    owns: PhantomData<C>,
}

impl<C> ChildTuple<C> {
    /// A block for the tuple; nothing is written to the cells yet.
    fn allocate(pool: &Pool) -> Self {
        ChildTuple {
            cells: pool.take(const { BlockOf::new(Layout::new::<C>()) }).cast(),
            owns: PhantomData,
        }
    }
}

/// Something that becomes a child of a set, as `Child` and `RequestInput` do.
pub trait IntoChild {
    /// How the child runs in its cell.
    #[doc(hidden)]
    type ChildBody: ChildBody<Input = Self::Input>;
    /// What the child is made from.
    #[doc(hidden)]
    type Input;
    /// Converts into the input of the child.
    #[doc(hidden)]
    fn into_input(self) -> Self::Input;
}

/// A tuple of one to eight children, under the policy `P`.
#[diagnostic::on_unimplemented(
    message = "these children can't go together",
    label = "not one to eight children",
    note = "`try_join!` takes children that give a `Result` with one type of error; `race!` takes \
            children that give the same type"
)]
pub trait IntoChildren<P> {
    /// The cells of the children.
    #[doc(hidden)]
    type Children: Children;
    /// Puts the inputs of the children into cells in one block of the pool.
    #[doc(hidden)]
    fn into_children(self, pool: &Pool) -> Self::Children;
}

impl<G: Children> Set<G> {
    /// A set of one to eight children of different types.
    pub(super) fn tuple<P>(inputs: impl IntoChildren<P, Children = G>) -> Self {
        current::with(|run| Set::new(run, inputs.into_children(run.executor.pool())))
    }
}

/// The methods of `Children` that are equal for every policy: start and clear the cells of a tuple
/// one by one. `$K` are the bodies of the children, `$at` their positions.
macro_rules! start_and_clear_tuple {
    ($policy:ident, [$($K:ident $at:tt),+]) => {
        unsafe fn start(&mut self, executor: &Executor, scope: Id) {
            // SAFETY: each cell holds its input, since the caller calls this once; the caller
            // guarantees that the children of `scope` are removed before the cells are cleared.
            unsafe {
                $(ChildCell::start(&raw mut (*self.cells.as_ptr()).$at, executor, scope);)+
            }
        }

        unsafe fn clear(&mut self, pool: &Pool) {
            let mut panics = PanicCollector::default();
            // SAFETY: `into_children` has made the cells, and the caller guarantees that no child
            // is in the tree, so the cells are not in use.
            $(panics.run(|| unsafe { ChildCell::clear(&raw mut (*self.cells.as_ptr()).$at) });)+
            let block = const { BlockOf::new(Layout::new::<($(ChildCell<$K, $policy>,)+)>()) };
            // SAFETY: every cell is empty, and the block came from this pool with this layout.
            unsafe { pool.give(self.cells.cast(), block) };
            panics.finish();
        }
    };
}

/// Implements sets of one number of children. `$S` are converted into children with bodies `$K` at
/// positions `$at`; under `FirstErr` the outputs are `Result`s of `$T`.
macro_rules! tuple {
    ($($S:ident $K:ident $T:ident $at:tt),+) => {
        impl<$($K: ChildBody),+> Children for ChildTuple<($(ChildCell<$K, WaitAll>,)+)> {
            type Outputs = ($($K::Output,)+);

            unsafe fn outputs(&mut self) -> Self::Outputs {
                // SAFETY: `into_children` has made the cells; the caller guarantees that the scope
                // is closed, so no child is in the tree.
                unsafe {
                    ($(
                        ChildCell::take(&raw mut (*self.cells.as_ptr()).$at)
                            .expect("every child has ended"),
                    )+)
                }
            }

            start_and_clear_tuple!(WaitAll, [$($K $at),+]);
        }

        impl<$($T,)+ Error, $($K),+> Children for ChildTuple<($(ChildCell<$K, FirstErr>,)+)>
        where
            $($K: ChildBody<Output: Fallible<Ok = $T, Error = Error>>,)+
        {
            type Outputs = Result<($($T,)+), Error>;

            unsafe fn outputs(&mut self) -> Self::Outputs {
                // SAFETY: `into_children` has made the cells; the caller guarantees that the scope
                // is closed, so no child is in the tree.
                unsafe {
                    $(
                        let cell = &raw mut (*self.cells.as_ptr()).$at;
                        if ChildCell::short_circuited(cell) {
                            match ChildCell::take(cell).map(Fallible::into_result) {
                                Some(Err(error)) => return Err(error),
                                _ => unreachable!("only an error short-circuits"),
                            }
                        }
                    )+
                    Ok(($(
                        ChildCell::take(&raw mut (*self.cells.as_ptr()).$at)
                            .expect("every child has ended")
                            .into_result()?,
                    )+))
                }
            }

            start_and_clear_tuple!(FirstErr, [$($K $at),+]);
        }

        impl<Output, $($K),+> Children for ChildTuple<($(ChildCell<$K, FirstDone>,)+)>
        where
            $($K: ChildBody<Output = Output>,)+
        {
            type Outputs = Output;

            unsafe fn outputs(&mut self) -> Output {
                // SAFETY: `into_children` has made the cells; the caller guarantees that the scope
                // is closed, so no child is in the tree.
                unsafe {
                    $(
                        let cell = &raw mut (*self.cells.as_ptr()).$at;
                        if ChildCell::short_circuited(cell) {
                            return ChildCell::take(cell).expect("the first has ended");
                        }
                    )+
                }
                unreachable!("the set is over when a child has short-circuited it")
            }

            start_and_clear_tuple!(FirstDone, [$($K $at),+]);
        }

        impl<P, $($S: IntoChild),+> IntoChildren<P> for ($($S,)+)
        where
            ChildTuple<($(ChildCell<$S::ChildBody, P>,)+)>: Children,
            $(P: SetPolicy<<$S::ChildBody as ChildBody>::Output>,)+
        {
            type Children = ChildTuple<($(ChildCell<$S::ChildBody, P>,)+)>;

            fn into_children(self, pool: &Pool) -> Self::Children {
                let children = ChildTuple::<($(ChildCell<$S::ChildBody, P>,)+)>::allocate(pool);
                // SAFETY: the block has the layout of the tuple, and nothing was written to the
                // cells yet.
                unsafe {
                    $(
                        let cell = &raw mut (*children.cells.as_ptr()).$at;
                        ChildCell::put(cell, self.$at.into_input());
                    )+
                }
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
