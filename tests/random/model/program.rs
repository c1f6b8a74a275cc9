//! Programs as data: what a task does, step by step.

use std::fmt;
use std::sync::Arc;

pub(crate) const DISPATCHERS: usize = 3;
/// Few, so that tasks often ask for the same.
pub(crate) const NUMBERS: u64 = 8;
pub(crate) const MUTEXES: usize = 3;
pub(crate) const RWLOCKS: usize = 2;
/// How many permits each semaphore has.
pub(crate) const PERMITS: [usize; 2] = [2, 3];
pub(crate) const CELLS: usize = 2;
pub(crate) const KEYS: usize = 2;

pub(crate) type Millis = u64;

/// What a task does. It gives a number that is made of all its results in order, or an error.
pub(crate) type Body = Arc<[Step]>;

#[derive(Clone, PartialEq)]
pub(crate) struct Step {
    pub(crate) op: Op,
    /// What it has run.
    pub(crate) bodies: Vec<Body>,
}

/// A request: whom it asks, and for what.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Wish {
    pub(crate) of: usize,
    pub(crate) number: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Op {
    Ask(Wish),
    AskTwo(Wish, Wish),
    AskAll(usize, Vec<u64>),
    /// `timeout!` around a request.
    AskWithin(Millis, Wish),
    /// `race!` of two requests.
    AskEither(Wish, Wish),

    Spawn,
    /// `call!(handle)` of the child spawned first, of those that were not collected yet.
    Collect,
    Wait,

    Call,
    /// `call!(..)?`
    TryCall,
    Join,
    JoinRequest(Wish),
    TryJoin,
    /// `all!` of so many at most at a time, if it says so.
    All(Option<usize>),
    TryAll(Option<usize>),
    Race,
    /// `timeout!` around a task.
    Within(Millis),

    /// Something is held while the body runs.
    Hold(Want, How),
    /// Each body under a mutex that the children borrow from this task.
    Contend,

    /// Spawned children that a wait group counts; then it waits for them. Some may have more to do
    /// once they were done.
    Crew {
        more: bool,
    },
    /// Spawned children that wait to be notified, and notify the next when they are over. Impatient
    /// ones give up waiting after a while, and then wait again.
    Baton {
        patience: Option<Millis>,
    },
    /// Spawned children that wait until all are notified, which happens after the first body.
    Gong,
    /// A channel of this capacity. The first body is run by the receiver for every value; the
    /// others each by a sender, before it sends so many values.
    Pipe {
        capacity: usize,
        values: u64,
        takes: Option<u64>,
        tries: bool,
    },
    /// `get_or_try_init` of a cell.
    Once(usize),
    /// A single flight.
    Flight(usize),
    /// Members of an error group, so many at most at a time.
    Team(Option<usize>),

    /// An error, if the number of the task leaves this remainder.
    Fail {
        of: u64,
        at: u64,
    },
    Return,
    Panic,

    /// Waits for what never happens.
    Never,
    /// Waits for more permits than there are.
    TooMany(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Want {
    Mutex(usize),
    Read(usize),
    Write(usize),
    /// Of a semaphore.
    Permits(usize, usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum How {
    Wait,
    /// If it can be had at once.
    Try,
    /// If it can be had in time.
    Within(Millis),
    /// This or another, whichever can be had first.
    Or(Want),
}

impl Op {
    /// How many bodies it has at least, and whether it may have more.
    pub(crate) fn bodies(&self) -> (usize, bool) {
        match self {
            Op::Spawn
            | Op::Call
            | Op::TryCall
            | Op::JoinRequest(_)
            | Op::Within(_)
            | Op::Hold(..)
            | Op::Once(_)
            | Op::Flight(_) => (1, false),
            Op::Join | Op::TryJoin | Op::Race => (2, false),
            Op::All(_)
            | Op::TryAll(_)
            | Op::Contend
            | Op::Crew { .. }
            | Op::Baton { .. }
            | Op::Team(_) => (0, true),
            Op::Gong => (1, true),
            Op::Pipe { .. } => (1, true),
            _ => (0, false),
        }
    }
}

/// Whether any step of it is such a one.
pub(crate) fn any(body: &Body, is: &dyn Fn(&Op) -> bool) -> bool {
    body.iter().any(|step| is(&step.op) || step.bodies.iter().any(|body| any(body, is)))
}

/// As text.
pub(crate) struct Shown<'a>(pub(crate) &'a Body);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(self.0, 1, f)
    }
}

fn show(body: &Body, depth: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for step in body.iter() {
        write!(f, "{:depth$}{:?}", "", step.op, depth = depth * 4)?;
        for body in &step.bodies {
            if body.is_empty() {
                write!(f, " {{}}")?;
            } else {
                writeln!(f, " {{")?;
                show(body, depth + 1, f)?;
                write!(f, "{:depth$}}}", "", depth = depth * 4)?;
            }
        }
        writeln!(f)?;
    }
    Ok(())
}
