//! What belongs to one drive, and when it is quiescent.
//!
//! # Terms
//! - **group**: a [`drive`](crate::Hub::drive) with those that [`follow`](crate::Hub::follow) it.
//! - **member**: one of these: a future that is polled by a task of its own. It is *active* from
//!   its creation until a poll of it returns `Pending` and nothing has woken it since that poll
//!   began, and again when it is woken.
//! - **unsent**: what members have asked, and what has not left.
//!
//! # Invariants
//! - `active` counts the active members, and whoever is just giving answers to the group. Who takes
//!   it to zero sends what is unsent: it decrements first and looks then, so of two that become
//!   idle at once the later one finds what both have asked.
//! - A member that is woken becomes active before its task is woken.

use std::any::{Any, TypeId};
use std::mem;
use std::sync::Arc;

use crate::util::PanicCollector;
use crate::util::concurrent::{AtomicUsize, Mutex, Ordering, PoisonError};

/// What a group has asked of one dispatcher, and not sent; with the types erased.
pub(super) trait Unsent: Send {
    /// The type of the requests.
    fn request(&self) -> TypeId;

    fn as_any(&mut self) -> &mut dyn Any;

    /// Sends it to the hub.
    fn send(self: Box<Self>);
}

/// A drive with its followers.
pub(super) struct Group {
    active: AtomicUsize,
    unsent: Mutex<Vec<Box<dyn Unsent>>>,
    /// The group in whose poll this one was made, of another hub: it is not quiescent either while
    /// this one is given answers.
    outer: Option<Arc<Group>>,
}

impl Group {
    /// A group with one member, which is active.
    pub(super) fn new(outer: Option<Arc<Group>>) -> Arc<Self> {
        Arc::new(Group { active: AtomicUsize::new(1), unsent: Mutex::default(), outer })
    }

    /// Calls `use_it` with what is unsent.
    pub(super) fn with_unsent<T>(&self, use_it: impl FnOnce(&mut Vec<Box<dyn Unsent>>) -> T) -> T {
        use_it(&mut self.unsent.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A member becomes active.
    pub(super) fn begin(&self) {
        // Relaxed: a count, and whoever takes it to zero synchronizes with all that decremented.
        self.active.fetch_add(1, Ordering::Relaxed);
    }

    /// A member becomes idle, or is gone. The last one sends.
    pub(super) fn end(&self) {
        // AcqRel: the last sees what the others have asked.
        let before = self.active.fetch_sub(1, Ordering::AcqRel);
        assert_ne!(before, 0, "who ends has begun");
        if before == 1 {
            let mut panics = PanicCollector::default();
            for packet in self.with_unsent(mem::take) {
                panics.run(|| packet.send());
            }
            panics.finish();
        }
    }

    /// Begins to give answers to the group: it sends nothing before `let_go`.
    pub(super) fn hold(&self) {
        self.begin();
        self.outer.iter().for_each(|outer| outer.hold());
    }

    pub(super) fn let_go(&self) {
        let mut panics = PanicCollector::default();
        panics.run(|| self.end());
        panics.run(|| self.outer.iter().for_each(|outer| outer.let_go()));
        panics.finish();
    }
}
