//! TODO

use std::panic::Location;

use super::id::Id;

/// What a task waits for.
#[derive(Debug)]
pub(crate) struct WaitReason {
    /// For a sentence: "waits for …".
    pub(crate) what: String,
    /// The tasks that can end the wait, as far as they are known. Those that have ended meanwhile
    /// are passed over.
    pub(crate) on: Vec<Id>,
    pub(crate) relation: Relation,
}

/// What these tasks have to do with it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Relation {
    /// They hold what is waited for.
    HeldBy,
    /// Their ends are waited for.
    Awaits,
}

impl WaitReason {
    /// For something that tasks hold, or that they are to do.
    pub(crate) fn held(what: impl Into<String>, by: Vec<Id>) -> Self {
        WaitReason { what: what.into(), on: by, relation: Relation::HeldBy }
    }

    /// For the ends of tasks.
    pub(crate) fn ends(what: impl Into<String>, tasks: Vec<Id>) -> Self {
        WaitReason { what: what.into(), on: tasks, relation: Relation::Awaits }
    }
}

/// One waiting point that a task is in.
#[derive(Debug)]
pub(crate) struct AwaitPoint {
    pub(crate) line: &'static Location<'static>,
    /// The name of the future's type that is awaited there.
    pub(crate) awaited: &'static str,
}

#[derive(Debug, Default)]
pub(crate) struct WaitTrace {
    /// The innermost first.
    pub(crate) way: Vec<AwaitPoint>,
    pub(crate) waits: Option<WaitReason>,
}

/// Why a task is resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResumeReason {
    /// To go on.
    Continue,
    /// To say where it stands, when nothing can go on.
    Stuck,
    /// To say where it stands, when a panic ends the run.
    AfterAPanic,
}
