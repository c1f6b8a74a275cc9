//! How deep the running task is in calls whose depth nobody knows when the program is compiled:
//! those of boxed tasks.
//!
//! A call is polled within the poll of its caller, and dropped within its drop, so each takes a
//! piece of the stack. Beyond a depth the next one goes into the tree instead, as a child of its
//! own, which the run loop resumes: then depth costs memory of the pool. Frames of callers below
//! are not polled either, each time that it goes on.
//!
//! The depth is counted, so that the order in which tasks run is the same however the program was
//! compiled. Only calls that take more of the stack than is usual by far are cut off earlier.

use std::cell::Cell;
use std::ptr;

/// So many calls, one within the other, …
const MOST_CALLS: u32 = 32;
/// … or so many bytes of stack: a part of the 2 MiB that a thread has. On top of them there may be
/// a dispatcher that answers where it is asked, and what it calls.
const MOST_STACK: usize = 256 << 10;

#[derive(Default)]
pub(super) struct CallDepth {
    calls: Cell<u32>,
    /// Where the stack was at the outermost of them.
    base: Cell<usize>,
}

/// A call that is being polled.
pub(crate) struct PollingCall<'e>(&'e CallDepth);

impl CallDepth {
    #[inline]
    pub(super) fn poll_call(&self) -> PollingCall<'_> {
        let calls = self.calls.get();
        if calls == 0 {
            self.base.set(stack());
        }
        self.calls.set(calls + 1);
        PollingCall(self)
    }

    /// Whether the next call goes into the tree.
    #[inline]
    pub(super) fn is_deep(&self) -> bool {
        let calls = self.calls.get();
        calls >= MOST_CALLS || (calls > 0 && self.base.get().abs_diff(stack()) >= MOST_STACK)
    }
}

impl Drop for PollingCall<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.calls.set(self.0.calls.get() - 1);
    }
}

/// About where the stack is. AddressSanitizer may put locals elsewhere, where it looks for uses
/// after return: then some calls are cut off earlier, which changes the order of tasks and no more.
#[inline]
fn stack() -> usize {
    let here = 0_u8;
    ptr::from_ref(&here).addr()
}
