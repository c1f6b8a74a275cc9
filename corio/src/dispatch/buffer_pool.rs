//! A pool of empty batch buffers, so that a warm queue allocates nothing for a batch.

use std::cell::{Cell, RefCell};

use super::buffer::PooledBuf;
use super::limits::MAX_SPARES;

/// Empty buffers of one queue, to be filled again. Holds at most `MAX_SPARES + 1`.
pub(crate) struct BufPool<K, A> {
    /// The buffer that is used next: the larger one of this and each buffer put back. Whole batches
    /// and their parts share the pool, and a whole batch should not have to grow a small buffer
    /// again and again.
    first: Cell<Option<PooledBuf<K, A>>>,
    others: RefCell<Vec<PooledBuf<K, A>>>,
}

impl<K, A> Default for BufPool<K, A> {
    fn default() -> Self {
        BufPool { first: Cell::default(), others: RefCell::default() }
    }
}

impl<K, A> BufPool<K, A> {
    /// Returns an empty buffer, a new one if the pool is empty.
    #[inline]
    pub(super) fn take(&self) -> PooledBuf<K, A> {
        self.first.take().unwrap_or_else(|| self.take_slow())
    }

    #[inline(never)]
    fn take_slow(&self) -> PooledBuf<K, A> {
        self.others.borrow_mut().pop().unwrap_or_default()
    }

    /// Clears a buffer, which runs destructors of the user's, and returns it to the pool.
    #[inline]
    pub(super) fn put(&self, mut buf: PooledBuf<K, A>) {
        buf.clear();
        match self.first.take() {
            None => self.first.set(Some(buf)),
            Some(first) => self.put_slow(first, buf),
        }
    }

    #[inline(never)]
    fn put_slow(&self, first: PooledBuf<K, A>, buf: PooledBuf<K, A>) {
        let (first, other) = if buf.waiters.capacity() > first.waiters.capacity() {
            (buf, first)
        } else {
            (first, buf)
        };
        self.first.set(Some(first));
        let mut others = self.others.borrow_mut();
        if others.len() < MAX_SPARES {
            others.push(other);
        }
    }
}
