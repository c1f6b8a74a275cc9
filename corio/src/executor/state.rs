//! The engine: which tasks there are, which of them can run, who waits for whose end. It knows no
//! batches, and nothing of clocks, threads and wakers: whoever turns it (see `crate::run`) resumes
//! what is ready and does something else when nothing is.
//!
//! What must hold:
//! - Tasks are resumed in the order in which they became ready (unless whoever turns the run
//!   shuffles them), and only from the run loop, never from within another task.
//! - A task ends after its children. What waits for children is woken when their list is empty. A
//!   child whose end decides its set (`race!`, `try_all!`) has its siblings cut.
//! - No borrow of the tree is held while a body runs or a destructor does: both may come back here.
//! - Cutting a branch takes all of it out of the tree before the first destructor runs, and drops
//!   children before their parents.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::rc::Rc;

use super::body::{Body, BodyRef, SpawnedBlock, Step};
use super::call_depth::{CallDepth, PollingCall};
use super::id::Id;
use super::pool::Pool;
use super::ready_queue::ReadyQueue;
use super::task_limit::TaskLimit;
use super::task_numbers::TaskNumbers;
use super::tree::{NIL, Removed, Tree, flag};
use super::wait_reason::{ResumeReason, WaitReason, WaitTrace};
use crate::observe::{Event, Observers};
use crate::util::{HotCell, InlineBudget};

/// Looked at always: what the children of a scope borrow may be gone with it.
const SCOPE_IS_GONE: &str = "corio: children were waited for when their task had been dropped";

pub struct Executor {
    pub(super) tree: HotCell<Tree>,
    pub(super) ready: HotCell<ReadyQueue>,
    /// The task that runs, or panicked.
    pub(super) current: Cell<Id>,
    /// Where the running task's children go: its own entry, the scope of a `call!`, or `NONE` in a
    /// `call!` that has not spawned yet.
    pub(super) scope: Cell<Id>,
    /// Set by whatever makes a task wait. A task that is pending and did not set it waits for
    /// something that corio knows nothing of.
    parked: Cell<bool>,
    pub(super) foreign: Cell<Id>,
    /// How many more tasks may be resumed in this CPU phase.
    allowed: Cell<usize>,
    /// What was dropped since the desk last asked.
    pub(super) dropped: HotCell<Vec<Id>>,
    /// Who waits on the handle of a child, by the child.
    pub(super) joiners: RefCell<HashMap<Id, Id>>,
    /// For what was cut and is to be dropped; empty between cuts.
    pub(super) removed: Cell<Vec<Removed>>,
    pub(super) pool: Pool,
    pub(super) task_limit: TaskLimit,
    pub(super) depth: CallDepth,
    /// Why the running task was resumed.
    pub(super) resume_reason: Cell<ResumeReason>,
    /// A task that was only to say where it stands has gone on instead.
    pub(super) trace_went_on: Cell<bool>,
    /// What it has said so far.
    pub(super) wait_trace: RefCell<WaitTrace>,
    pub(super) observers: Observers,
    /// For observers, by index: the numbers of the tasks that live. Empty when nobody observes.
    pub(super) task_numbers: RefCell<TaskNumbers>,
    pub(super) inline_budget: Rc<InlineBudget>,
    /// How many could still be resumed when the running task last went on without having waited.
    pub(super) went_on_at: Cell<Option<usize>>,
    /// The CPU phase was cut short when so many could still be resumed.
    pub(super) paused_at: Cell<Option<usize>>,
    /// Observers have heard that the running task waits.
    pub(super) emitted_suspended: Cell<bool>,
}

impl Executor {
    /// At most so many spawned tasks live at a time.
    pub(crate) fn new(observers: Observers, most: usize, inline_budget: Rc<InlineBudget>) -> Self {
        Executor {
            tree: HotCell::new(Tree::new()),
            ready: HotCell::default(),
            current: Cell::new(Id::NONE),
            scope: Cell::new(Id::NONE),
            parked: Cell::new(false),
            foreign: Cell::new(Id::NONE),
            allowed: Cell::new(0),
            dropped: HotCell::default(),
            joiners: RefCell::new(HashMap::new()),
            removed: Cell::default(),
            pool: Pool::new(),
            task_limit: TaskLimit::new(most),
            depth: CallDepth::default(),
            resume_reason: Cell::new(ResumeReason::Continue),
            trace_went_on: Cell::new(false),
            wait_trace: RefCell::default(),
            observers,
            task_numbers: RefCell::default(),
            inline_budget,
            went_on_at: Cell::new(None),
            paused_at: Cell::new(None),
            emitted_suspended: Cell::new(false),
        }
    }

