//! What people write: tasks, and what a task can wait for. Above engine and desk, which know
//! nothing of it.

mod answer;
mod await_point;
mod boxed;
pub mod cache;
mod call;
mod frame;
mod handle;
mod interrupt;
mod set;
mod spawn;
mod task_fn;
mod timeout;
mod traits;
mod wait;
mod window;

pub use await_point::here;
pub use boxed::{Boxed, boxed};
pub(crate) use call::Call;
pub(crate) use frame::Child;
pub use frame::{Frame, any_task, returns, task};
pub use handle::Handle;
pub(crate) use interrupt::{Interrupt, until};
pub use task_fn::{Cx, task_fn};
pub(crate) use traits::Sealed;
pub use traits::{AnyTask, IsTask, Task};
