//! An observer that prints where a panic came from.

use super::event::Event;
use super::observer::Observer;

/// Prints to standard error where a panic came from that ends a run: the dispatcher, or the path of
/// tasks with the line on which each waits; and what to do, where the panic is a known one of
/// others.
///
/// What the panic said itself, the panic hook prints. corio prints nothing of its own accord.
///
/// ```
/// #[corio::task]
/// fn divide(by: u64) -> u64 {
///     100 / by
/// }
///
/// #[corio::task]
/// fn program() -> u64 {
///     let (half, all) = join!(divide(2), divide(0));
///     half + all
/// }
///
/// let mut schedule = corio::Schedule::new(()).observe(corio::print_panics());
/// // the panic ends the run; it came from task `program > divide`
/// //   `program` waits at src/main.rs:8:23
/// # let schedule = std::panic::AssertUnwindSafe(|| schedule.run(program()));
/// assert!(std::panic::catch_unwind(schedule).is_err());
/// ```
pub fn print_panics() -> impl Observer + Send {
    |event: &Event<'_>| {
        if let Event::Panicked { place, above, advice, .. } = event {
            eprintln!("corio: the panic ends the run; it came from {place}");
            above.iter().for_each(|(task, line)| eprintln!("  `{task}` waits at {line}"));
            advice.iter().for_each(|advice| eprintln!("  {advice}"));
        }
    }
}
