//! Spawners for [`Hub::new`](crate::Hub::new): functions that hand a future to an executor.
//!
//! Any `Fn(Work) + Send + Sync` is one. It has to take the future from whatever thread asks, and
//! the executor has to poll it until it is ready, with the timers and sockets that dispatchers
//! need.

pub use super::inner::Work;

/// Spawns on this runtime, from any thread.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use tokio::runtime::Handle;
///
/// let hub = corio::Hub::new((), corio::spawn::tokio(Handle::current()));
/// # });
/// ```
#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
pub fn tokio(runtime: tokio::runtime::Handle) -> impl Fn(Work) + Send + Sync + 'static {
    move |work| drop(runtime.spawn(work))
}
