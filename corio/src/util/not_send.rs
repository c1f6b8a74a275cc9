//! A compile error that explains why the types of a run are not `Send`.
//!
//! A run stays on its thread. Without the unsatisfiable bound below, rustc would list every `Rc`
//! and pointer that it finds inside such a type, with the path of fields that leads there.

/// An unsatisfiable bound, which makes `X<T>: Send` fail with the message below.
///
/// No type implements the trait, and code outside this crate cannot name the trait. The bound is
/// used as `unsafe impl<T: NeverSend> Send for X<T> {}`, an impl that never applies.
#[diagnostic::on_unimplemented(
    message = "a run of corio stays on its thread: its schedule, tasks and handles can't be sent \
               to another",
    label = "can't be sent to another thread",
    note = "make the schedule on the thread that runs it; on an executor of many threads use its \
            `block_on` or a local set. Requests, answers and batches can be sent"
)]
// `Sized` makes the trait not dyn-compatible: `dyn NeverSend` would implement the trait.
pub trait NeverSend: Sized {}
