//! Of `corio/src/util`: tokens that cancel.

pub(crate) mod concurrent {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
    pub(crate) use loom::sync::{Mutex, MutexGuard};
    pub(crate) use std::sync::PoisonError;

    pub(crate) fn pause(_: u32) {
        loom::thread::yield_now();
    }

    pub(crate) fn this_thread() -> usize {
        loom::thread_local!(static TOKEN: Box<u8> = Box::new(0));
        TOKEN.with(|token| std::ptr::from_ref(&**token).addr())
    }
}

#[path = "../../../corio/src/util/cancel.rs"]
mod cancel;

#[path = "../../../corio/src/util/panic_advice.rs"]
pub(crate) mod panic_advice;
#[path = "../../../corio/src/util/unwind.rs"]
mod unwind;

pub(crate) use cancel::{CancellationToken, Nudge, Nudging, StopFlag};
pub(crate) use unwind::{PanicCollector, discard, panic_message};
