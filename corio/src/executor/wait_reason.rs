//! TODO

use std::panic::Location;

use super::id::Id;

/// What a task waits for.
#[derive(Debug)]
pub(crate) struct Waits {
    /// For a sentence: "waits for …".
    pub(crate) what: String,
    /// The tasks that can end the wait, as far as they are known. Those that have ended meanwhile are passed over.
    pub(crate) on: Vec<Id>,
    pub(crate) relation: Relation,
}

/// What these tasks have to do with it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Relation {
    /// They hold what is waited for.
    HeldBy,
    /// Their ends are waited for.
    Is,
}

impl Waits {
    /// For something that tasks hold, or that they are to do.
    pub(crate) fn held(what: impl Into<String>, by: Vec<Id>) -> Self {
        Waits { what: what.into(), on: by, relation: Relation::HeldBy }
    }

    /// For the ends of tasks.
    pub(crate) fn ends(what: impl Into<String>, tasks: Vec<Id>) -> Self {
        Waits { what: what.into(), on: tasks, relation: Relation::Is }
    }
}

/// One waiting point that a task is in.
#[derive(Debug)]
pub(crate) struct Waypoint {
    pub(crate) line: &'static Location<'static>,
    /// The name of the future's type that is awaited there.
    pub(crate) awaited: &'static str,
}

#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// The innermost first.
    pub(crate) way: Vec<Waypoint>,
    pub(crate) waits: Option<Waits>,
}

/// Why a task is resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// To go on.
    No,
    /// To say where it stands, when nothing can go on.
    Stuck,
    /// To say where it stands, when a panic ends the run.
    AfterAPanic,
}
