//! TODO

mod answers;
mod any_lane;
mod batch;
mod buffer;
mod buffer_pool;
mod cache;
mod context_ref;
mod cursor;
mod delivery;
mod dispatch_fns;
mod dispatcher;
mod dispatchers;
mod error;
mod future_request;
mod host;
mod idle;
mod ids;
mod in_flight;
mod keys;
mod lane;
mod limits;
mod options;
mod overrides;
mod queue;
mod ready;
mod registry;
mod request;
mod retry;
mod shared_state;

pub use answers::{
    Answers, FailingAnswer, Faulty, FaultyEach, Probe, ProbeAny, ProbeResult, answers, each_answer,
    is_transient, is_transient_fault, plain_answer,
};
pub use batch::{Batch, Requests, Slot};
pub(crate) use cache::CacheChange;
pub use cache::Partition;
pub(crate) use context_ref::ContextRef;
pub(crate) use dispatch_fns::Override;
pub use dispatcher::Dispatch;
pub(crate) use dispatchers::Dispatchers;
pub use error::RequestError;
pub use future_request::{FutureRequest, future};
pub(crate) use host::{Futures, Host, SendCx};
pub(crate) use ids::{InFlightId, Waiter, WakeRun};
pub use keys::{Groups, groups};
pub(crate) use lane::Lane;
pub use options::Options;
pub(crate) use overrides::DispatchConfig;
pub use request::{DispatcherId, Request};
pub use retry::Retry;
