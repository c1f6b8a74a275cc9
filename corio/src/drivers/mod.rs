//! Who turns a run: this thread until the end (`block_on`), or an executor that polls it (`RunAsync`). And what comes from outside: futures of dispatchers, and the bell
//! that other threads ring.

mod bell;
mod blocking;
mod executor;
mod futures;
mod run_async;
mod sleep;

pub(crate) use bell::Bell;
pub(crate) use blocking::block_on;
pub(crate) use futures::FutureSet;
pub use run_async::RunAsync;
