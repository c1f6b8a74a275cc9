//! The memory in which children of a set run, with their scope. All `unsafe` of sets and windows is
//! here, in `child_tuple` and in `window_slots`, under the same contracts. The owners close the
//! scope before they clear the cells; `set` and `window` are safe code above them.
//!
//! | type | is |
//! |---|---|
//! | [`CellSet`] | owns the cells of a fixed number of children, and their scope |
//! | [`ChildVec`] | the cells of a set: any number of one type (`child_tuple`: up to eight types) |
//! | [`Closed`], [`ClosedCell`] | access to cells whose scope is closed: no child is in them |
//! | [`Scope`] | the scope of an owner, in the run that the owner was made in |
//!
//! # Contracts
//!
//! Kept in these three files:
//! - **In place.** A cell does not move once its child was started: the executor resumes and drops
//!   children by address. Cells are therefore in blocks of the pool, never in the frame.
//! - **Closed before cleared.** An owner starts children below its own scope only. The scope leaves
//!   the tree, and all children with it, before the cells are cleared and the blocks given back; so
//!   no child is in the tree when its memory is used again. Closing does so even if a destructor of
//!   a child panics. If the owner's task was removed from the tree, its children were dropped
//!   before the frame with the owner.
//! - **One at a time.** While a child is in the tree, the executor alone uses its cell. The owner
//!   uses a cell before the child was started, after the scope was closed, and, in a window, after
//!   the child has ended. No child runs meanwhile: an owner is used by its own task or by the
//!   destructor of that task's frame, and the run loop resumes one task at a time.
//!
//! Kept by the code that makes a set or window, which is generated code, `Cx` and the combinators
//! of this crate:
//! - **In a frame.** An owner lives in the frame of a task of the run that it was made in, or is
//!   bound to such a task by the lifetime of a `Cx`. A run keeps its state until all frames are
//!   dropped, or forever, so the state is there when the owner is dropped.
//! - **Not forgotten.** An owner of children that borrow is dropped before what they borrow ends.
//!   User code never holds such an owner, and so cannot forget it (see `traits`). The children of
//!   an owner that user code may hold are `'static`; if it is forgotten, its blocks are never given
//!   back, and stay valid.

use std::alloc::Layout;
use std::marker::PhantomData;
use std::mem;
use std::ptr::NonNull;
use std::task::Poll;

use crate::executor::{BlockOf, ChildBody, ChildCell, Executor, Id, Pool, SetPolicy};
use crate::runtime::RunState;
use crate::util::{OfRun, PanicCollector};

// ── scope and run ──

/// The scope of an owner, in the run that the owner was made in. The current run may be another
/// one: a frame may be dropped, or polled by hand, while a nested run is being turned.
pub(super) struct Scope {
    /// The id of the scope, or `NOT_OPEN` or `CLOSED`.
    id: Id,
    run: OfRun<NonNull<RunState>>,
}

/// The id of a scope that was not opened yet. No entry of the tree has this id, and closing it does
/// nothing.
const NOT_OPEN: Id = Id::NONE;
/// The id of a scope that was closed. No entry of the tree has this id either.
const CLOSED: Id = Id::NOBODY;

impl Scope {
    pub(super) fn new(run: &RunState) -> Self {
        // SAFETY: the run of the task that owns the scope; the scope is used and dropped with the
        // task.
        Scope { id: NOT_OPEN, run: unsafe { OfRun::new(NonNull::from(run)) } }
    }

    pub(super) fn is_of(&self, run: &RunState) -> bool {
        *self.run == NonNull::from(run)
    }

    pub(super) fn executor(&self) -> &Executor {
        // SAFETY: the owner of this scope lives in the frame of a task of this run, or is bound to
        // such a task by the lifetime of a `Cx`. The run keeps its state until all frames are
        // dropped, or forever; and the state is only ever used by shared references.
        unsafe { &self.run.as_ref().executor }
    }

    /// Opens the scope on the first call, and returns its id.
    pub(super) fn open(&mut self) -> Id {
        if self.id == NOT_OPEN {
            self.id = self.executor().open_scope();
        }
        self.id
    }

    /// Closes the scope, if it is open: all that is below it leaves the tree.
    pub(super) fn close(&mut self) {
        let id = mem::replace(&mut self.id, CLOSED);
        self.executor().close_scope(id);
    }
}

// ── a fixed number of children ──

/// The cells of a set, in one block: [`ChildVec`] or [`ChildTuple`].
pub trait Cells {
    /// Makes the children from their inputs and puts them into the tree, below `scope`.
    ///
    /// # Safety
    /// Called once. The children of `scope` are removed from the tree before `clear` is called.
    #[doc(hidden)]
    unsafe fn start(&mut self, executor: &Executor, scope: Id);

    /// Drops what is left in the cells and gives the block back.
    ///
    /// # Safety
    /// Called once, as the last method, with the pool that the block came from. No child is in the
    /// tree any more.
    #[doc(hidden)]
    unsafe fn clear(&mut self, pool: &Pool);
}

