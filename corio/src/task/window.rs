//! `all!(limit = n, tasks)`: a set that runs at most `n` children at a time.
//!
//! Each running child has a slot, which the next child reuses. When a child has ended, its slot
//! links itself into the list of ended slots, and the owner of the window is woken. The owner takes
//! the outputs and starts the next children in the freed slots. So finding the children that have
//! ended takes constant time per child, and the tasks are made one by one: any number of tasks runs
//! in the memory of `n`, besides the results.
//!
//! Invariants:
//! - Slots and the list of ended slots do not move and are freed only when the window is dropped,
//!   after its scope was closed.
//! - A slot is on the free list (its cell is empty), on the ended list (its child has ended), or on
//!   neither (its child is running, or was removed). Every slot is on the list of all slots.

use std::alloc::Layout;
use std::cell::Cell;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use super::set::{Fallible, FirstErr, WaitAll};
use crate::executor::{BlockOf, ChildBody, ChildCell, Executor, Id, Pool, SetPolicy};
use crate::runtime::{RunState, current};
use crate::util::PanicCollector;

/// The policy `P` for a child in a slot, which also links the slot into the list of ended slots.
#[derive(Debug)]
struct InWindow<K, P>(PhantomData<(K, P)>);

impl<K: ChildBody, P: SetPolicy<K::Output>> SetPolicy<K::Output> for InWindow<K, P> {
    const AT_END: Option<unsafe fn(NonNull<()>)> = Some(WindowSlot::<K, P>::at_end);
    const AT_ONCE: bool = P::AT_ONCE;

    fn short_circuits(output: &K::Output) -> bool {
        P::short_circuits(output)
    }
}

/// A cell that successive children use, with its links.
// The cell must be the first field: the executor passes its address to `at_end`.
#[repr(C)]
struct WindowSlot<K: ChildBody, P> {
    cell: ChildCell<K, InWindow<K, P>>,
    /// The index of the current child, and of its output.
    index: usize,
    ended: NonNull<EndedSlots<K, P>>,
    /// The next slot of the ended list or of the free list.
    next: Cell<*mut WindowSlot<K, P>>,
    /// The next slot of the list of all slots.
    next_of_all: *mut WindowSlot<K, P>,
}

/// The list of slots whose children have ended, the last one first.
struct EndedSlots<K: ChildBody, P> {
    first: Cell<*mut WindowSlot<K, P>>,
}

impl<K: ChildBody, P> WindowSlot<K, P> {
    /// Links the slot of a child that has ended into the list of ended slots.
    ///
    /// # Safety
    /// `cell` points to the cell of a slot whose window has not been dropped, and was made from a
    /// pointer to the whole slot.
    unsafe fn at_end(cell: NonNull<()>) {
        let slot = cell.cast::<Self>();
        // SAFETY: the cell is the first field of its slot, and the pointer to the cell comes from a
        // pointer to the slot; slot and list are freed only with the window.
        unsafe {
            let ended = &slot.as_ref().ended.as_ref().first;
            slot.as_ref().next.set(ended.replace(slot.as_ptr()));
        }
    }
}

/// The future of `all!(limit = n, tasks)`.
#[must_use]
pub struct Window<I, K: ChildBody, P: SetPolicy<K::Output>> {
    /// `None` once the iterator has ended.
    inputs: Option<I>,
    /// How many more slots may be allocated.
    slots_left: usize,
    /// Number of children that run, or have ended and not been collected.
    running: usize,
    /// Number of children that were started so far.
    started: usize,
    /// By index of the child; `None` while the child runs.
    outputs: Vec<Option<K::Output>>,
    ended: NonNull<EndedSlots<K, P>>,
    /// The head of the free list.
    free: *mut WindowSlot<K, P>,
    /// The head of the list of all slots.
    all: *mut WindowSlot<K, P>,
    /// `None` before the first poll.
    scope: Option<Id>,
    /// The run that the window was made in.
    run: NonNull<RunState>,
    policy: PhantomData<P>,
}

