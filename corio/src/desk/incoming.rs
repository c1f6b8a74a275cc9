//! The one answer that is being delivered: there while the task that asked for it runs, and no longer.
//!
//! So an answer needs no place with the task, and one that nobody takes reaches nobody else.

use std::any::TypeId;
use std::cell::Cell;
use std::ptr::NonNull;

#[derive(Default)]
pub(super) struct Incoming {
    /// A `Cell<Option<A>>` of whoever delivers, and the type of `A`.
    place: Cell<Option<(TypeId, NonNull<()>)>>,
}

/// Takes the place away again.
struct Shown<'a>(&'a Incoming);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        self.0.place.set(None);
    }
}

impl Incoming {
    /// Shows each answer while `resume` runs.
    pub(super) fn deliver<A: 'static, W>(&self, answers: impl Iterator<Item = (W, A)>, mut resume: impl FnMut(W)) {
        let place: Cell<Option<A>> = Cell::new(None);
        let shown = Shown(self);
        self.place.set(Some((TypeId::of::<A>(), NonNull::from(&place).cast())));
        for (waiter, answer) in answers {
            place.set(Some(answer));
            resume(waiter);
            // Not taken: its waiter is gone.
            drop(place.take());
        }
        drop(shown);
    }

    #[inline]
    pub(super) fn take<A: 'static>(&self) -> Option<A> {
        let (of, place) = self.place.get()?;
        if of != TypeId::of::<A>() {
            return None;
        }
        // SAFETY: it is there, so `deliver` runs, and `place` is its local of this type; shared, as a `Cell` may be.
        unsafe { place.cast::<Cell<Option<A>>>().as_ref() }.take()
    }
}
