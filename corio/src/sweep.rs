//! Running many destructors, all of them, even if some panic.
//!
//! What a panic carries has a destructor too, which may panic; what that carries is forgotten. So
//! nothing here unwinds before all has been done.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Keeps the first panic until all is done.
#[derive(Default)]
pub(crate) struct Sweep {
    panic: Option<Box<dyn Any + Send>>,
}

impl Sweep {
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

    /// Lets the first panic go on, unless the thread is panicking already: a second one would abort.
    pub(crate) fn finish(mut self) {
        if let Some(panic) = self.panic.take_if(|_| !std::thread::panicking()) {
            resume_unwind(panic);
        }
    }
}

impl Drop for Sweep {
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
