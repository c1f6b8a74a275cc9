//! Running many destructors, all of them, even if some panic.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Keeps the first panic until all is done.
#[derive(Default)]
pub(crate) struct Sweep {
    panic: Option<Box<dyn Any + Send>>,
}

impl Sweep {
    pub(crate) fn run(&mut self, destructor: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(destructor)) {
            self.panic.get_or_insert(panic);
        }
    }

    /// The first panic, for whoever wants to go on with something else first.
    pub(crate) fn into_panic(self) -> Option<Box<dyn Any + Send>> {
        self.panic
    }

    /// Lets the first panic go on, unless the thread is panicking already: a second one would abort.
    pub(crate) fn finish(self) {
        if let Some(panic) = self.panic.filter(|_| !std::thread::panicking()) {
            resume_unwind(panic);
        }
    }
}
