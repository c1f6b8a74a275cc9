//! How deeply the running task is nested in calls of boxed tasks, whose depth is not known when the
//! program is compiled.
//!
//! A call is polled within the poll of its caller and dropped within the drop of its caller, so
//! each nested call takes a piece of the stack. Beyond a limit the next call becomes a child in the
//! tree instead, which the run loop resumes: then depth costs memory of the pool and no stack. The
//! frames of the callers below are not polled either when such a child goes on.
//!
//! The limit counts calls, so that the order in which tasks run does not depend on how the program
//! was compiled. Only calls that take far more of the stack than usual reach the limit in bytes
//! earlier.

use std::cell::Cell;
use std::ptr;

/// Number of nested calls from which on the next call becomes a child in the tree.
const MAX_CALLS: u32 = 32;

/// Bytes of stack between the outermost and the innermost call from which on the next call becomes
/// a child in the tree. A part of the 2 MiB of a thread: on top of the calls there may be a
/// dispatcher that answers inline, and what the dispatcher calls.
const MAX_STACK: usize = 256 << 10;

#[derive(Default)]
pub(super) struct CallDepth {
    /// Number of calls that are being polled, one within the other.
    calls: Cell<u32>,
    /// The stack address at the outermost of these calls.
    base: Cell<usize>,
}

/// Guard of a call that is being polled.
pub(crate) struct PollingCall<'e>(&'e CallDepth);

impl CallDepth {
    /// Counts a call as being polled until the returned guard is dropped.
    #[inline]
    pub(super) fn poll_call(&self) -> PollingCall<'_> {
        let calls = self.calls.get();
        if calls == 0 {
            self.base.set(stack_address());
        }
        self.calls.set(calls + 1);
        PollingCall(self)
    }

    /// Whether the next call becomes a child in the tree.
    #[inline]
    pub(super) fn is_deep(&self) -> bool {
        let calls = self.calls.get();
        calls >= MAX_CALLS || (calls > 0 && self.base.get().abs_diff(stack_address()) >= MAX_STACK)
    }
}

impl Drop for PollingCall<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.calls.set(self.0.calls.get() - 1);
    }
}

/// Returns the approximate address of the top of the stack. AddressSanitizer may place locals
/// elsewhere, to detect uses after return: then some calls reach the limit earlier, which changes
/// only the order of tasks.
#[inline]
fn stack_address() -> usize {
    let local = 0_u8;
    ptr::from_ref(&local).addr()
}
