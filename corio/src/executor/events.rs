//! What the engine tells of its tasks: to observers, as numbers that count from 1 in every run; in
//! errors, as the path of names that leads to a task.

use std::panic::Location;

use super::body::{Body, BodyRef, VTable};
use super::id::Id;
use super::state::Executor;
use super::task_numbers::TaskNumbers;
use super::tree::NIL;
use super::wait_reason::ResumeReason;
use crate::observe::{Event, TaskId};
use crate::util::type_names;

/// Paths are told for each task that is stuck, and tasks can be nested deeply: the whole of all of
/// them would be quadratic.
const LONGEST_PATH: usize = 16;

impl Executor {
    #[cold]
    pub(super) fn emit_started(&self, id: Id, vtable: &VTable) {
        self.emit_if_task(vtable, || {
            let tree = self.tree.borrow();
            let parent = tree[id.index()].parent;
            let parent = (parent != NIL).then(|| self.task_id(tree.named_task_of(parent)));
            let TaskNumbers { last, by_index } = &mut *self.task_numbers.borrow_mut();
            *last += 1;
            by_index.insert(id.index(), TaskId(*last));
            Event::Started { task: TaskId(*last), name: type_names::short((vtable.name)()), parent }
        });
    }

    /// Tells observers, if it is a task that something happened to.
    #[inline]
    pub(super) fn emit_if_task<'a>(&self, vtable: &VTable, event: impl FnOnce() -> Event<'a>) {
        if self.observers.has_observer() && vtable.is_task {
            self.observers.emit(event);
        }
    }

    #[cold]
    pub(super) fn emit_ended(&self, index: u32) {
        let body = self.tree.borrow()[index].body.as_ref().map(Body::by_ref);
        if let Some(body) = body {
            self.emit_if_task(body.vtable(), || Event::Ended { task: self.task_id(index) });
        }
    }

    /// Tells observers, if code of a task runs, or has run: its own, or a part of it that is a
    /// child.
    #[inline]
    pub(super) fn emit_if_code<'a>(&self, body: BodyRef, event: impl FnOnce() -> Event<'a>) {
        if self.observers.has_observer() && body.vtable().runs_code {
            self.observers.emit(event);
        }
    }

    #[inline]
    pub(crate) fn is_observed(&self) -> bool {
        self.observers.has_observer()
    }

    /// A task has asked, itself or through a child of a set that is no task.
    #[inline]
    pub(crate) fn emit_asked(&self, id: Id, dispatcher: fn() -> &'static str) {
        if self.observers.has_observer() {
            self.emit_asked_slow(id, dispatcher);
        }
    }

    #[cold]
    fn emit_asked_slow(&self, id: Id, dispatcher: fn() -> &'static str) {
        self.observers
            .emit(|| Event::Asked { task: self.enclosing_task_id(id), dispatcher: dispatcher() });
    }

    /// The running task waits.
    #[cold]
    pub(crate) fn emit_suspended(&self, id: Id) {
        self.emitted_suspended.set(true);
        self.observers.emit(|| Event::Suspended { task: self.enclosing_task_id(id) });
    }

    /// It goes on.
    #[cold]
    pub(crate) fn emit_resumed(&self, id: Id) {
        self.observers.emit(|| Event::Resumed { task: self.enclosing_task_id(id) });
        // Had an observer panicked, the task would go on waiting.
        self.emitted_suspended.set(false);
    }

    /// The number of the task that this is, or is a part of.
    pub(super) fn enclosing_task_id(&self, id: Id) -> TaskId {
        let task = self.tree.borrow().named_task_of(id.index());
        self.task_id(task)
    }

    pub(super) fn task_id(&self, index: u32) -> TaskId {
        self.task_numbers.borrow().by_index.get(&index).copied().unwrap_or(TaskId(0))
    }

    /// The tasks above this one, the nearest first, each with the line that it waits on; of a long
    /// way, the end.
    pub(crate) fn call_sites_above(
        &self,
        id: Id,
    ) -> Vec<(&'static str, &'static Location<'static>)> {
        let above: Vec<(Id, &'static str)> =
            {
                let tree = self.tree.borrow();
                let Some(entry) = tree.get(id) else { return Vec::new() };
                let mut above = Vec::new();
                let mut index = entry.parent;
                while index != NIL && above.len() < LONGEST_PATH {
                    if tree[index].body.is_some() {
                        let task = &tree[tree.named_task_of(index)].body;
                        above.extend(task.as_ref().map(|body| {
                            (tree.id(index), type_names::short((body.vtable().name)()))
                        }));
                    }
                    index = tree[index].parent;
                }
                above
            };
        above
            .into_iter()
            .filter_map(|(id, name)| {
                self.trace_wait(id, ResumeReason::AfterAPanic)
                    .way
                    .first()
                    .map(|waypoint| (name, waypoint.line))
            })
            .collect()
    }

    /// The task above this one.
    pub(super) fn task_above(&self, id: Id) -> Option<Id> {
        let tree = self.tree.borrow();
        let parent = tree.get(id).map(|entry| entry.parent).filter(|parent| *parent != NIL)?;
        Some(tree.id(tree.task_of(parent)))
    }

    /// The names of the tasks that lead to this one, the root first; of a long way, the end.
    pub(crate) fn path(&self, id: Id) -> String {
        let tree = self.tree.borrow();
        if tree.get(id).is_none() {
            return String::from("(ended)");
        }
        let mut names = Vec::new();
        let mut index = id.index();
        while index != NIL {
            if names.len() == LONGEST_PATH {
                names.push("…");
                break;
            }
            names.extend(
                tree[index]
                    .body
                    .as_ref()
                    .filter(|body| body.vtable().is_task)
                    .map(|body| type_names::short((body.vtable().name)())),
            );
            index = tree[index].parent;
        }
        names.reverse();
        names.join(" > ")
    }
}
