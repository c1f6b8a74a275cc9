//! The report of a deadlock: the data, and a text that a person can act on.

use std::collections::HashMap;
use std::fmt;
use std::panic::Location;

use super::wait_cause::WaitCause;
use super::wait_reason::Relation;
use crate::util::plural;

/// The tasks of a run that wait for each other, or for something that no task will do. Found in
/// [`Error::Deadlock`](crate::Error::Deadlock).
///
/// A deadlock is known, not guessed: no task can run, no request is queued and none is in flight.
///
/// ```
/// use corio::sync::Mutex;
///
/// #[corio::task]
/// fn locks_twice(mutex: &Mutex<u64>) {
///     let _guard = call!(mutex.lock());
///     call!(mutex.lock());
/// }
///
/// let mutex = Mutex::new(0);
/// let error = corio::Schedule::new(()).run(locks_twice(&mutex)).unwrap_err();
/// let corio::Error::Deadlock(deadlock) = error else { panic!("it waits for itself") };
/// let stuck = &deadlock.tasks()[0];
/// assert_eq!((stuck.path(), stuck.waits_for()), ("locks_twice", &corio::WaitCause::MutexHeld));
/// assert!(stuck.location().is_some_and(|at| at.file().ends_with(".rs")));
/// assert_eq!(deadlock.cycles().len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadlock {
    /// Tasks in cycles come first.
    pub(super) tasks: Vec<StuckTask>,
    /// Indices of tasks: each task waits for the next, and the last for the first.
    pub(super) cycles: Vec<Vec<usize>>,
}

/// A task that waits for something that will not happen.
///
/// [`Display`](fmt::Display) writes one line, and one more line for each `call!` that the task is
/// in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StuckTask {
    pub(super) path: String,
    /// From the innermost await point outward.
    pub(super) frames: Vec<CallFrame>,
    pub(super) waits_for: WaitCause,
    /// How the tasks in `on` are related to what is waited for.
    pub(super) relation: Relation,
    pub(super) on: Vec<Awaited>,
}

/// An await point of a stuck task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct CallFrame {
    pub(super) location: &'static Location<'static>,
    /// Name of the task that is called at the await point, if a task is.
    pub(super) called: Option<&'static str>,
}

/// A task that a stuck task waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Awaited {
    /// Index among the stuck tasks of the report, if the awaited task is in a cycle.
    pub(super) index: Option<usize>,
    pub(super) path: String,
}

impl Deadlock {
    /// Returns the stuck tasks; tasks in cycles come first. Tasks that only wait for their children
    /// are left out, unless they are part of a cycle.
    pub fn tasks(&self) -> &[StuckTask] {
        &self.tasks
    }

    /// Returns cycles of tasks, as indices of [`tasks`](Deadlock::tasks): in a cycle each task
    /// waits for the next, and the last for the first. A task that waits for itself is a cycle of
    /// one. Of many cycles, some are left out.
    pub fn cycles(&self) -> &[Vec<usize>] {
        &self.cycles
    }
}

impl StuckTask {
    /// Returns the names of the tasks that lead to this task, from the outermost to this task
    /// itself, such as `program > transfer`. Of a long path, only the end.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns the line on which this task waits, or `None` for a task that has returned and waits
    /// for its children.
    pub fn location(&self) -> Option<&'static Location<'static>> {
        self.frames.first().map(|frame| frame.location)
    }

    /// Returns the line on which this task waits, followed by the lines of the `call!`s that the
    /// task is in, from the inside out. Each line comes with the name of the task that is called
    /// there; the innermost line calls no task.
    pub fn calls(
        &self,
    ) -> impl Iterator<Item = (Option<&'static str>, &'static Location<'static>)> {
        self.frames.iter().map(|frame| (frame.called, frame.location))
    }

    /// Returns what this task waits for, in words: `a mutex`, `its children`.
    pub fn waits_for(&self) -> &WaitCause {
        &self.waits_for
    }

    /// Returns the paths of the tasks that hold what this task waits for, or whose end this task
    /// waits for, as far as those tasks are known. Of many, only the first.
    pub fn waits_on(&self) -> impl Iterator<Item = &str> {
        self.on.iter().map(|awaited| awaited.path.as_str())
    }
}

/// Number of cycles, of tasks in a cycle, of numbered tasks and of other tasks that the text shows.
const MAX_LINES: usize = 20;
/// Number of awaited tasks that the text shows for each stuck task.
const MAX_HOLDERS: usize = 4;

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.tasks.len();
        let verb = if count == 1 { "waits" } else { "wait" };
        write!(
            f,
            "deadlock: no task can run, nothing is queued and nothing in flight, but {count} \
             task{} {verb}",
            plural(count)
        )?;
        for cycle in self.cycles.iter().take(MAX_LINES) {
            f.write_str("\n  cycle:")?;
            let (shown, more) = cycle.split_at(cycle.len().min(MAX_LINES));
            shown.iter().try_for_each(|task| write!(f, " #{} →", task + 1))?;
            if !more.is_empty() {
                write!(f, " … {} more … →", more.len())?;
            }
            write!(f, " #{}", cycle[0] + 1)?;
        }
        let numbered = self.cycles.iter().flatten().max().map_or(0, |last| last + 1);
        let (numbered, others) = self.tasks.split_at(numbered);
        for (index, task) in numbered.iter().enumerate().take(MAX_LINES) {
            write!(f, "\n  #{} {task}", index + 1)?;
        }
        if numbered.len() > MAX_LINES {
            write!(f, "\n  … and {} more of cycles", numbered.len() - MAX_LINES)?;
        }
        let groups = group_equal(others);
        for (task, count) in groups.iter().take(MAX_LINES) {
            write!(f, "\n  {task}")?;
            if *count > 1 {
                write!(f, " (and {} more like it)", count - 1)?;
            }
        }
        let more: usize = groups.iter().skip(MAX_LINES).map(|(_, count)| count).sum();
        if more > 0 {
            write!(f, "\n  … and {more} more")?;
        }
        Ok(())
    }
}

/// Groups equal tasks, such as a thousand that wait for one lock: returns the first task of each
/// group and the size of the group.
fn group_equal(tasks: &[StuckTask]) -> Vec<(&StuckTask, usize)> {
    let mut groups: Vec<(&StuckTask, usize)> = Vec::new();
    let mut group_of = HashMap::new();
    for task in tasks {
        let index = *group_of.entry(task).or_insert(groups.len());
        if index == groups.len() {
            groups.push((task, 0));
        }
        groups[index].1 += 1;
    }
    groups
}

impl fmt::Display for StuckTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.path)?;
        match self.location() {
            Some(location) => write!(f, " waits at {location} for {}", self.waits_for)?,
            None => write!(f, " waits for {}", self.waits_for)?,
        }
        for (index, awaited) in self.on.iter().take(MAX_HOLDERS).enumerate() {
            f.write_str(match self.relation {
                _ if index > 0 => ", ",
                Relation::HeldBy => ", held by ",
                Relation::Awaits => ": ",
            })?;
            match awaited.index {
                Some(index) => write!(f, "#{}", index + 1)?,
                None => write!(f, "`{}`", awaited.path)?,
            }
        }
        if self.on.len() > MAX_HOLDERS {
            write!(f, " and {} more", self.on.len() - MAX_HOLDERS)?;
        }
        for frame in self.frames.iter().skip(1) {
            match frame.called {
                Some(called) => write!(f, "\n    in `{called}`, called at {}", frame.location)?,
                None => write!(f, "\n    called at {}", frame.location)?,
            }
        }
        Ok(())
    }
}
