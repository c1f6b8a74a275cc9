//! A virtual clock, and what happened by it.

use std::fmt::{Display, Write};
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use corio::testing::VirtualClock;
use corio::{Event, FutureRequest, Observer, Schedule};

/// Tells what happened when: one line each, beginning with the time. A context for dispatchers and
/// tasks that add lines of their own.
#[derive(Clone, Default)]
pub struct Timeline {
    /// The time, which moves when nothing else can happen.
    pub clock: VirtualClock,
    lines: Arc<Mutex<Vec<(Duration, String)>>>,
}

impl Timeline {
    /// A schedule by this clock, whose batches are told when they leave.
    pub fn schedule(&self) -> Schedule<&Timeline> {
        Schedule::new(self).clock(self.clock.clone()).observe(self.observer())
    }

    /// The same, and all that becomes of the batches is told as well.
    pub fn schedule_at_length(&self) -> Schedule<&Timeline> {
        Schedule::new(self).clock(self.clock.clone()).observe(self.observer_at_length())
    }

    /// For schedules over a context of which this is a part.
    pub fn observer(&self) -> impl Observer + Send + use<> {
        let timeline = self.clone();
        move |event: &Event<'_>| match event {
            Event::BatchSent { dispatcher, keys, .. } if *dispatcher != PAUSE => {
                timeline.note(format_args!("{dispatcher}{keys:?}"))
            }
            _ => {}
        }
    }

    /// The same, and all that becomes of the batches is told as well.
    pub fn observer_at_length(&self) -> impl Observer + Send + use<> {
        let timeline = self.clone();
        move |event: &Event<'_>| match event {
            Event::BatchSent { dispatcher, keys, .. } if *dispatcher != PAUSE => {
                timeline.note(format_args!("{dispatcher}{keys:?}"))
            }
            Event::BatchAnswered { dispatcher, len, .. } if *dispatcher != PAUSE => {
                timeline.note(format_args!("{dispatcher}: {len} answered"))
            }
            Event::Retried { dispatcher, len, .. } => {
                timeline.note(format_args!("{dispatcher}: {len} to be retried"))
            }
            Event::TimedOut { dispatcher, len, .. } => {
                timeline.note(format_args!("{dispatcher}: timed out with {len}"))
            }
            Event::CacheHit { dispatcher, len, .. } => {
                timeline.note(format_args!("{dispatcher}: {len} kept"))
            }
            _ => {}
        }
    }

    /// A line of now.
    pub fn note(&self, line: impl Display) {
        self.lines.lock().unwrap().push((self.clock.now(), line.to_string()));
    }

    /// A note when it is dropped.
    pub fn note_of_drop(&self, line: &'static str) -> impl Drop + use<> {
        struct Noted(Timeline, &'static str);

        impl Drop for Noted {
            fn drop(&mut self) {
                self.0.note(self.1);
            }
        }

        Noted(self.clone(), line)
    }

    /// For dispatchers.
    pub fn sleep(&self, milliseconds: u64) -> impl Future<Output = ()> + use<> {
        let clock = self.clock.clone();
        async move { clock.sleep(Duration::from_millis(milliseconds)).await }
    }

    /// For tasks: a request that no limit holds and no timeline tells of.
    pub fn pause(&self, milliseconds: u64) -> FutureRequest<impl Future<Output = ()> + use<>> {
        corio::future(self.sleep(milliseconds))
    }

    /// When the lines so far were noted.
    pub fn times(&self) -> Vec<Duration> {
        self.lines.lock().unwrap().iter().map(|(time, _)| *time).collect()
    }

    /// The lines so far, which begin anew.
    pub fn take(&self) -> String {
        std::mem::take(&mut *self.lines.lock().unwrap()).into_iter().fold(
            String::new(),
            |mut text, (time, line)| {
                writeln!(text, "{time:?}: {line}").expect("writing to a String does not fail");
                text
            },
        )
    }
}

/// The dispatcher of `corio::future`.
const PAUSE: &str = "future";
