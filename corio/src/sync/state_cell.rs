//! The cell that holds the state of a primitive.
//!
//! Whoever serves waiting tasks from outside of their run also wakes the owner of that run, and a
//! waker is code of the user: an executor may poll the run at once, which then uses the same
//! primitive. So the wakers are called when the borrow has ended.

use std::cell::{Ref, RefCell, RefMut};
use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::runtime::give_owed_nudges;

/// A `RefCell` whose [`borrow_mut`](StateCell::borrow_mut) gives the nudges that are owed to
/// sleeping runs when it ends. At most one such cell is borrowed at a time.
#[derive(Default)]
pub(super) struct StateCell<T>(RefCell<T>);

impl<T> StateCell<T> {
    pub(super) const fn new(state: T) -> Self {
        StateCell(RefCell::new(state))
    }

    #[inline]
    pub(super) fn borrow(&self) -> Ref<'_, T> {
        self.0.borrow()
    }

    #[inline]
    pub(super) fn borrow_mut(&self) -> StateMut<'_, T> {
        StateMut { state: self.0.borrow_mut(), _nudges: OwedNudges }
    }
}

impl<T: fmt::Debug> fmt::Debug for StateCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The state, borrowed. The fields are dropped in order: the borrow first.
pub(super) struct StateMut<'a, T> {
    state: RefMut<'a, T>,
    _nudges: OwedNudges,
}

struct OwedNudges;

impl Drop for OwedNudges {
    #[inline]
    fn drop(&mut self) {
        give_owed_nudges();
    }
}

impl<T> Deref for StateMut<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.state
    }
}

impl<T> DerefMut for StateMut<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.state
    }
}
