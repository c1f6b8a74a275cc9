//! The slots in which the children of a window run, one after another, with their scope: all
//! `unsafe` of windows; `window` is safe code above it. The contracts are those of
//! [`cells`](super::cells), for slots instead of cells.
//!
//! | type | is |
//! |---|---|
//! | [`WindowSlots`] | owns slots that successive children use, and their scope |
//! | [`FreeSlot`], [`Ended`] | a slot without a child; what the child of a slot has left |

use std::alloc::Layout;
use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr;
use std::ptr::NonNull;

use super::cells::Scope;
use crate::executor::{BlockOf, ChildBody, ChildCell, Id, SetPolicy};
use crate::runtime::RunState;
use crate::util::{OfRun, PanicCollector};

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
    /// The index of the current child.
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
    /// `cell` points to the cell of a slot whose owner has not been dropped, and was made from a
    /// pointer to the whole slot.
    unsafe fn at_end(cell: NonNull<()>) {
        let slot = cell.cast::<Self>();
        // SAFETY: the cell is the first field of its slot, and the pointer to the cell comes from a
        // pointer to the slot; slot and list are freed only with their owner.
        unsafe {
            let ended = &slot.as_ref().ended.as_ref().first;
            slot.as_ref().next.set(ended.replace(slot.as_ptr()));
        }
    }
}

/// Owns the slots of a window and the scope of the children in them. Closes the scope before it
/// clears the slots.
///
/// Invariants:
/// - Slots and the list of ended slots do not move and are freed only when the owner is dropped,
///   after its scope was closed.
/// - A slot is on the free list (its cell is empty), on the ended list (its child has ended), or on
///   neither (its child is running, or was removed). Every slot is on the list of all slots.
pub(super) struct WindowSlots<K: ChildBody, P: SetPolicy<K::Output>> {
    /// How many more slots may be allocated.
    slots_left: usize,
    ended: OfRun<NonNull<EndedSlots<K, P>>>,
    /// The head of the free list.
    free: OfRun<*mut WindowSlot<K, P>>,
    /// The head of the list of all slots.
    all: OfRun<*mut WindowSlot<K, P>>,
    scope: Scope,
    owns: PhantomData<ChildCell<K, InWindow<K, P>>>,
}

/// A slot without a child.
pub(super) struct FreeSlot<'s, K: ChildBody, P: SetPolicy<K::Output>> {
    slots: &'s mut WindowSlots<K, P>,
    /// The first slot of the free list.
    slot: NonNull<WindowSlot<K, P>>,
}

/// What a child has left that has ended.
pub(super) struct Ended<T> {
    /// The index of the child.
    pub(super) index: usize,
    pub(super) output: Option<T>,
    /// Whether the output short-circuits the window.
    pub(super) short_circuited: bool,
}

impl<K: ChildBody, P: SetPolicy<K::Output>> WindowSlots<K, P> {
    const SLOT: BlockOf = BlockOf::new(Layout::new::<WindowSlot<K, P>>());
    const LIST: BlockOf = BlockOf::new(Layout::new::<EndedSlots<K, P>>());

    /// At most `limit` slots, allocated as they are needed.
    pub(super) fn new(run: &RunState, limit: usize) -> Self {
        let ended = run.executor.pool().take(Self::LIST).cast::<EndedSlots<K, P>>();
        // SAFETY: the block has the layout of `EndedSlots`, and these slots own it.
        unsafe { ended.write(EndedSlots { first: Cell::new(ptr::null_mut()) }) };
        // SAFETY: pointers to blocks of the run of the window; what is in them stands in `owns`.
        let (ended, free, all) = unsafe {
            (OfRun::new(ended), OfRun::new(ptr::null_mut()), OfRun::new(ptr::null_mut()))
        };
        let scope = Scope::new(run);
        WindowSlots { slots_left: limit, ended, free, all, scope, owns: PhantomData }
    }

