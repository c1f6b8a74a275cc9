//! A virtual clock, and what happened by it.

use std::cell::RefCell;
use std::fmt::{Display, Write};
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use corio::testing::VirtualClock;
use corio::{Event, FutureRequest, Observer, Schedule};

/// Tells what happened when: one line each, beginning with the time. A context for dispatchers and tasks that add lines of their own.
#[derive(Clone, Default)]
pub(crate) struct Story {
    pub(crate) clock: VirtualClock,
    lines: Rc<RefCell<Vec<(Duration, String)>>>,
}

impl Story {
    /// A schedule by this clock, whose batches are told when they leave.
    pub(crate) fn schedule(&self) -> Schedule<&Story> {
        let mut schedule = Schedule::new(self);
        schedule.clock(self.clock.clone()).observe(self.observer());
        schedule
    }

    /// The same, and all that becomes of the batches is told as well.
    pub(crate) fn schedule_at_length(&self) -> Schedule<&Story> {
        let mut schedule = Schedule::new(self);
        schedule.clock(self.clock.clone()).observe(self.observer_at_length());
        schedule
    }

    /// For schedules over a context of which this is a part.
    pub(crate) fn observer(&self) -> impl Observer + use<> {
        let story = self.clone();
        move |event: &Event<'_>| match event {
            Event::BatchSent { dispatcher, keys, .. } if *dispatcher != PAUSE => story.note(format_args!("{dispatcher}{keys:?}")),
            _ => {}
        }
    }

    pub(crate) fn observer_at_length(&self) -> impl Observer + use<> {
        let story = self.clone();
        move |event: &Event<'_>| match event {
            Event::BatchSent { dispatcher, keys, .. } if *dispatcher != PAUSE => story.note(format_args!("{dispatcher}{keys:?}")),
            Event::BatchAnswered { dispatcher, len, .. } if *dispatcher != PAUSE => story.note(format_args!("{dispatcher}: {len} answered")),
            Event::Retried { dispatcher, len, .. } => story.note(format_args!("{dispatcher}: {len} to be retried")),
            Event::TimedOut { dispatcher, len, .. } => story.note(format_args!("{dispatcher}: timed out with {len}")),
            Event::Kept { dispatcher, len } => story.note(format_args!("{dispatcher}: {len} kept")),
            _ => {}
        }
    }

    pub(crate) fn note(&self, line: impl Display) {
        self.lines.borrow_mut().push((self.clock.now(), line.to_string()));
    }

    /// A note when it is dropped.
    pub(crate) fn note_of_drop(&self, line: &'static str) -> impl Drop + use<> {
        struct Noted(Story, &'static str);

        impl Drop for Noted {
            fn drop(&mut self) {
                self.0.note(self.1);
            }
        }

        Noted(self.clone(), line)
    }

    /// For dispatchers.
    pub(crate) fn sleep(&self, milliseconds: u64) -> impl Future<Output = ()> + use<> {
        let clock = self.clock.clone();
        async move { clock.sleep(Duration::from_millis(milliseconds)).await }
    }

    /// For tasks: a request that no limit holds and no story tells of.
    pub(crate) fn pause(&self, milliseconds: u64) -> FutureRequest<impl Future<Output = ()> + use<>> {
        corio::future(self.sleep(milliseconds))
    }

    /// When the lines so far were noted.
    pub(crate) fn times(&self) -> Vec<Duration> {
        self.lines.borrow().iter().map(|(time, _)| *time).collect()
    }

    /// The lines so far, which begin anew.
    pub(crate) fn take(&self) -> String {
        self.lines.take().into_iter().fold(String::new(), |mut text, (time, line)| {
            writeln!(text, "{time:?}: {line}").expect("writing to a String does not fail");
            text
        })
    }
}

/// The dispatcher of `corio::future`.
const PAUSE: &str = "future";