/// The cells of a set, with what its policy makes of the outputs.
pub trait Children: Cells + Sized {
    /// What the set gives.
    #[doc(hidden)]
    type Outputs;

    /// Takes the outputs out of the cells. Called once, when all children have ended or one has
    /// short-circuited the set.
    #[doc(hidden)]
    fn outputs(cells: Closed<'_, Self>) -> Self::Outputs;
}

/// Cells whose scope is closed: no child is in the tree, and nothing else uses the cells.
pub struct Closed<'c, G>(&'c mut G);

impl<'c, G> Closed<'c, G> {
    pub(super) fn into_cells(self) -> &'c mut G {
        self.0
    }
}

/// One cell whose scope is closed.
pub(super) struct ClosedCell<'c, K: ChildBody, P> {
    cell: *mut ChildCell<K, P>,
    cells: PhantomData<&'c mut ChildCell<K, P>>,
}

impl<K: ChildBody, P> ClosedCell<'_, K, P> {
    /// # Safety
    /// The cell was made with its set, whose scope is closed. It is not in use elsewhere while this
    /// value lives.
    pub(super) unsafe fn new(cell: *mut ChildCell<K, P>) -> Self {
        ClosedCell { cell, cells: PhantomData }
    }
}

impl<K: ChildBody, P: SetPolicy<K::Output>> ClosedCell<'_, K, P> {
    /// Takes the output, if the child has ended and the output was not taken before.
    pub(super) fn take(&mut self) -> Option<K::Output> {
        // SAFETY: the cell was made with its set. The scope is closed, and the set is borrowed for
        // as long as this value lives, so the cell is not in use elsewhere.
        unsafe { ChildCell::take(self.cell) }
    }

    /// Whether the output is there and has short-circuited the set.
    pub(super) fn short_circuited(&self) -> bool {
        // SAFETY: the cell was made with its set. The scope is closed, so the child is not in the
        // tree; the set is borrowed for as long as this value lives, so the cell is not in use
        // elsewhere.
        unsafe { ChildCell::short_circuited(self.cell) }
    }
}

/// Owns the cells of a set and their scope. Closes the scope before it clears the cells.
pub(super) struct CellSet<G: Cells> {
    // In a block of its own, to keep frames small: a frame contains all sets that its task may
    // make, and most tasks of a tree are leaves, which make none.
    state: OfRun<NonNull<CellSetState<G>>>,
    owns: PhantomData<CellSetState<G>>,
}

struct CellSetState<G> {
    /// The cells, in a block of the pool of the run that `scope` belongs to.
    cells: G,
    scope: Scope,
}

// Neither the state nor the cells are in the set itself.
impl<G: Cells> Unpin for CellSet<G> {}

impl<G: Cells> CellSet<G> {
    const BLOCK: BlockOf = BlockOf::new(Layout::new::<CellSetState<G>>());

    /// Owns the cells that `make` puts into a block of the pool, which is that of `run`.
    pub(super) fn new(run: &RunState, make: impl FnOnce(&Pool) -> G) -> Self {
        let cells = make(run.executor.pool());
        let state = run.executor.pool().take(Self::BLOCK).cast();
        // SAFETY: the block has the layout of `CellSetState<G>`, and the set owns it until `drop`
        // gives it back. It is a block of the run of the set; what is in it stands in `owns`.
        let state = unsafe {
            state.write(CellSetState { cells, scope: Scope::new(run) });
            OfRun::new(state)
        };
        CellSet { state, owns: PhantomData }
    }

    fn state(&self) -> &CellSetState<G> {
        // SAFETY: `new` has written the state and only `drop` gives it back. The set is the only
        // owner of the pointer, and is borrowed for as long as the reference.
        unsafe { self.state.as_ref() }
    }

    fn state_mut(&mut self) -> &mut CellSetState<G> {
        // SAFETY: `new` has written the state and only `drop` gives it back. The set is the only
        // owner of the pointer, and is borrowed for as long as the reference.
        unsafe { self.state.as_mut() }
    }

    /// Whether the set was made in this run.
    pub(super) fn is_of(&self, run: &RunState) -> bool {
        self.state().scope.is_of(run)
    }

    /// Starts the children on the first call. Closes the scope and gives access to the cells when
    /// all children have ended or one has short-circuited the set; until then, the running task is
    /// woken when they have.
    ///
    /// # Panics
    /// If the scope was closed before, by this method or with the task of the set.
    pub(super) fn poll_closed(&mut self) -> Poll<Closed<'_, G>> {
        let CellSetState { cells, scope } = self.state_mut();
        assert!(scope.id != CLOSED, "corio: a set of children was polled after it was over");
        if scope.id == NOT_OPEN {
            scope.open();
            // SAFETY: called once, since the scope is not `NOT_OPEN` any more; `drop` closes the
            // scope before it clears the cells.
            unsafe { cells.start(scope.executor(), scope.id) };
        }
        // Panics if the task of the set was removed from the tree: its children may still have to
        // be dropped.
        if !scope.executor().await_children(scope.id) {
            return Poll::Pending;
        }
        scope.close();
        Poll::Ready(Closed(cells))
    }
}

