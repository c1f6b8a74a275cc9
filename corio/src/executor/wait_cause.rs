//! What a stuck task waits for, as data; and the one place that puts it into words.

use std::fmt;

use crate::util::plural;

/// What a [stuck task](crate::StuckTask) waits for. Prints as it is told in a deadlock report: `a
/// mutex`, `2 permits of a semaphore, 1 is free`.
///
/// ```
/// use corio::WaitCause;
/// use corio::sync::Semaphore;
///
/// #[corio::task]
/// fn takes_too_many(semaphore: &Semaphore) {
///     let _one = call!(semaphore.acquire());
///     call!(semaphore.acquire_many(2));
/// }
///
/// let semaphore = Semaphore::new(2);
/// let error = corio::Schedule::new(()).run(takes_too_many(&semaphore)).unwrap_err();
/// let corio::Error::Deadlock(deadlock) = error else { panic!("it waits for itself") };
/// let cause = deadlock.tasks()[0].waits_for();
/// assert!(matches!(cause, WaitCause::Permits { requested: 2, free: 1, .. }));
/// assert_eq!(cause.to_string(), "2 permits of a semaphore, 1 is free");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitCause {
    /// The ends of the task's children.
    ChildrenEnd,
    /// The ends of the task's children, as the task has returned.
    ChildrenEndAfterReturn,
    /// The end of one task, by its handle.
    TaskEnd,
    /// The limit of [`max_tasks`](crate::Config::max_tasks): another task has to end first.
    #[non_exhaustive]
    MaxTasks {
        /// The limit.
        max: usize,
    },
    /// A [`Mutex`](crate::sync::Mutex).
    MutexHeld,
    /// An [`RwLock`](crate::sync::RwLock), to read.
    RwLockToRead,
    /// An [`RwLock`](crate::sync::RwLock), to write.
    RwLockToWrite,
    /// Permits of a [`Semaphore`](crate::sync::Semaphore).
    #[non_exhaustive]
    Permits {
        /// How many the task asked for.
        requested: usize,
        /// How many are free.
        free: usize,
    },
    /// A [`Notify`](crate::sync::Notify).
    Notification,
    /// The value of a [`OnceCell`](crate::sync::OnceCell).
    OnceCellValue,
    /// A message of a [`channel`](crate::sync::channel()).
    #[non_exhaustive]
    Message {
        /// How many senders the channel has.
        senders: usize,
    },
    /// Room for a message in a [`channel`](crate::sync::channel()).
    #[non_exhaustive]
    Capacity {
        /// How many messages the channel holds.
        capacity: usize,
    },
    /// A [`WaitGroup`](crate::sync::WaitGroup).
    #[non_exhaustive]
    WaitGroupDone {
        /// How many things are not done.
        pending: usize,
    },
    /// The value of a key in a [`SingleFlight`](crate::sync::SingleFlight).
    #[non_exhaustive]
    SingleFlightValue {
        /// Whether the task makes that value itself.
        is_leader: bool,
    },
    /// The limit of an [`ErrGroup`](crate::sync::ErrGroup): another member has to end first.
    ErrGroupLimit,
    /// The ends of the members of an [`ErrGroup`](crate::sync::ErrGroup).
    #[non_exhaustive]
    ErrGroupEnd {
        /// How many members are left.
        members: usize,
    },
    /// Something that a task written by hand waits for without saying what.
    Unknown,
}

impl fmt::Display for WaitCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is = |count: usize| if count == 1 { "is" } else { "are" };
        match *self {
            WaitCause::ChildrenEnd => f.write_str("its children"),
            WaitCause::ChildrenEndAfterReturn => f.write_str("its children, having returned"),
            WaitCause::TaskEnd => f.write_str("the end of a task"),
            WaitCause::MaxTasks { max } => {
                write!(f, "room for one more task: the schedule is limited to {max}")
            }
            WaitCause::MutexHeld => f.write_str("a mutex"),
            WaitCause::RwLockToRead => f.write_str("a read-write lock, to read"),
            WaitCause::RwLockToWrite => f.write_str("a read-write lock, to write"),
            WaitCause::Permits { requested: 1, free } => {
                write!(f, "a permit of a semaphore, {free} {} free", is(free))
            }
            WaitCause::Permits { requested, free } => {
                write!(f, "{requested} permits of a semaphore, {free} {} free", is(free))
            }
            WaitCause::Notification => f.write_str("a notification"),
            WaitCause::OnceCellValue => f.write_str("the value of a once-cell"),
            WaitCause::Message { senders } => {
                let (s, are) = (plural(senders), is(senders));
                write!(f, "a message: {senders} sender{s} {are} there")
            }
            WaitCause::Capacity { capacity } => write!(f, "room in a channel of {capacity}"),
            WaitCause::WaitGroupDone { pending } => {
                let (s, are) = (plural(pending), is(pending));
                write!(f, "a wait group: {pending} thing{s} {are} not done")
            }
            WaitCause::SingleFlightValue { is_leader: true } => {
                f.write_str("the single-flight of a key, which it leads itself")
            }
            WaitCause::SingleFlightValue { is_leader: false } => {
                f.write_str("the single-flight of a key, which is on the way")
            }
            WaitCause::ErrGroupLimit => {
                f.write_str("a place among the members of an error group that run")
            }
            WaitCause::ErrGroupEnd { members } => {
                let (s, are) = (plural(members), is(members));
                write!(f, "the end of an error group, of which {members} member{s} {are} left")
            }
            WaitCause::Unknown => f.write_str("something that it does not name"),
        }
    }
}
