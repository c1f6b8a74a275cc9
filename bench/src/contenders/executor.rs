//! Where a run waits for a dispatcher that is a future: on tokio's runtime of one thread; without
//! the peers on the least that can be, whose instructions say more of those who run on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

#[cfg(feature = "peers")]
use crate::work::{self, Size, Workload};

#[cfg(not(feature = "peers"))]
pub use by_hand::{Executor, yield_now};
#[cfg(feature = "peers")]
pub use on_tokio::{Executor, yield_now};

/// A waker that remembers that it was woken.
#[derive(Default)]
pub struct Woken(AtomicBool);

impl Woken {
    /// Whether it was woken since this was last called.
    pub fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The round trip of a batch whose dispatcher is a future.
#[cfg(feature = "peers")]
pub async fn round_trip(size: Size) {
    match size.workload {
        Workload::W8 | Workload::W9 => yield_now().await,
        _ => work::round_trip(size),
    }
}

#[cfg(feature = "peers")]
mod on_tokio {
    pub use tokio::task::yield_now;

    pub struct Executor(tokio::runtime::Runtime);

    impl Executor {
        pub fn new() -> Executor {
            Executor(crate::contenders::on_tokio::runtime())
        }

        pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
            self.0.block_on(future)
        }
    }
}

#[cfg(not(feature = "peers"))]
mod by_hand {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{Context, Poll, Waker};

    use super::Woken;

    pub async fn yield_now() {
        let mut yielded = false;
        poll_fn(|context| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    pub struct Executor(Arc<Woken>);

    impl Executor {
        pub fn new() -> Executor {
            Executor(Arc::default())
        }

        pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
            let mut future = pin!(future);
            let waker = Waker::from(self.0.clone());
            let mut context = Context::from_waker(&waker);
            loop {
                if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                    return output;
                }
                assert!(self.0.take(), "nobody can go on");
            }
        }
    }
}
