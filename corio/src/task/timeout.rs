//! `timeout!`: a task beside an alarm; whichever ends first, the other is dropped.

use std::marker::PhantomData;
use std::task::Poll;
use std::time::Duration;

use super::set::{First, Seed, Seeds, Set};
use crate::core::{self, RunRef};
use crate::desk;
use crate::engine::{Engine, Id, Kind};
use crate::time::Elapsed;

/// A child that is over after a while.
pub struct Alarm<T> {
    limit: Duration,
    /// The alarm, and the run that it is of: a frame may be dropped while another run is being turned.
    set: Option<(desk::Alarm, RunRef)>,
    output: PhantomData<fn() -> T>,
}

impl<T> Kind for Alarm<T> {
    type Seed = Duration;
    type Output = Result<T, Elapsed>;
    const IS_TASK: bool = false;

    unsafe fn init(this: *mut Self, limit: Duration) {
        // SAFETY: by the caller it can be written.
        unsafe { this.write(Alarm { limit, set: None, output: PhantomData }) }
    }

    unsafe fn start(this: *mut Self, _: &Engine, id: Id) {
        // SAFETY: by the caller it is initialised, and nobody else uses it.
        let alarm = unsafe { &mut *this };
        alarm.set = Some(core::with(|core| (core.set_alarm(alarm.limit, id), core.this_run())));
    }

    unsafe fn resume(this: *mut Self) -> Poll<Self::Output> {
        // Nothing but the alarm wakes it.
        // SAFETY: by the caller it is initialised, and nobody else uses it.
        Poll::Ready(Err(Elapsed::new(unsafe { (*this).limit })))
    }

    unsafe fn drop_in_place(this: *mut Self) {
        // SAFETY: by the caller it is initialised, and not used afterwards.
        unsafe { std::ptr::drop_in_place(this) }
    }

    fn name() -> &'static str {
        "timeout"
    }
}

impl<T> Drop for Alarm<T> {
    fn drop(&mut self) {
        if let Some((alarm, run)) = self.set.take() {
            // A run that is over has cleared its alarms.
            if let Some(core) = run.core() {
                core.unset_alarm(alarm);
            }
        }
    }
}

/// The other child: a task whose output is fine.
#[repr(transparent)]
pub struct InTime<K>(K);

impl<K: Kind> Kind for InTime<K> {
    type Seed = K::Seed;
    type Output = Result<K::Output, Elapsed>;
    const IS_TASK: bool = K::IS_TASK;

    unsafe fn init(this: *mut Self, seed: K::Seed) {
        // SAFETY: it is a `K`, by `transparent`; the caller's promise is the same.
        unsafe { K::init(this.cast(), seed) }
    }

    unsafe fn start(this: *mut Self, engine: &Engine, id: Id) {
        // SAFETY: as above.
        unsafe { K::start(this.cast(), engine, id) }
    }

    unsafe fn resume(this: *mut Self) -> Poll<Self::Output> {
        // SAFETY: as above.
        unsafe { K::resume(this.cast()) }.map(Ok)
    }

    unsafe fn drop_in_place(this: *mut Self) {
        // SAFETY: as above.
        unsafe { K::drop_in_place(this.cast()) }
    }

    fn name() -> &'static str {
        K::name()
    }
}

/// Seeds of the two.
pub struct InTimeSeed<T>(T);

pub struct AlarmSeed<T>(Duration, PhantomData<fn() -> T>);

impl<T: Seed> Seed for InTimeSeed<T> {
    type Kind = InTime<T::Kind>;
    type Of = T::Of;

    fn into_seed(self) -> T::Of {
        self.0.into_seed()
    }
}

impl<T> Seed for AlarmSeed<T> {
    type Kind = Alarm<T>;
    type Of = Duration;

    fn into_seed(self) -> Duration {
        self.0
    }
}

/// The children of a `timeout!`.
pub(super) type Limited<T> = (InTimeSeed<T>, AlarmSeed<<<T as Seed>::Kind as Kind>::Output>);

/// Their group, in a set.
pub(super) type LimitedGroup<T> = <Limited<T> as Seeds<First>>::Group;

pub(super) fn timeout<T: Seed>(limit: Duration, child: T) -> Set<LimitedGroup<T>>
where
    Limited<T>: Seeds<First>,
{
    Set::mixed::<First>((InTimeSeed(child), AlarmSeed(limit, PhantomData)))
}
