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
    /// Takes answers from the end and shows each while `resume` runs for its waiter, until `resume` says that it is enough, which is told.
    pub(super) fn deliver<A: 'static, W: Copy>(&self, waiters: &[W], answers: &mut Vec<A>, resume: &mut dyn FnMut(W) -> bool) -> bool {
        let place: Cell<Option<A>> = Cell::new(None);
        let shown = Shown(self);
        self.place.set(Some((TypeId::of::<A>(), NonNull::from(&place).cast())));
        let mut go_on = true;
        for waiter in waiters {
            place.set(answers.pop());
            go_on = resume(*waiter);
            // Not taken: its waiter is gone.
            drop(place.take());
            if !go_on {
                break;
            }
        }
        drop(shown);
        go_on
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
