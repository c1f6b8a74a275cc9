//! What to do about panics of others that are often met.

use std::any::Any;

/// The way out for who sees this panic, if it is a known one.
pub(crate) fn on(panic: &dyn Any) -> Option<&'static str> {
    let said = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))?;
    // Tokio, of each of its versions; also by clients that are built on it.
    let needs_tokio = said.contains("there is no reactor running");
    needs_tokio.then_some(
        "it needs the context of a tokio runtime: hold `let _entered = handle.enter();` around \
         `schedule.run(..)`, or `.await` `schedule.run_async(..)` on the runtime",
    )
}
