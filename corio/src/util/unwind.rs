//! Tools for code that has to finish although user code panics.
//!
//! A panic payload has a destructor too, which may panic in turn; the payload of such a further
//! panic is leaked. So no function here but `PanicCollector::finish` unwinds, and `finish` is
//! called when everything else is done.

use std::any::Any;
use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Runs many destructors, all of them even if some panic, and keeps the first panic until the end.
/// Further panics are discarded, and so is the first if the collector is dropped with it.
#[derive(Default)]
pub(crate) struct PanicCollector {
    panic: Option<Panic>,
}

impl PanicCollector {
    /// Runs `destructor` and catches a panic.
    pub(crate) fn run(&mut self, destructor: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(destructor)) {
            match self.panic {
                None => self.panic = Some(panic),
                Some(_) => discard(panic),
            }
        }
    }

    /// Returns the first panic, for a caller that has more to do before resuming the panic.
    pub(crate) fn into_panic(mut self) -> Option<Panic> {
        self.panic.take()
    }

    /// Resumes the first panic, unless the thread is panicking already: a second panic would abort
    /// the process.
    pub(crate) fn finish(mut self) {
        if let Some(panic) = self.panic.take_if(|_| !std::thread::panicking()) {
            resume_unwind(panic);
        }
    }
}

impl Drop for PanicCollector {
    fn drop(&mut self) {
        self.panic.take().into_iter().for_each(discard);
    }
}

/// Drops a panic payload. A panic of the payload's destructor is caught, and its payload leaked.
pub(crate) fn discard(panic: Panic) {
    if let Err(further) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        mem::forget(further);
    }
}

/// Returns the message of a panic as the panic hook shows the message, with advice if the panic is
/// a well-known one (see `panic_advice`).
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("(no message)");
    crate::util::panic_advice::on(panic)
        .map_or_else(|| text.to_owned(), |advice| format!("{text}; {advice}"))
}

/// A panic payload.
pub(crate) type Panic = Box<dyn Any + Send>;

/// Polls a future and turns a panic of that poll into an error.
pub(crate) fn poll_caught<T>(
    future: Pin<&mut impl Future<Output = T>>,
    context: &mut Context<'_>,
) -> Poll<Result<T, Panic>> {
    match catch_unwind(AssertUnwindSafe(|| future.poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    }
}
