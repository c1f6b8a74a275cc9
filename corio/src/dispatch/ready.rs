//! TODO

use std::any::TypeId;
use std::cell::Cell;
use std::ptr;
use std::ptr::NonNull;

use super::buffer::{Boxed, Load};
use super::ids::Waiter;
use super::progress::Progress;

/// The answers of one batch, for those who wait for them.
///
/// What must hold: it owns its load, from when it is made until a queue takes that back, and nobody else touches the load meanwhile. It has no destructor, as it does not know the
/// types of the load: the desk gives back what is left when a run is over.
pub(crate) struct Answered {
    /// The number of the queue that it is of.
    pub(crate) queue: u32,
    /// The first field of a `Load`, which is in a box.
    pub(super) load: NonNull<Progress>,
}

impl Answered {
    #[inline]
    pub(crate) fn new<K, A: 'static>(queue: u32, load: Boxed<K, A>) -> Self {
        debug_assert_eq!(load.waiters.len(), load.answers.len());
        let load = Box::into_raw(load);
        // SAFETY: it came from a box, and so is not null.
        unsafe {
            let waiters = (*load).waiters.as_mut_ptr_range();
            let answers = (&raw mut (*load).answers).cast();
            (*load).progress = Progress { is_begun: false, answers, of: TypeId::of::<A>(), next: waiters.start, end: waiters.end };
            Answered { queue, load: NonNull::new_unchecked(load.cast()) }
        }
    }

    /// The load, when it is no longer needed here.
    ///
    /// # Safety
    /// It was made from one with these types.
    #[inline]
    pub(crate) unsafe fn into_load<K, A>(self) -> Boxed<K, A> {
        // SAFETY: by the caller; the pointer to the load is that to its first field, and was made from one to all of it.
        unsafe { Box::from_raw(self.load.cast::<Load<K, A>>().as_ptr()) }
    }

    /// The load as it is.
    ///
    /// # Safety
    /// It was made from one with these types. No answer is offered.
    pub(crate) unsafe fn load_mut<K, A>(&mut self) -> &mut Load<K, A> {
        // SAFETY: by the caller, and as above.
        unsafe { self.load.cast::<Load<K, A>>().as_mut() }
    }

    #[inline(always)]
    pub(super) fn progress(&self) -> &Progress {
        // SAFETY: the load is there, and nobody else touches it.
        unsafe { self.load.as_ref() }
    }

    #[inline(always)]
    pub(super) fn progress_mut(&mut self) -> &mut Progress {
        // SAFETY: as above.
        unsafe { self.load.as_mut() }
    }

    /// How many answers are there.
    pub(crate) fn left(&self) -> usize {
        let Progress { next, end, .. } = self.progress();
        (end.addr() - next.addr()) / size_of::<Waiter>()
    }

    /// Has another of the waiters be the next.
    pub(crate) fn put_forward(&mut self, waiter: usize) {
        assert!(waiter < self.left());
        let Progress { next, .. } = self.progress();
        // SAFETY: both lie in the list of waiters, before its end.
        unsafe { next.swap(next.add(waiter)) }
    }
}

/// The answer for the task that runs, if there is one.
///
/// What must hold: `answers` leads to those of the delivery that is going on, or to that of a request which is answered at once, or nowhere.
pub(crate) struct Offered {
    /// A `Vec<A>`, the last of which is offered; null if none is.
    pub(super) answers: Cell<*mut ()>,
    /// The type of `A`.
    pub(super) of: Cell<TypeId>,
}

impl Default for Offered {
    fn default() -> Self {
        Offered { answers: Cell::new(ptr::null_mut()), of: Cell::new(TypeId::of::<()>()) }
    }
}

impl Offered {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.answers.get().is_null()
    }

    /// Offers the last of these, which nobody else uses until it is taken.
    #[inline]
    pub(crate) fn offer<A: 'static>(&self, answers: *mut Vec<A>) {
        self.of.set(TypeId::of::<A>());
        self.answers.set(answers.cast());
    }

    /// The answer, if it is an `A`.
    #[inline(always)]
    pub(crate) fn take<A: 'static>(&self) -> Option<A> {
        let answers = self.answers.get().cast::<Vec<A>>();
        if answers.is_null() || self.of.get() != TypeId::of::<A>() {
            return None;
        }
        self.answers.set(ptr::null_mut());
        // SAFETY: not null, so these are the answers of a delivery that is going on, or that of a request which is answered at once, of this type. `pop` runs no code of the user's, and so nobody else uses them meanwhile.
        unsafe { (*answers).pop() }
    }
}
