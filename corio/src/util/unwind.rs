//! Running many destructors, all of them, even if some panic.
//!
//! What a panic carries has a destructor too, which may panic; what that carries is forgotten. So
//! nothing here unwinds before all has been done.

use std::any::Any;
use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Keeps the first panic until all is done.
#[derive(Default)]
pub(crate) struct PanicCollector {
    panic: Option<Box<dyn Any + Send>>,
}

impl PanicCollector {
    pub(crate) fn run(&mut self, destructor: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(destructor)) {
            match self.panic {
                None => self.panic = Some(panic),
                Some(_) => discard(panic),
            }
        }
    }

    /// The first panic, for whoever wants to go on with something else first.
    pub(crate) fn into_panic(mut self) -> Option<Box<dyn Any + Send>> {
        self.panic.take()
    }

    /// Lets the first panic go on, unless the thread is panicking already: a second one would
    /// abort.
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

/// Drops what a panic carries, without a panic.
pub(crate) fn discard(panic: Box<dyn Any + Send>) {
    if let Err(further) = catch_unwind(AssertUnwindSafe(|| drop(panic))) {
        mem::forget(further);
    }
}

/// What a panic said, as the panic hook shows it.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("(no message)");
    crate::util::panic_advice::on(panic)
        .map_or_else(|| text.to_owned(), |advice| format!("{text}; {advice}"))
}

/// What a panic carries.
pub(crate) type Panic = Box<dyn Any + Send>;

/// Polls a future whose panic is a value.
pub(crate) fn poll_caught<T>(
    future: Pin<&mut impl Future<Output = T>>,
    context: &mut Context<'_>,
) -> Poll<Result<T, Panic>> {
    match catch_unwind(AssertUnwindSafe(|| future.poll(context))) {
        Ok(poll) => poll.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    }
}
