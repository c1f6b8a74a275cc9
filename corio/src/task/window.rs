//! `all!(limit = n, tasks)`: a set of children of which only so many are there at a time.
//!
//! Each child has a slot, which the next one takes over. When a child has ended, its slot puts
//! itself on a list, and the owner is woken, who takes the outputs out and starts the
//! next children. So nobody looks for who has ended, and the tasks are made one by one: any number
//! of them runs in the memory of a few, results aside.

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

/// As `P`, in a slot.
#[derive(Debug)]
pub(super) struct InWindow<K, P>(PhantomData<(K, P)>);

impl<K: ChildBody, P: SetPolicy<K::Output>> SetPolicy<K::Output> for InWindow<K, P> {
    const AT_END: Option<unsafe fn(NonNull<()>)> = Some(WindowSlot::<K, P>::at_end);
    const AT_ONCE: bool = P::AT_ONCE;

    fn short_circuits(output: &K::Output) -> bool {
        P::short_circuits(output)
    }
}

// The place first: the engine knows the slot by its address.
#[repr(C)]
struct WindowSlot<K: ChildBody, P> {
    cell: ChildCell<K, InWindow<K, P>>,
    /// Which child of the set is there.
    number: usize,
    list: NonNull<EndedSlots<K, P>>,
    /// On the list of those that have ended, or of the free ones.
    next: Cell<*mut WindowSlot<K, P>>,
    /// On the list of all.
    next_of_all: *mut WindowSlot<K, P>,
}

/// The slots whose children have ended, the last one first.
struct EndedSlots<K: ChildBody, P> {
    first: Cell<*mut WindowSlot<K, P>>,
}

impl<K: ChildBody, P> WindowSlot<K, P> {
    /// # Safety
    /// `cell` is that of a slot whose window is still there.
    unsafe fn at_end(cell: NonNull<()>) {
        let slot = cell.cast::<Self>();
        // SAFETY: the place is the first field of its slot, and pointers to it come from one to the
        // slot; slot and list are freed with the window only.
        unsafe {
            let ended = &slot.as_ref().list.as_ref().first;
            slot.as_ref().next.set(ended.replace(slot.as_ptr()));
        }
    }
}

/// The future of `all!(limit = n, tasks)`.
#[must_use]
pub struct Window<I, K: ChildBody, P: SetPolicy<K::Output>> {
    /// Gone when they are used up.
    inputs: Option<I>,
    /// How many more may be there at a time.
    room: usize,
    running: usize,
    started: usize,
    outputs: Vec<Option<K::Output>>,
    list: NonNull<EndedSlots<K, P>>,
    free: *mut WindowSlot<K, P>,
    all: *mut WindowSlot<K, P>,
    scope: Option<Id>,
    run: NonNull<RunState>,
    policy: PhantomData<P>,
}

// Slots and list have blocks of their own; the iterator is used as it is.
impl<I, K: ChildBody, P: SetPolicy<K::Output>> Unpin for Window<I, K, P> {}

/// Memory for so many results is taken at once, if so many children are announced. An iterator may
/// go on for ever, until the first error.
const MOST_AHEAD: usize = 1 << 20;

impl<I: Iterator<Item = K::Input>, K: ChildBody, P: SetPolicy<K::Output>> Window<I, K, P> {
    #[track_caller]
    pub(super) fn new(limit: usize, inputs: I) -> Self {
        assert!(limit > 0, "corio: a limit of at least 1, or no child would ever run");
        // Before anything is taken from the pool, as the iterator is user code.
        let outputs = Vec::with_capacity(inputs.size_hint().0.min(MOST_AHEAD));
        current::with(|run| {
            let list = run
                .executor
                .pool()
                .take(const { BlockOf::new(Layout::new::<EndedSlots<K, P>>()) })
                .cast::<EndedSlots<K, P>>();
            // SAFETY: the block has this layout, and is ours.
            unsafe { list.write(EndedSlots { first: Cell::new(ptr::null_mut()) }) };
            let run = NonNull::from(run);
            let (free, all) = (ptr::null_mut(), ptr::null_mut());
            Window {
                inputs: Some(inputs),
                room: limit,
                running: 0,
                started: 0,
                outputs,
                list,
                free,
                all,
                scope: None,
                run,
                policy: PhantomData,
            }
        })
    }

