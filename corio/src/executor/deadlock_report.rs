//! What is told of a deadlock: data, and a text that a person can act on.

use std::collections::HashMap;
use std::fmt;
use std::panic::Location;

use crate::util::plural;

/// The tasks of a run that wait for each other, or for something that nobody will do; in
/// [`Error::Deadlock`](crate::Error::Deadlock).
///
/// It is known, not guessed: no task could run, nothing was queued and nothing in flight.
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
/// assert_eq!((stuck.path(), stuck.waits_for()), ("locks_twice", "a mutex"));
/// assert!(stuck.location().is_some_and(|at| at.file().ends_with(".rs")));
/// assert_eq!(deadlock.cycles().len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadlock {
    /// Those of the cycles first.
    pub(crate) tasks: Vec<StuckTask>,
    /// Indices of tasks, each waiting for the next and the last for the first.
    pub(crate) cycles: Vec<Vec<usize>>,
}

/// A task that waits for something that will not happen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StuckTask {
    pub(crate) path: String,
    /// From the innermost waiting point outward.
    pub(crate) way: Vec<CallFrame>,
    pub(crate) waits_for: String,
    /// What they have to do with it: "held by".
    pub(crate) relation: &'static str,
    pub(crate) on: Vec<Awaited>,
}

/// A waiting point of a stuck task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct CallFrame {
    pub(crate) line: &'static Location<'static>,
    /// The task that is called there, if one is.
    pub(crate) called: Option<&'static str>,
}

/// A task that another one waits for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Awaited {
    /// Its place among the stuck tasks, if it is one that is told of.
    pub(crate) index: Option<usize>,
    pub(crate) path: String,
}

impl Deadlock {
    /// The tasks that wait. Those that only wait for their children are left out, unless they are
    /// part of a cycle. Those of cycles come first.
    pub fn tasks(&self) -> &[StuckTask] {
        &self.tasks
    }

    /// Circles of tasks, as indices of [`tasks`](Deadlock::tasks): each waits for the next, and the
    /// last for the first. A task that waits for itself is a circle of one.
    pub fn cycles(&self) -> &[Vec<usize>] {
        &self.cycles
    }
}

impl StuckTask {
    /// The names of the tasks that lead to it, the first one of the run first; of a long way, the
    /// end: `program > transfer`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Where it waits. A task that has returned and waits for its children has no such place.
    pub fn location(&self) -> Option<&'static Location<'static>> {
        self.way.first().map(|waiting| waiting.line)
    }

    /// Where it waits, and the `call!`s that led there, from the inside out: the name of the task
    /// that is called (none at the innermost), and the line.
    pub fn calls(
        &self,
    ) -> impl Iterator<Item = (Option<&'static str>, &'static Location<'static>)> {
        self.way.iter().map(|waiting| (waiting.called, waiting.line))
    }

    /// What it waits for: `a mutex`, `its children`.
    pub fn waits_for(&self) -> &str {
        &self.waits_for
    }

    /// The paths of the tasks that hold what it waits for, or whose end it waits for, as far as
    /// they are known; of many, the first.
    pub fn waits_on(&self) -> impl Iterator<Item = &str> {
        self.on.iter().map(|awaited| awaited.path.as_str())
    }
}

/// So many lines are shown, and so many of those that a task waits for.
const MOST_LINES: usize = 20;
const MOST_HOLDERS: usize = 4;

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
        for cycle in self.cycles.iter().take(MOST_LINES) {
            f.write_str("\n  cycle:")?;
            let (shown, more) = cycle.split_at(cycle.len().min(MOST_LINES));
            shown.iter().try_for_each(|task| write!(f, " #{} →", task + 1))?;
            if !more.is_empty() {
                write!(f, " … {} more … →", more.len())?;
            }
            write!(f, " #{}", cycle[0] + 1)?;
        }
        let numbered = self.cycles.iter().flatten().max().map_or(0, |last| last + 1);
        let (numbered, others) = self.tasks.split_at(numbered);
        for (index, task) in numbered.iter().enumerate().take(MOST_LINES) {
            write!(f, "\n  #{} {task}", index + 1)?;
        }
        if numbered.len() > MOST_LINES {
            write!(f, "\n  … and {} more of cycles", numbered.len() - MOST_LINES)?;
        }
        let alike = alike(others);
        for (task, count) in alike.iter().take(MOST_LINES) {
            write!(f, "\n  {task}")?;
            if *count > 1 {
                write!(f, " (and {} more like it)", count - 1)?;
            }
        }
        let more: usize = alike.iter().skip(MOST_LINES).map(|(_, count)| count).sum();
        if more > 0 {
            write!(f, "\n  … and {more} more")?;
        }
        Ok(())
    }
}

/// Of tasks that are alike, such as a thousand at one lock, the first and how many there are.
fn alike(tasks: &[StuckTask]) -> Vec<(&StuckTask, usize)> {
    let mut alike: Vec<(&StuckTask, usize)> = Vec::new();
    let mut known = HashMap::new();
    for task in tasks {
        let index = *known.entry(task).or_insert(alike.len());
        if index == alike.len() {
            alike.push((task, 0));
        }
        alike[index].1 += 1;
    }
    alike
}

/// One line, and one more for each call on the way.
impl fmt::Display for StuckTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.path)?;
        match self.location() {
            Some(line) => write!(f, " waits at {line} for {}", self.waits_for)?,
            None => write!(f, " waits for {}", self.waits_for)?,
        }
        for (index, awaited) in self.on.iter().take(MOST_HOLDERS).enumerate() {
            f.write_str(if index == 0 { self.relation } else { ", " })?;
            match awaited.index {
                Some(index) => write!(f, "#{}", index + 1)?,
                None => write!(f, "`{}`", awaited.path)?,
            }
        }
        if self.on.len() > MOST_HOLDERS {
            write!(f, " and {} more", self.on.len() - MOST_HOLDERS)?;
        }
        for call in self.way.iter().skip(1) {
            match call.called {
                Some(called) => write!(f, "\n    in `{called}`, called at {}", call.line)?,
                None => write!(f, "\n    called at {}", call.line)?,
            }
        }
        Ok(())
    }
}