impl<G: Cells> Drop for CellSet<G> {
    fn drop(&mut self) {
        let block = self.state.cast();
        let CellSetState { cells, scope } = self.state_mut();
        let mut panics = PanicCollector::default();
        panics.run(|| scope.close());
        let executor = scope.executor();
        // SAFETY: called once, by the destructor. The block of the cells came from the pool of this
        // run; the scope is closed, or was never opened, so no child is in the tree.
        panics.run(|| unsafe { cells.clear(executor.pool()) });
        // SAFETY: cleared cells need no drop, the block is not used any more, and it came from this
        // pool with this layout.
        unsafe { executor.pool().give(block, Self::BLOCK) };
        panics.finish();
    }
}

// ── any number of children of one type ──

const TOO_MANY: &str = "corio: more than four billion children in one set";

/// Any number of cells of one type, side by side in a block.
pub struct ChildVec<K: ChildBody, P> {
    cells: OfRun<NonNull<ChildCell<K, P>>>,
    /// Number of cells that are in use, from the first one.
    len: u32,
    capacity: u32,
    owns: PhantomData<ChildCell<K, P>>,
}

impl<K: ChildBody, P: SetPolicy<K::Output>> CellSet<ChildVec<K, P>> {
    /// A set of children of one type, made from their inputs.
    pub(super) fn list(run: &RunState, inputs: impl Iterator<Item = K::Input>) -> Self {
        let pool = run.executor.pool();
        // The set is made before the inputs are: the iterator is user code, and if it panics, the
        // inputs that it has given are dropped with the set.
        let mut set = Self::new(run, |pool| ChildVec::with_capacity(pool, inputs.size_hint().0));
        for input in inputs {
            set.state_mut().cells.push(pool, input);
        }
        set
    }
}

impl<K: ChildBody, P: SetPolicy<K::Output>> ChildVec<K, P> {
    fn with_capacity(pool: &Pool, capacity: usize) -> Self {
        let capacity = u32::try_from(capacity).expect(TOO_MANY);
        let cells = pool.take(Self::block(capacity)).cast();
        ChildVec {
            // SAFETY: a block of the run of the set; what is in it stands in `owns`.
            cells: unsafe { OfRun::new(cells) },
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
        (*self.cells, self.capacity) = (cells, capacity);
    }

    fn cells(&self) -> impl ExactSizeIterator<Item = *mut ChildCell<K, P>> + use<K, P> {
        let cells = *self.cells;
        // SAFETY: every index is below `len`, so the cell lies in the block.
        (0..self.len as usize).map(move |index| unsafe { cells.as_ptr().add(index) })
    }
}

impl<K: ChildBody, P: SetPolicy<K::Output>> Cells for ChildVec<K, P> {
    unsafe fn start(&mut self, executor: &Executor, scope: Id) {
        for cell in self.cells() {
            // SAFETY: `push` has put the input into the cell, and the caller calls this once. The
            // caller guarantees that the children of `scope` are removed before the cells are
            // cleared, and nothing else moves or frees them.
            unsafe { ChildCell::start(cell, executor, scope) };
        }
    }

    unsafe fn clear(&mut self, pool: &Pool) {
        let mut panics = PanicCollector::default();
        for cell in self.cells() {
            // SAFETY: `push` has made the cell, and the caller guarantees that no child is in the
            // tree, so the cell is not in use.
            panics.run(|| unsafe { ChildCell::clear(cell) });
        }
        // SAFETY: every cell is empty, this is the last use of the block, and the caller guarantees
        // that it came from this pool; its layout is that of `capacity` cells.
        unsafe { pool.give(self.cells.cast(), Self::block(self.capacity)) };
        panics.finish();
    }
}

impl<'c, K: ChildBody, P: SetPolicy<K::Output>> Closed<'c, ChildVec<K, P>> {
    /// The number of children.
    pub(super) fn len(&self) -> usize {
        self.0.len as usize
    }

    pub(super) fn iter(&mut self) -> impl ExactSizeIterator<Item = ClosedCell<'_, K, P>> {
        // SAFETY: each cell was made with the set, and is used by one `ClosedCell`, which borrows
        // what closed cells are.
        self.0.cells().map(|cell| unsafe { ClosedCell::new(cell) })
    }

    /// Takes the outputs of all children.
    ///
    /// # Panics
    /// If a child has not ended.
    pub(super) fn take_all(mut self) -> Vec<K::Output> {
        let outputs =
            self.iter().map(|mut cell| cell.take().expect("every child has ended")).collect();
        // All cells are empty: `clear` need not visit them.
        self.0.len = 0;
        outputs
    }
}
