//! What the executor reports of its tasks: events for observers, and paths of task names for
//! messages.
//!
//! Observers know a task by a number, which counts from 1 in every run (see `task_numbers`).
//! Messages name a task by the path of names that leads to the task. A child of a set that is no
//! task, such as a request, is reported as a part of the enclosing task.

use std::panic::Location;

use super::body::{Body, BodyRef, VTable};
use super::id::Id;
use super::state::Executor;
use super::task_numbers::TaskNumbers;
use super::tree::NIL;
use super::wait_reason::ResumeReason;
use crate::observe::{Event, TaskId};
use crate::util::type_names;

/// Number of names in a path. A deadlock report has a path for every stuck task, and tasks can be
/// nested deeply: unlimited paths would take quadratic time and memory.
const MAX_PATH_LEN: usize = 16;

impl Executor {
    /// Numbers a new task and tells observers that the task has started. Does nothing for a body
    /// that is no task.
    #[cold]
    pub(super) fn emit_started(&self, id: Id, vtable: &VTable) {
        self.emit_if_task(vtable, || {
            let tree = self.tree.borrow();
            let parent = tree[id.index()].parent;
            let parent = (parent != NIL).then(|| self.task_id(tree.enclosing_task_of(parent)));
            let TaskNumbers { last, by_index } = &mut *self.task_numbers.borrow_mut();
            *last += 1;
            by_index.insert(id.index(), TaskId(*last));
            Event::Started { task: TaskId(*last), name: type_names::short((vtable.name)()), parent }
        });
    }

    /// Emits an event if the body with this vtable is a task.
    #[inline]
    fn emit_if_task<'a>(&self, vtable: &VTable, event: impl FnOnce() -> Event<'a>) {
        if self.observers.has_observer() && vtable.is_task {
            self.observers.emit(event);
        }
    }

    /// Tells observers that a task is about to end. Does nothing for an entry that is no task.
    #[cold]
    pub(super) fn emit_ended(&self, index: u32) {
        let body = self.tree.borrow()[index].body.as_ref().map(Body::by_ref);
        if let Some(body) = body {
            self.emit_if_task(body.vtable(), || Event::Ended { task: self.task_id(index) });
        }
    }

    /// Emits an event if `body` runs user code: a task, or a child of a set that is a part of a
    /// task.
    #[inline]
    pub(super) fn emit_if_code<'a>(&self, body: BodyRef, event: impl FnOnce() -> Event<'a>) {
        if self.observers.has_observer() && body.vtable().runs_code {
            self.observers.emit(event);
        }
    }

    /// Whether the run has an observer.
    #[inline]
    pub(crate) fn is_observed(&self) -> bool {
        self.observers.has_observer()
    }

    /// Tells observers that the entry `id`, a task or a part of one, has asked a request.
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

    /// Tells observers that the running task waits, before the task returns to the run loop.
    #[cold]
    pub(crate) fn emit_suspended(&self, id: Id) {
        self.emitted_suspended.set(true);
        self.observers.emit(|| Event::Suspended { task: self.enclosing_task_id(id) });
    }

    /// Tells observers that the running task goes on, after `emit_suspended`.
    #[cold]
    pub(crate) fn emit_resumed(&self, id: Id) {
        self.observers.emit(|| Event::Resumed { task: self.enclosing_task_id(id) });
        // Not reached if an observer panics: the task counts as suspended then.
        self.emitted_suspended.set(false);
    }

    /// Returns the number of the task that the entry is, or is a part of.
    pub(super) fn enclosing_task_id(&self, id: Id) -> TaskId {
        let task = self.tree.borrow().enclosing_task_of(id.index());
        self.task_id(task)
    }

    /// Returns the number of the task at `index`, or 0 if the task has none.
    fn task_id(&self, index: u32) -> TaskId {
        self.task_numbers.borrow().by_index.get(&index).copied().unwrap_or(TaskId(0))
    }

    /// Returns the ancestors of a task, the nearest first, each with the line on which the ancestor
    /// waits. Of many ancestors, only the nearest. Called after a panic: ancestors whose wait
    /// cannot be traced without running user code are left out.
    pub(crate) fn call_sites_above(
        &self,
        id: Id,
    ) -> Vec<(&'static str, &'static Location<'static>)> {
        let ancestors: Vec<(Id, &'static str)> =
            {
                let tree = self.tree.borrow();
                let Some(entry) = tree.get(id) else { return Vec::new() };
                let mut ancestors = Vec::new();
                let mut index = entry.parent;
                while index != NIL && ancestors.len() < MAX_PATH_LEN {
                    if tree[index].body.is_some() {
                        let task = &tree[tree.enclosing_task_of(index)].body;
                        ancestors.extend(task.as_ref().map(|body| {
                            (tree.id(index), type_names::short((body.vtable().name)()))
                        }));
                    }
                    index = tree[index].parent;
                }
                ancestors
            };
        ancestors
            .into_iter()
            .filter_map(|(id, name)| {
                self.trace_wait(id, ResumeReason::AfterPanic)
                    .await_points
                    .first()
                    .map(|point| (name, point.line))
            })
            .collect()
    }

    /// Returns the nearest ancestor of an entry that has a body, or `None` for the root.
    pub(super) fn task_above(&self, id: Id) -> Option<Id> {
        let tree = self.tree.borrow();
        let parent = tree.get(id).map(|entry| entry.parent).filter(|parent| *parent != NIL)?;
        Some(tree.id(tree.task_of(parent)))
    }

    /// Returns the names of the tasks that lead to the task `id`, the root first, such as
    /// `program > transfer`. Of a long path, only the end.
    pub(crate) fn path(&self, id: Id) -> String {
        let tree = self.tree.borrow();
        if tree.get(id).is_none() {
            return String::from("(ended)");
        }
        let mut names = Vec::new();
        let mut index = id.index();
        while index != NIL {
            if names.len() == MAX_PATH_LEN {
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
