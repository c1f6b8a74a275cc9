//! The hub: dispatchers that runs and plain async code share.
//!
//! # The path of a request
//!
//! ```text
//!  a run ── through ──┐  packet                 lane            dispatching side of a run
//!                     ├────────► queue ──► inbox ──► driver ──► batch ──► dispatcher
//!  an ask ─┬──────────┘           (by part         line
//!          └ group of a drive      and group)      (takes turns)
//! ```
//!
//! An asker puts a packet into the inbox of its lane; the driver, a future on the user's executor,
//! moves it to the line, and from there into the dispatching side, as much as fits into the next
//! batch. Outcomes go straight to the askers.
//!
//! # Map
//!
//! | file | is |
//! |---|---|
//! | `handle` | [`Hub`], the handle: settings, asking, driving |
//! | `shared_dispatch` | the trait [`SharedDispatch`]: how a hub answers a batch |
//! | `inner` | what handles, queues and drivers share |
//! | `queues` | the queues of a hub |
//! | `queue` | one dispatcher: its requests, and the seats of its drivers |
//! | `lanes` | the lanes of one dispatcher, and which of them a request belongs to |
//! | `lane` | requests of one part and group: what askers see of it |
//! | `driver`, `listener` | the driver of a lane; what the dispatching side tells it |
//! | `limiter` | how many batches of a lane are in flight, unless told |
//! | `line` | what waits in a lane, and who leaves next |
//! | `aboard` | who asked what is in the dispatching side |
//! | `asker` | who waits for a request, and how outcomes get there |
//! | `places`, `drivers` | limits of the whole hub; the drivers that are there |
//! | `ask`, `drive` | plain async code |
//! | `group`, `member`, `unsent` | what belongs to one drive, and what it has not sent |
//! | `asking` | what this thread is just doing for hubs |
//! | `through`, `config` | runs |
//! | `counts`, `snapshot`, `shutdown` | looking at a hub, and ending it |
//! | `spawn` | spawners |
//!
//! # Glossary
//!
//! - **asker**: a run, or an [`Ask`]; *gone* when it waits no more.
//! - **packet**: requests that were sent to the hub together.
//! - **part**: what the asker brings along and a batch has in common: a tenant.
//! - **lane**: requests of one dispatcher, part and group.
//! - **line**, **aboard**: requests of a lane that wait for their batch; those in the dispatching
//!   side.
//! - **place**: the right to have a batch in flight, where the whole hub is limited.
//! - **group**, **member**: a drive with its followers; one of these.

mod aboard;
mod ask;
mod asker;
mod asking;
mod config;
mod counts;
mod drive;
mod driver;
mod drivers;
mod group;
mod handle;
mod inner;
mod lane;
mod lanes;
mod limiter;
mod line;
mod listener;
mod member;
mod places;
mod queue;
mod queues;
mod shared_dispatch;
mod shutdown;
mod snapshot;
pub mod spawn;
mod through;
mod unsent;

pub use ask::Ask;
pub use drive::Drive;
pub use handle::Hub;
pub use inner::Work;
pub use shared_dispatch::SharedDispatch;
pub use shutdown::Shutdown;
pub use snapshot::{DispatcherSnapshot, HubSnapshot};