// Nothing in a window is pinned: slots and the ended list have blocks of their own.
impl<I, K: ChildBody, P: SetPolicy<K::Output>> Unpin for Window<I, K, P> {}

/// The largest number of results for which memory is allocated in advance, by the size hint of the
/// iterator. An endless iterator, which is used until the first error, may give a huge hint.
const MAX_PREALLOCATED: usize = 1 << 20;

impl<I: Iterator<Item = K::Input>, K: ChildBody, P: SetPolicy<K::Output>> Window<I, K, P> {
    /// A window over children made from `inputs`, of which at most `limit` run at a time.
    ///
    /// # Panics
    /// If `limit` is 0.
    #[track_caller]
    pub(super) fn new(limit: usize, inputs: I) -> Self {
        assert!(limit > 0, "corio: a limit of at least 1, or no child would ever run");
        // `size_hint` is user code and may panic, so it is called before a block is taken.
        let outputs = Vec::with_capacity(inputs.size_hint().0.min(MAX_PREALLOCATED));
        current::with(|run| {
            let ended = run
                .executor
                .pool()
                .take(const { BlockOf::new(Layout::new::<EndedSlots<K, P>>()) })
                .cast::<EndedSlots<K, P>>();
            // SAFETY: the block has the layout of `EndedSlots`, and the window owns it.
            unsafe { ended.write(EndedSlots { first: Cell::new(ptr::null_mut()) }) };
            let run = NonNull::from(run);
            let (free, all) = (ptr::null_mut(), ptr::null_mut());
            Window {
                inputs: Some(inputs),
                slots_left: limit,
                running: 0,
                started: 0,
                outputs,
                ended,
                free,
                all,
                scope: None,
                run,
                policy: PhantomData,
            }
        })
    }

    /// Collects the children that have ended and starts the next ones. Ready with the outputs of
    /// all children, or with `Err` of the output that short-circuits the window.
    fn advance(&mut self, run: &RunState) -> Poll<Result<Vec<K::Output>, K::Output>> {
        assert!(
            self.run == NonNull::from(run),
            "corio: a set of children can only be awaited in the run that it was made in"
        );
        let executor = &run.executor;
        let scope = *self.scope.get_or_insert_with(|| executor.open_scope());
        if let Some(output) = self.drain_ended() {
            return Poll::Ready(Err(output));
        }
        // No child is started after the first error, although the failed child may not have ended
        // yet: it may wait for its own children.
        while let Some(slot) =
            self.free_slot(executor.pool()).filter(|_| !executor.has_short_circuited(scope))
        {
            // `next` is user code: if it panics, the slot is still on the free list.
            let Some(input) = self.inputs.as_mut().and_then(Iterator::next) else {
                self.inputs = None;
                break;
            };
            self.outputs.push(None);
            // SAFETY: the slot is taken off the free list, so its cell is empty and not in use. The
            // slot does not move and is freed only when the window is dropped, after the scope was
            // closed.
            unsafe {
                self.free = (*slot.as_ptr()).next.replace(ptr::null_mut());
                (*slot.as_ptr()).index = self.started;
                let cell = &raw mut (*slot.as_ptr()).cell;
                ChildCell::put(cell, input);
                ChildCell::start(cell, executor, scope);
            }
            self.started += 1;
            self.running += 1;
        }
        if self.running > 0 {
            executor.await_next_child(scope);
            return Poll::Pending;
        }
        let outputs = std::mem::take(&mut self.outputs);
        Poll::Ready(Ok(outputs
            .into_iter()
            .map(|output| output.expect("every child has ended"))
            .collect()))
    }