    /// Whether the slots were made in this run.
    pub(super) fn is_of(&self, run: &RunState) -> bool {
        self.scope.is_of(run)
    }

    /// The scope of the children; opened on the first call.
    pub(super) fn scope(&mut self) -> Id {
        self.scope.open()
    }

    /// Takes what the last child has left that has ended, and frees its slot.
    pub(super) fn take_ended(&mut self) -> Option<Ended<K::Output>> {
        // SAFETY: the list is freed only when the slots are dropped.
        let ended = unsafe { &self.ended.as_ref().first };
        let slot = NonNull::new(ended.get())?;
        // SAFETY: slots are freed only when they are dropped together. The slot is on the ended
        // list, so its child has ended and has left the tree, and the cell is not in use.
        unsafe {
            ended.set((*slot.as_ptr()).next.replace(*self.free));
            *self.free = slot.as_ptr();
            let cell = &raw mut (*slot.as_ptr()).cell;
            let short_circuited = ChildCell::short_circuited(cell);
            let output = ChildCell::take(cell);
            Some(Ended { index: (*slot.as_ptr()).index, output, short_circuited })
        }
    }

    /// Returns the first slot of the free list, or a new one if the limit allows for more.
    pub(super) fn free_slot(&mut self) -> Option<FreeSlot<'_, K, P>> {
        let slot = match NonNull::new(*self.free) {
            Some(slot) => slot,
            None => self.new_slot()?,
        };
        Some(FreeSlot { slots: self, slot })
    }

    /// Allocates a slot, the only one of the free list, if the limit allows for more.
    fn new_slot(&mut self) -> Option<NonNull<WindowSlot<K, P>>> {
        self.slots_left = self.slots_left.checked_sub(1)?;
        let slot = self.scope.executor().pool().take(Self::SLOT).cast::<WindowSlot<K, P>>();
        // SAFETY: the block has the layout of `WindowSlot`, and these slots own it.
        unsafe {
            slot.write(WindowSlot {
                cell: ChildCell::empty(),
                index: 0,
                ended: *self.ended,
                next: Cell::new(ptr::null_mut()),
                next_of_all: *self.all,
            })
        };
        (*self.free, *self.all) = (slot.as_ptr(), slot.as_ptr());
        Some(slot)
    }
}

impl<K: ChildBody, P: SetPolicy<K::Output>> FreeSlot<'_, K, P> {
    /// Starts the child with this index in the slot.
    pub(super) fn start(self, index: usize, input: K::Input) {
        let FreeSlot { slots, slot } = self;
        let scope = slots.scope();
        // SAFETY: the slot is taken off the free list, so its cell is empty and not in use. The
        // slot does not move and is freed only when the slots are dropped, after `scope`, which is
        // theirs, was closed.
        unsafe {
            *slots.free = (*slot.as_ptr()).next.replace(ptr::null_mut());
            (*slot.as_ptr()).index = index;
            let cell = &raw mut (*slot.as_ptr()).cell;
            ChildCell::put(cell, input);
            ChildCell::start(cell, slots.scope.executor(), scope);
        }
    }
}

impl<K: ChildBody, P: SetPolicy<K::Output>> Drop for WindowSlots<K, P> {
    fn drop(&mut self) {
        let mut panics = PanicCollector::default();
        panics.run(|| self.scope.close());
        let executor = self.scope.executor();
        let mut next = *self.all;
        while let Some(slot) = NonNull::new(next) {
            // SAFETY: the scope is closed, so the cell is not in use; the slot came from this pool
            // with this layout, and is not used any more.
            unsafe {
                next = (*slot.as_ptr()).next_of_all;
                panics.run(|| ChildCell::clear(&raw mut (*slot.as_ptr()).cell));
                executor.pool().give(slot.cast(), Self::SLOT);
            }
        }
        // SAFETY: no slot is left that refers to the list; the block of the list came from this
        // pool with this layout.
        unsafe { executor.pool().give(self.ended.cast(), Self::LIST) };
        panics.finish();
    }
}
