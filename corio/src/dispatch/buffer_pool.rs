//! TODO

use std::cell::{Cell, RefCell};

use super::buffer::Boxed;
use super::limits::MOST_SPARES;

/// Loads that are empty, to be filled again.
pub(crate) struct Spares<K, A> {
    /// The roomiest, as far as it is known, is used first: of parts and wholes, wholes are not to grow again and again.
    first: Cell<Option<Boxed<K, A>>>,
    others: RefCell<Vec<Boxed<K, A>>>,
}

impl<K, A> Default for Spares<K, A> {
    fn default() -> Self {
        Spares { first: Cell::default(), others: RefCell::default() }
    }
}

impl<K, A> Spares<K, A> {
    #[inline]
    pub(crate) fn take(&self) -> Boxed<K, A> {
        self.first.take().unwrap_or_else(|| self.take_other())
    }

    #[inline(never)]
    fn take_other(&self) -> Boxed<K, A> {
        self.others.borrow_mut().pop().unwrap_or_default()
    }

    #[inline]
    pub(crate) fn put(&self, mut load: Boxed<K, A>) {
        load.clear();
        match self.first.take() {
            None => self.first.set(Some(load)),
            Some(first) => self.put_other(first, load),
        }
    }

    #[inline(never)]
    fn put_other(&self, first: Boxed<K, A>, load: Boxed<K, A>) {
        let (first, other) = if load.waiters.capacity() > first.waiters.capacity() { (load, first) } else { (first, load) };
        self.first.set(Some(first));
        let mut others = self.others.borrow_mut();
        if others.len() < MOST_SPARES {
            others.push(other);
        }
    }
}
