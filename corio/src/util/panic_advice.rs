//! Advice for well-known panics of other crates.

use std::any::Any;

/// Returns advice on how to avoid `panic`, if the payload is that of a well-known panic.
pub(crate) fn on(panic: &dyn Any) -> Option<&'static str> {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))?;
    // Panics of all versions of tokio, also when raised by clients built on tokio.
    let needs_tokio = message.contains("there is no reactor running");
    needs_tokio.then_some(
        "it needs the context of a tokio runtime: hold `let _entered = handle.enter();` around \
         `schedule.run(..)`, or `.await` `schedule.run_async(..)` on the runtime",
    )
}
