//! Where a task stands: the waiting points that its frames are in, and what the innermost one waits for.
//!
//! Nothing of it is kept while all goes well. A task that is to say where it stands is resumed once more. It cannot go on, as whatever can go on is in the ready queue, so the
//! poll goes down to the future that it waits in and comes back pending; on the way that future says what it waits for, and every waiting point says its line.
//!
//! Tasks written by hand may look at something that nobody wakes them for, and do go on then. After a panic, where no code of the user's is to run, their futures are not polled; where
//! a deadlock is looked for, there is none if one of them has moved.

use super::body::Body;
use super::id::Id;
use super::state::Engine;
use super::tree::flag;
use super::wait_reason::{Asked, Standing, Waits, Waypoint};

/// Whatever comes, the next task is resumed to go on.
struct Asking<'e>(&'e Engine);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.asked.set(Asked::No);
    }
}

impl Engine {
    /// The running task is about to wait, for something that will wake it. `what` is asked for only if the task is to say where it stands.
    #[inline]
    pub(crate) fn park_for(&self, what: impl FnOnce() -> Waits) {
        self.park();
        if self.is_asked() {
            self.standing.borrow_mut().waits = Some(what());
        }
    }

    /// Whether the running task is resumed only to say where it stands.
    #[inline]
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.get() != Asked::No
    }

    /// Whether no code of the user's is to run although a task is resumed.
    pub(crate) fn is_asked_after_a_panic(&self) -> bool {
        self.asked.get() == Asked::AfterAPanic
    }

    #[cold]
    pub(crate) fn passes(&self, waypoint: Waypoint) {
        self.standing.borrow_mut().way.push(waypoint);
    }

    /// Asks a task where it stands. One that has returned, or can go on, does not.
    #[cold]
    pub(super) fn ask_standing(&self, id: Id, asked: Asked) -> Standing {
        let body = match self.tree.borrow().get(id) {
            Some(entry) if !entry.has(flag::ENDING | flag::DONE) => entry.body.as_ref().map(Body::by_ref).filter(|body| body.vtable().runs_code),
            _ => None,
        };
        let Some(body) = body.filter(|_| !self.ready.borrow().contains(id)) else { return Standing::default() };
        self.standing.take();
        self.asked.set(asked);
        let asking = Asking(self);
        if !self.resume_body(id, body) {
            self.has_moved.set(true);
        }
        drop(asking);
        self.standing.take()
    }
}
