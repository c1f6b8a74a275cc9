//! The data of a traced wait: what a task waits for, and at which await points.

use std::panic::Location;

use super::id::Id;
use super::wait_cause::WaitCause;

/// What a task waits for.
#[derive(Debug)]
pub(crate) struct WaitReason {
    pub(super) cause: WaitCause,
    /// The tasks that can end the wait, as far as they are known. May contain tasks that have
    /// ended, which are skipped.
    pub(super) on: Vec<Id>,
    pub(super) relation: Relation,
}

/// How the tasks in `WaitReason::on` are related to what is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Relation {
    /// The tasks hold, or have to provide, what is waited for.
    HeldBy,
    /// The ends of the tasks are waited for.
    Awaits,
}

impl WaitReason {
    /// Returns the reason of a wait for something that the tasks `by` hold or have to provide.
    pub(crate) fn held(cause: WaitCause, by: Vec<Id>) -> Self {
        WaitReason { cause, on: by, relation: Relation::HeldBy }
    }

    /// Returns the reason of a wait for the ends of `tasks`.
    pub(crate) fn ends(cause: WaitCause, tasks: Vec<Id>) -> Self {
        WaitReason { cause, on: tasks, relation: Relation::Awaits }
    }
}

/// An await point that a task is in.
#[derive(Debug)]
pub(crate) struct AwaitPoint {
    pub(crate) line: &'static Location<'static>,
    /// Type name of the future that is awaited.
    pub(crate) awaited: &'static str,
}

/// What a task has recorded when it was resumed to trace its wait.
#[derive(Debug, Default)]
pub(super) struct WaitTrace {
    /// The await points of the frames of the task, the innermost first.
    pub(super) await_points: Vec<AwaitPoint>,
    /// What the innermost await point waits for, if the awaited future recorded a reason.
    pub(super) reason: Option<WaitReason>,
}

/// Why a task is resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResumeReason {
    /// To go on.
    Continue,
    /// To trace its wait, when no task can go on.
    Stuck,
    /// To trace its wait, when a panic ends the run.
    AfterPanic,
}
