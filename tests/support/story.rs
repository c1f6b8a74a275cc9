//! A virtual clock, and what happened by it.

use std::cell::RefCell;
use std::fmt::{Display, Write};
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use corio::testing::VirtualClock;
use corio::{Event, FutureRequest, Schedule};

/// Tells what happened when: one line each, beginning with the time. A context for dispatchers and tasks that add lines of their own.
#[derive(Clone, Default)]
pub(crate) struct Story {
    pub(crate) clock: VirtualClock,
    lines: Rc<RefCell<Vec<String>>>,
}

impl Story {
    /// A schedule by this clock, whose batches are told when they leave.
    pub(crate) fn schedule(&self) -> Schedule<&Story> {
        self.told_by(|event| match event {
            Event::BatchSent { dispatcher, keys, .. } if *dispatcher != PAUSE => Some(format!("{dispatcher}{keys:?}")),
            _ => None,
        })
    }

    /// The same, and all that becomes of the batches is told as well.
    pub(crate) fn schedule_at_length(&self) -> Schedule<&Story> {
        self.told_by(|event| match event {
            Event::BatchSent { dispatcher, keys, .. } if *dispatcher != PAUSE => Some(format!("{dispatcher}{keys:?}")),
            Event::BatchAnswered { dispatcher, len, .. } if *dispatcher != PAUSE => Some(format!("{dispatcher}: {len} answered")),
            Event::Retried { dispatcher, len, .. } => Some(format!("{dispatcher}: {len} to be retried")),
            Event::TimedOut { dispatcher, len, .. } => Some(format!("{dispatcher}: timed out with {len}")),
            Event::Kept { dispatcher, len } => Some(format!("{dispatcher}: {len} kept")),
            _ => None,
        })
    }

    fn told_by(&self, line: impl Fn(&Event<'_>) -> Option<String> + 'static) -> Schedule<&Story> {
        let mut schedule = Schedule::new(self);
        let story = self.clone();
        schedule.clock(self.clock.clone()).observe(move |event: &Event<'_>| line(event).into_iter().for_each(|line| story.note(line)));
        schedule
    }

    pub(crate) fn note(&self, line: impl Display) {
        self.lines.borrow_mut().push(format!("{:?}: {line}", self.clock.now()));
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

    /// The lines so far, which begin anew.
    pub(crate) fn take(&self) -> String {
        self.lines.take().into_iter().fold(String::new(), |mut text, line| {
            writeln!(text, "{line}").expect("writing to a String does not fail");
            text
        })
    }
}

/// The dispatcher of `corio::future`.
const PAUSE: &str = "future";
