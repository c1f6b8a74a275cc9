//! A run stays on its thread: what belongs to one is not `Send`, and the compiler says so in these
//! words.
//!
//! Without, it would list each `Rc` and pointer that it finds inside, with the way to it.

/// Nothing leaves its thread: no type is this, nor can any be, as nobody outside this crate can
/// name it. `unsafe impl Send for X<T> where T: NeverSend` says so of `X`.
#[diagnostic::on_unimplemented(
    message = "a run of corio stays on its thread: its schedule, tasks and handles can't be sent \
               to another",
    label = "can't be sent to another thread",
    note = "make the schedule on the thread that runs it; on an executor of many threads use its \
            `block_on` or a local set. Requests, answers and batches can be sent"
)]
// `Sized`, or `dyn NeverSend` would be one.
pub trait NeverSend: Sized {}