    /// Goes on as far as can be: the outputs of all children, or the one that decides.
    fn advance(&mut self, run: &RunState) -> Poll<Result<Vec<K::Output>, K::Output>> {
        assert!(
            self.run == NonNull::from(run),
            "corio: a set of children can only be awaited in the run that it was made in"
        );
        let executor = &run.executor;
        let scope = *self.scope.get_or_insert_with(|| executor.open_scope());
        if let Some(short_circuited) = self.drain_finished() {
            return Poll::Ready(Err(short_circuited));
        }
        // After the first error none is started, although that child may still wait for its own.
        while let Some(slot) =
            self.free_slot(executor.pool()).filter(|_| !executor.has_short_circuited(scope))
        {
            // User code: the slot is still on the list of free ones if it panics.
            let Some(input) = self.inputs.as_mut().and_then(Iterator::next) else {
                self.inputs = None;
                break;
            };
            self.outputs.push(None);
            // SAFETY: the slot is on no list and its place is empty; it stays where it is until the
            // window is dropped, which closes the scope before.
            unsafe {
                self.free = (*slot.as_ptr()).next.replace(ptr::null_mut());
                (*slot.as_ptr()).number = self.started;
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

    /// Takes the outputs of those that have ended; the one that decides is given.
    fn drain_finished(&mut self) -> Option<K::Output> {
        // SAFETY: the list is there as long as the window.
        let ended = unsafe { &self.list.as_ref().first };
        while let Some(slot) = NonNull::new(ended.get()) {
            // SAFETY: slots are there as long as the window; the child of this one has ended, and
            // nobody else uses its place.
            unsafe {
                ended.set((*slot.as_ptr()).next.replace(self.free));
                self.free = slot.as_ptr();
                let cell = &raw mut (*slot.as_ptr()).cell;
                let short_circuited = ChildCell::short_circuited(cell);
                let output = ChildCell::take(cell);
                if short_circuited {
                    return output;
                }
                self.outputs[(*slot.as_ptr()).number] = output;
            }
            self.running -= 1;
        }
        None
    }

    /// The first of the free slots; a new one while there may be more.
    fn free_slot(&mut self, pool: &Pool) -> Option<NonNull<WindowSlot<K, P>>> {
        if let Some(slot) = NonNull::new(self.free) {
            return Some(slot);
        }
        self.room = self.room.checked_sub(1)?;
        let slot = pool
            .take(const { BlockOf::new(Layout::new::<WindowSlot<K, P>>()) })
            .cast::<WindowSlot<K, P>>();
        // SAFETY: the block has this layout, and is ours.
        unsafe {
            slot.write(WindowSlot {
                cell: ChildCell::empty(),
                number: 0,
                list: self.list,
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
            Err(_) => unreachable!("no child decides"),
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
            Err(short_circuited) => {
                short_circuited.into_result().map(|_| unreachable!("only an error decides"))
            }
        })
    }
}

impl<I, K: ChildBody, P: SetPolicy<K::Output>> Drop for Window<I, K, P> {
    fn drop(&mut self) {
        // SAFETY: a window lives in the frame of a task. Frames are dropped before the run lets go
        // of its core, or never.
        let executor: &Executor = unsafe { &self.run.as_ref().executor };
        let mut panics = PanicCollector::default();
        if let Some(scope) = self.scope {
            panics.run(|| executor.close_scope(scope));
        }
        let mut next = self.all;
        while let Some(slot) = NonNull::new(next) {
            // SAFETY: the scope is closed, so nobody else uses the place; the slot came from this
            // pool with this layout, and is not used any more.
            unsafe {
                next = (*slot.as_ptr()).next_of_all;
                panics.run(|| ChildCell::clear(&raw mut (*slot.as_ptr()).cell));
                executor
                    .pool()
                    .give(slot.cast(), const { BlockOf::new(Layout::new::<WindowSlot<K, P>>()) });
            }
        }
        // SAFETY: no slot is left; the list came from this pool with this layout.
        unsafe {
            executor
                .pool()
                .give(self.list.cast(), const { BlockOf::new(Layout::new::<EndedSlots<K, P>>()) })
        };
        panics.finish();
    }
}
