//! TODO

#[cfg(feature = "blocking")]
mod blocking;
mod requests;
mod slot;
mod slots;

pub(crate) use requests::Payload;
pub use requests::Requests;
pub use slot::Slot;
pub use slots::Batch;
