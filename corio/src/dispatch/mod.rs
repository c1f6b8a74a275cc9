//! TODO

mod answerer;
mod answers;
mod any_lane;
mod batch;
mod buffer;
mod buffer_pool;
mod cache;
mod context_ref;
mod delivery;
mod dispatcher;
mod dispatchers;
mod error;
mod future_request;
mod host;
mod ids;
mod in_flight;
mod keys;
mod lane;
mod limits;
mod options;
mod overrides;
mod progress;
mod queue;
mod idle;
mod ready;
mod registry;
mod request;
mod retry;
mod shared;

pub(crate) use answerer::Replacement;
pub use answers::{
    Answers, FailingAnswer, Faulty, FaultyEach, Probe, ProbeAny, ProbeResult, answers, each_answer, is_transient, is_transient_fault, plain_answer,
};
pub use batch::{Batch, Requests, Slot};
pub(crate) use cache::CacheChange;
pub use cache::Partition;
pub(crate) use context_ref::ContextRef;
pub use dispatcher::Dispatch;
pub(crate) use dispatchers::Dispatchers;
pub use error::RequestError;
pub use future_request::{FutureRequest, future};
pub(crate) use host::{Futures, Host, SendCx};
pub(crate) use ids::{FlightId, WakeRun, Waiter};
pub use keys::{Groups, groups};
pub(crate) use lane::Lane;
pub use options::Options;
pub(crate) use overrides::Settings;
pub use request::{DispatcherId, Request};
pub use retry::Retry;
