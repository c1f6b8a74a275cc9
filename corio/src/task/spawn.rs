//! `spawn!`: a child task, as soon as the schedule has room for one more.
//!
//! The room is waited for before there is a task: a frame that held one while it waits could not
//! spawn its own kind.

use std::future::Future;
use std::marker::PhantomData;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::handle::Handle;
use crate::executor::Id;
use crate::runtime::{RunState, current};

/// The future of the wait in a `spawn!`.
#[must_use]
#[derive(Debug)]
pub struct AcquireSpawnPermit(());

/// There was room for one more task.
#[derive(Debug)]
pub struct SpawnPermit(());

impl SpawnPermit {
    /// For tasks by hand, which cannot wait for it.
    pub(super) fn not_waited_for() -> Self {
        SpawnPermit(())
    }
}

impl AcquireSpawnPermit {
    #[inline]
    pub(super) fn new() -> Self {
        AcquireSpawnPermit(())
    }
}

impl Future for AcquireSpawnPermit {
    type Output = SpawnPermit;

    #[inline]
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<SpawnPermit> {
        current::with(|run| {
            if run.executor.may_spawn() { Poll::Ready(SpawnPermit(())) } else { Poll::Pending }
        })
    }
}

/// A spawned task. `__corio_handle()` gives its handle, and says that it is not to be dropped
/// unseen if the task can fail: of two methods of that name, here and behind `Deref`, rustc
/// takes the first that fits.
pub struct Spawned<O>(Started<O>);

pub struct Started<O> {
    id: Id,
    run: u64,
    output: PhantomData<O>,
}

impl<O> Spawned<O> {
    /// `id` was spawned in the run of `run` with a future of output `O`.
    #[inline]
    pub(super) fn new(run: &RunState, id: Id) -> Self {
        Spawned(Started { id, run: run.id(), output: PhantomData })
    }
}

impl<T, E> Spawned<Result<T, E>> {
    #[inline]
    #[must_use = "this child can fail, and nobody would know: `call!` its handle, or drop it by \
                  `let _ = spawn!(..)`"]
    pub fn __corio_handle(self) -> Handle<Result<T, E>> {
        self.0.__corio_handle()
    }
}

impl<O> Deref for Spawned<O> {
    type Target = Started<O>;

    #[inline]
    fn deref(&self) -> &Started<O> {
        &self.0
    }
}

impl<O> Started<O> {
    /// Called once: the expansion of `spawn!` does.
    #[inline]
    pub fn __corio_handle(&self) -> Handle<O> {
        Handle::new(self.id, self.run)
    }
}