    /// A call is about to be polled, and is until what is given is dropped.
    #[inline]
    pub(crate) fn poll_call(&self) -> PollingCall<'_> {
        self.depth.poll_call()
    }

    /// Whether the next call goes into the tree, as a child of its own.
    #[inline]
    pub(crate) fn is_deep(&self) -> bool {
        self.depth.is_deep()
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    // ── running ──

    /// The task that became ready first.
    #[inline]
    pub(crate) fn next_ready(&self) -> Option<Id> {
        self.ready.borrow_mut().pop()
    }

    /// How many entries are ready. Some may be of tasks that are gone.
    pub(crate) fn ready_len(&self) -> usize {
        self.ready.borrow().len()
    }

    /// One of those that are ready, out of its turn.
    pub(crate) fn take_ready(&self, at: usize) -> Option<Id> {
        self.ready.borrow_mut().take(at)
    }

    #[inline]
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.borrow().is_empty()
    }

    /// Has so many tasks be resumed, at most.
    #[inline]
    pub(crate) fn allow(&self, resumes: usize) {
        self.allowed.set(resumes);
    }

    /// How many more tasks may be resumed.
    #[inline]
    pub(crate) fn allowed(&self) -> usize {
        self.allowed.get()
    }

    /// Runs a task until it waits or ends. One that is gone, or has returned already, is passed
    /// over.
    #[inline(always)]
    pub(crate) fn resume(&self, id: Id) {
        self.allowed.set(self.allowed.get() - 1);
        let body = match self.tree.borrow().get(id) {
            Some(entry) if !entry.has(flag::RETURNED | flag::DONE) => {
                entry.body.as_ref().map(Body::by_ref)
            }
            _ => None,
        };
        let Some(body) = body else { return };
        if self.observers.has_observer() {
            self.resume_observed(id, body);
        } else if self.resume_body(id, body) && !self.parked.get() {
            self.stop_for_foreign(id);
        }
    }

    #[cold]
    fn resume_observed(&self, id: Id, body: BodyRef) {
        self.emit_if_code(body, || Event::Resumed { task: self.enclosing_task_id(id) });
        if self.resume_body(id, body) {
            if !self.parked.get() {
                self.stop_for_foreign(id);
            }
            if !self.emitted_suspended.take() {
                self.emit_if_code(body, || Event::Suspended { task: self.enclosing_task_id(id) });
            }
        }
    }

    /// A task waits for something that corio knows nothing of: no other is resumed.
    #[cold]
    fn stop_for_foreign(&self, id: Id) {
        self.foreign.set(id);
        self.allowed.set(0);
    }

    /// Whether it waits. `body` is that of `id`, which is in the tree and has not returned.
    #[inline(always)]
    pub(super) fn resume_body(&self, id: Id, body: BodyRef) -> bool {
        self.current.set(id);
        self.scope.set(id);
        self.parked.set(false);
        // SAFETY: the entry is in the tree and has not ended, so its body is there and runs nowhere
        // else: only the run loop resumes.
        let step = unsafe { body.resume(self) };
        self.scope.set(Id::NONE);
        let waits = matches!(step, Step::Suspended);
        if !waits {
            self.returned(id, step);
        }
        // What runs between tasks, such as a dispatcher, is none.
        self.current.set(Id::NONE);
        waits
    }

    #[inline]
    pub(crate) fn wake(&self, id: Id) {
        self.ready.borrow_mut().push(id);
    }

    /// The running task is about to wait, for something that will wake it.
    #[inline]
    pub(crate) fn park(&self) {
        self.parked.set(true);
    }

    /// Whether no other task can run, and one more may be resumed.
    #[inline]
    pub(crate) fn is_last(&self) -> bool {
        self.allowed.get() > 0 && !self.has_ready()
    }

    /// Whether no task was dropped that was not told of, and none waits for room.
    pub(crate) fn is_idle(&self) -> bool {
        !self.has_dropped() && !self.task_limit.has_waiting()
    }

    /// The running task makes way for something that is none, until `step_back`.
    #[inline]
    pub(crate) fn step_aside(&self) -> (Id, Id) {
        self.went_on_at.set(Some(self.allowed.get()));
        (self.current.replace(Id::NONE), self.scope.replace(Id::NONE))
    }

    #[inline]
    pub(crate) fn step_back(&self, (task, scope): (Id, Id)) {
        self.current.set(task);
        self.scope.set(scope);
    }

    /// The running task need not wait after all: it is as if it had been resumed.
    #[inline]
    pub(crate) fn go_on(&self) {
        self.allowed.set(self.allowed.get() - 1);
        self.parked.set(false);
    }

    /// Cuts the CPU phase short: the run loop has something to do before others run.
    #[cold]
    pub(crate) fn pause(&self) {
        self.paused_at.set(Some(self.allowed.replace(0)));
    }

    /// How many could still have been resumed, if the CPU phase was cut short.
    #[inline]
    pub(crate) fn take_paused_at(&self) -> Option<usize> {
        self.paused_at.take()
    }

    /// How many could still be resumed when a task last went on without having waited, if one has
    /// since this was asked.
    #[inline]
    pub(crate) fn take_went_on_at(&self) -> Option<usize> {
        self.went_on_at.take()
    }

    /// Whether the running task has begun to wait since it was resumed.
    #[inline]
    pub(crate) fn is_parked(&self) -> bool {
        self.parked.get()
    }

    #[inline]
    pub(crate) fn current(&self) -> Id {
        self.current.get()
    }

    /// The running task, for something that will wake it.
    ///
    /// # Panics
    /// If none runs: a dispatcher does.
    #[inline]
    pub(crate) fn waiting_task(&self) -> Id {
        let current = self.current.get();
        assert!(
            current != Id::NONE,
            "corio: only a task can wait for this, and a dispatcher is none"
        );
        current
    }

    /// Whether this task runs now. One that panicked does until it is dropped.
    pub(crate) fn is_running(&self, task: Id) -> bool {
        self.current.get() == task && self.is_alive(task)
    }

    #[inline]
    pub(crate) fn is_alive(&self, id: Id) -> bool {
        self.tree.borrow().get(id).is_some()
    }

    /// The task that was pending without waiting for anything that corio knows.
    #[inline]
    pub(crate) fn foreign(&self) -> Option<String> {
        let id = self.foreign.get();
        (id != Id::NONE).then(|| self.path(id))
    }

    #[inline]
    pub(crate) fn has_dropped(&self) -> bool {
        !self.dropped.borrow().is_empty()
    }

    /// How many were dropped since then.
    #[inline]
    pub(crate) fn dropped_len(&self) -> usize {
        self.dropped.borrow().len()
    }

    /// Tells which tasks, and requests in sets, were dropped since the last call, and so may have
    /// asked for something that nobody wants any more.
    pub(crate) fn tell_dropped(&self, hear: impl FnOnce(&[Id])) {
        let mut dropped = self.dropped.take();
        hear(&dropped);
        dropped.clear();
        // Whoever hears may drop more.
        dropped.append(&mut self.dropped.borrow_mut());
        self.dropped.replace(dropped);
    }

    // ── beginning and ending ──

    /// Puts a task into the tree, ready: below a scope, or as the root of the run, below `NONE`.
    /// Its output is kept until it is taken or let go of.
    ///
    /// # Safety
    /// Whatever the future and its output borrow stays valid until the task is dropped or its
    /// output is taken or let go of, or the engine is never used again.
    pub(crate) unsafe fn spawn<'a, F: Future + 'a>(&self, parent: Id, future: F) -> Id {
        let body = SpawnedBlock::body(self, future);
        self.add_spawned(parent, body)
    }

    /// The same for every future.
    fn add_spawned(&self, parent: Id, body: Body) -> Id {
        let vtable = body.vtable();
        let id = self.tree.borrow_mut().add(parent, Some(body), flag::JOIN_INTEREST);
        self.task_limit.take();
        if self.observers.has_observer() {
            self.emit_started(id, vtable);
        }
        self.wake(id);
        id
    }

    pub(crate) fn add_child(&self, scope: Id, body: Body) -> Id {
        let vtable = body.vtable();
        let id = self.tree.borrow_mut().add(scope, Some(body), 0);
        if self.observers.has_observer() {
            self.emit_started(id, vtable);
        }
        id
    }

    /// Whether a child of this scope has decided its set, and may still wait for its own children.
    pub(crate) fn has_short_circuited(&self, scope: Id) -> bool {
        self.tree.borrow().get(scope).is_some_and(|entry| entry.has(flag::SHORT_CIRCUITS))
    }

    /// The body that runs has been dropped, in a panic.
    pub(super) fn give_back_current(&self) {
        let body =
            self.tree.borrow_mut().get_mut(self.current.get()).and_then(|entry| entry.body.take());
        if let Some(body) = body {
            // SAFETY: it is that of a spawned task, which asks for this, and whose coroutine was
            // dropped.
            unsafe { body.give_back(self) };
        }
    }

    // ── waiting for children ──

    /// Swaps the scope that children of the running task go to, for the time that a `call!` runs.
    #[inline]
    pub(crate) fn swap_scope(&self, scope: Id) -> Id {
        self.scope.replace(scope)
    }

    /// The scope for a child of the running task; opened now if a `call!` spawns for the first
    /// time.
    #[inline]
    pub(crate) fn scope(&self) -> Id {
        if self.scope.get() == Id::NONE {
            self.scope.set(self.open_scope());
        }
        self.scope.get()
    }

    /// The same, or `NONE`.
    pub(crate) fn scope_if_open(&self) -> Id {
        self.scope.get()
    }

    /// A scope of the running task.
    pub(crate) fn open_scope(&self) -> Id {
        let task = self.waiting_task();
        let mut tree = self.tree.borrow_mut();
        let scope = tree.add(task, None, 0);
        tree[task.index()].flags |= flag::HAS_SCOPE;
        scope
    }

    /// Whether the children of a scope have ended, or were cut when one of them decided their set.
    /// If not, the running task is woken when they have.
    pub(crate) fn await_children(&self, scope: Id) -> bool {
        if scope == Id::NONE {
            return true;
        }
        let mut tree = self.tree.borrow_mut();
        assert!(tree.get(scope).is_some(), "{SCOPE_IS_GONE}");
        let over = !tree.has_tasks(scope.index());
        if !over {
            tree[scope.index()].flags |= flag::AWAITED;
            self.park_for(|| WaitReason::ends("its children", tree.tasks_in(scope.index())));
        }
        over
    }

    /// Has the running task woken when the next child of a scope has ended, or one of them has
    /// decided.
    pub(crate) fn await_next_child(&self, scope: Id) {
        let mut tree = self.tree.borrow_mut();
        let entry = tree.get_mut(scope).expect(SCOPE_IS_GONE);
        entry.flags |= flag::AWAITED | flag::WAKE_ON_EACH_CHILD;
        self.park_for(|| WaitReason::ends("its children", tree.tasks_in(scope.index())));
    }

    /// Takes out a scope, dropping the children it still has. One that is gone already, with its
    /// task, had its children dropped then.
    pub(crate) fn close_scope(&self, scope: Id) {
        let mut tree = self.tree.borrow_mut();
        let Some(entry) = tree.get(scope) else { return };
        if entry.first_child == NIL {
            tree.unlink(scope.index());
            tree.free(scope.index());
        } else {
            drop(tree);
            self.remove_subtree(scope);
        }
    }

    // ── results of children ──

    /// Whether a task has ended. If not, the running task is woken when it has.
    pub(crate) fn await_end(&self, id: Id) -> bool {
        let done = match self.tree.borrow_mut().get_mut(id) {
            None => true,
            Some(entry) => {
                entry.flags |= flag::HAS_JOINER;
                entry.has(flag::DONE)
            }
        };
        if !done {
            self.joiners.borrow_mut().insert(id, self.current.get());
            self.park_for(|| WaitReason::ends("the end of a task", vec![id]));
        }
        done
    }

    /// Whether a task and all below it have ended, and its output is there.
    #[inline]
    pub(crate) fn is_done(&self, id: Id) -> bool {
        self.tree.borrow().get(id).is_some_and(|entry| entry.has(flag::DONE))
    }

    /// The output of a task that has ended, once.
    ///
    /// # Safety
    /// `T` is the output of the future that `id` was spawned with.
    pub(crate) unsafe fn take_output<T>(&self, id: Id) -> Option<T> {
        let mut tree = self.tree.borrow_mut();
        let entry = tree.get(id)?;
        if !entry.has(flag::DONE) {
            return None;
        }
        let body = tree.free(id.index())?;
        drop(tree);
        // SAFETY: `DONE`, so the output is there, and by the caller is a `T`.
        Some(unsafe { body.into_output(self) })
    }

    /// Nobody wants the output of this task any more.
    #[inline]
    pub(crate) fn drop_interest(&self, id: Id) {
        let mut tree = self.tree.borrow_mut();
        let Some(entry) = tree.get_mut(id) else { return };
        entry.flags &= !flag::JOIN_INTEREST;
        if entry.has(flag::DONE) {
            let body = tree.free(id.index());
            drop(tree);
            self.drop_output(body);
        }
    }

    /// Of a task that has ended, and whose handle is gone.
    fn drop_output(&self, body: Option<Body>) {
        if let Some(body) = body {
            // SAFETY: `DONE`, so the output is there.
            unsafe { body.release(flag::DONE, self) };
        }
    }
}
