//! Where a task stands: the waiting points that its frames are in, and what the innermost one waits for.
//!
//! Nothing of it is kept while all goes well. A task that is to say where it stands is resumed once more. It cannot go on, as whatever can go on is in the ready queue, so the
//! poll goes down to the future that it waits in and comes back pending; on the way that future says what it waits for, and every waiting point says its line.

use std::panic::Location;

use super::{Engine, Id, flag};

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

impl Engine {
    /// The running task is about to wait, for something that will wake it. `what` is asked for only if the task is to say where it stands.
    #[inline]
    pub(crate) fn park_for(&self, what: impl FnOnce() -> Waits) {
        self.park();
        if self.is_asked.get() {
            self.standing.borrow_mut().waits = Some(what());
        }
    }

    /// Whether the running task is resumed only to say where it stands.
    #[inline]
    pub(crate) fn is_asked(&self) -> bool {
        self.is_asked.get()
    }

    #[cold]
    pub(crate) fn passes(&self, waypoint: Waypoint) {
        self.standing.borrow_mut().way.push(waypoint);
    }

    /// Asks a task where it stands. One that has returned, or can go on, does not.
    #[cold]
    pub(crate) fn ask_standing(&self, id: Id) -> Standing {
        let body = match self.tree.borrow().get(id) {
            Some(entry) if !entry.has(flag::ENDING | flag::DONE) => entry.body.filter(|body| body.vtable.runs_code),
            _ => None,
        };
        let Some(body) = body.filter(|_| !self.ready.borrow().contains(&id)) else { return Standing::default() };
        self.is_asked.set(true);
        self.resume_body(id, body);
        self.is_asked.set(false);
        self.standing.take()
    }
}
