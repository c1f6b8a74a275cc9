//! TODO

use std::cell::{Cell, RefCell};

use super::buffer::PooledBuf;
use super::limits::MOST_SPARES;

/// Loads that are empty, to be filled again.
pub(crate) struct BufPool<K, A> {
    /// The roomiest, as far as it is known, is used first: of parts and wholes, wholes are not to
    /// grow again and again.
    first: Cell<Option<PooledBuf<K, A>>>,
    others: RefCell<Vec<PooledBuf<K, A>>>,
}

impl<K, A> Default for BufPool<K, A> {
    fn default() -> Self {
        BufPool { first: Cell::default(), others: RefCell::default() }
    }
}

impl<K, A> BufPool<K, A> {
    #[inline]
    pub(crate) fn take(&self) -> PooledBuf<K, A> {
        self.first.take().unwrap_or_else(|| self.take_other())
    }

    #[inline(never)]
    fn take_other(&self) -> PooledBuf<K, A> {
        self.others.borrow_mut().pop().unwrap_or_default()
    }

    #[inline]
    pub(crate) fn put(&self, mut buf: PooledBuf<K, A>) {
        buf.clear();
        match self.first.take() {
            None => self.first.set(Some(buf)),
            Some(first) => self.put_other(first, buf),
        }
    }

    #[inline(never)]
    fn put_other(&self, first: PooledBuf<K, A>, buf: PooledBuf<K, A>) {
        let (first, other) = if buf.waiters.capacity() > first.waiters.capacity() {
            (buf, first)
        } else {
            (first, buf)
        };
        self.first.set(Some(first));
        let mut others = self.others.borrow_mut();
        if others.len() < MOST_SPARES {
            others.push(other);
        }
    }
}