    /// Takes the outputs of all children that have ended and frees their slots. Stops at an output
    /// that short-circuits the window, and returns it.
    fn drain_ended(&mut self) -> Option<K::Output> {
        // SAFETY: the list is freed only when the window is dropped.
        let ended = unsafe { &self.ended.as_ref().first };
        while let Some(slot) = NonNull::new(ended.get()) {
            // SAFETY: slots are freed only when the window is dropped; the child of this one has
            // ended, so the cell is not in use.
            unsafe {
                ended.set((*slot.as_ptr()).next.replace(self.free));
                self.free = slot.as_ptr();
                let cell = &raw mut (*slot.as_ptr()).cell;
                let short_circuited = ChildCell::short_circuited(cell);
                let output = ChildCell::take(cell);
                if short_circuited {
                    return output;
                }
                self.outputs[(*slot.as_ptr()).index] = output;
            }
            self.running -= 1;
        }
        None
    }

    /// Returns the first slot of the free list, or a new one if the limit allows for more.
    fn free_slot(&mut self, pool: &Pool) -> Option<NonNull<WindowSlot<K, P>>> {
        if let Some(slot) = NonNull::new(self.free) {
            return Some(slot);
        }
        self.slots_left = self.slots_left.checked_sub(1)?;
        let slot = pool
            .take(const { BlockOf::new(Layout::new::<WindowSlot<K, P>>()) })
            .cast::<WindowSlot<K, P>>();
        // SAFETY: the block has the layout of `WindowSlot`, and the window owns it.
        unsafe {
            slot.write(WindowSlot {
                cell: ChildCell::empty(),
                index: 0,
                ended: self.ended,
                next: Cell::new(ptr::null_mut()),
                next_of_all: self.all,
            })
        };
        (self.free, self.all) = (slot.as_ptr(), slot.as_ptr());
        Some(slot)
    }
}

impl<I: Iterator<Item = K::Input>, K: ChildBody> Future for Window<I, K, WaitAll> {
    type Output = Vec<K::Output>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Vec<K::Output>> {
        current::with(|run| self.advance(run)).map(|outputs| match outputs {
            Ok(outputs) => outputs,
            Err(_) => unreachable!("no child short-circuits"),
        })
    }
}

impl<I: Iterator<Item = K::Input>, K: ChildBody<Output: Fallible<Ok = T, Error = E>>, T, E> Future
    for Window<I, K, FirstErr>
{
    type Output = Result<Vec<T>, E>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<Vec<T>, E>> {
        current::with(|run| self.advance(run)).map(|outputs| match outputs {
            Ok(outputs) => outputs.into_iter().map(Fallible::into_result).collect(),
            Err(output) => {
                output.into_result().map(|_| unreachable!("only an error short-circuits"))
            }
        })
    }
}

impl<I, K: ChildBody, P: SetPolicy<K::Output>> Drop for Window<I, K, P> {
    fn drop(&mut self) {
        // SAFETY: a window lives in the frame of a task. A run keeps its state until all frames are
        // dropped, or forever.
        let executor: &Executor = unsafe { &self.run.as_ref().executor };
        let mut panics = PanicCollector::default();
        if let Some(scope) = self.scope {
            panics.run(|| executor.close_scope(scope));
        }
        let mut next = self.all;
        while let Some(slot) = NonNull::new(next) {
            // SAFETY: the scope is closed, so the cell is not in use; the slot came from this pool
            // with this layout, and is not used any more.
            unsafe {
                next = (*slot.as_ptr()).next_of_all;
                panics.run(|| ChildCell::clear(&raw mut (*slot.as_ptr()).cell));
                executor
                    .pool()
                    .give(slot.cast(), const { BlockOf::new(Layout::new::<WindowSlot<K, P>>()) });
            }
        }
        // SAFETY: no slot is left that refers to the list; the block of the list came from this
        // pool with this layout.
        unsafe {
            executor
                .pool()
                .give(self.ended.cast(), const { BlockOf::new(Layout::new::<EndedSlots<K, P>>()) })
        };
        panics.finish();
    }
}
