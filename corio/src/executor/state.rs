//! `Executor`: which tasks exist, which of them can run, and which wait for the end of others.
//!
//! This file holds the state and what the run loop and the running task do with it: resuming,
//! waking and spawning tasks, waiting for children, taking outputs. Further `impl` blocks are in
//! `inline`, `complete`, `remove`, `inspect`, `spawn_limit`, `events` and `deadlock`; the module
//! `executor` has the map, the terms and the invariants.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::rc::Rc;

use super::body::{Body, BodyRef, SpawnedBlock, Step};
use super::call_depth::{CallDepth, PollingCall};
use super::flag;
use super::id::Id;
use super::pool::Pool;
use super::ready_queue::ReadyQueue;
use super::task_limit::TaskLimit;
use super::task_numbers::TaskNumbers;
use super::tree::{NIL, Removed, Tree};
use super::wait_cause::WaitCause;
use super::wait_reason::{ResumeReason, WaitReason, WaitTrace};
use crate::observe::{Event, Observers};
use crate::util::{HotCell, InlineBudget};

/// Panic message of waits in a scope that was dropped. Checked in release builds too, as memory
/// safety rests on it: what the children of the scope borrow may have been dropped as well.
const SCOPE_DROPPED: &str = "corio: children were waited for when their task had been dropped";

/// The tasks of the current run, and memory that later runs of the same schedule use again. The run
/// loop (`crate::runtime`) resumes ready tasks and sends requests when no task is ready.
pub struct Executor {
    pub(super) tree: HotCell<Tree>,
    pub(super) ready: HotCell<ReadyQueue>,
    /// The running task, or the task that panicked; `NONE` between tasks.
    pub(super) current: Cell<Id>,
    /// The entry that gets the children of the running task: the task's own entry, the scope of a
    /// `call!`, or `NONE` in a `call!` that has not spawned yet.
    pub(super) scope: Cell<Id>,
    /// Whether the running task has begun to wait since the task was resumed. Set by every wait of
    /// corio: a task that is pending with `parked` unset waits for a foreign future.
    pub(super) parked: Cell<bool>,
    /// The task that waits for a foreign future, or `NONE`.
    pub(super) foreign: Cell<Id>,
    /// Number of tasks that may still be resumed in this CPU phase.
    pub(super) resumes_left: Cell<usize>,
    /// Tasks and requests in sets that were dropped since the last `tell_dropped`.
    pub(super) dropped: HotCell<Vec<Id>>,
    /// Maps a task to the task that waits on its handle.
    pub(super) joiners: RefCell<HashMap<Id, Id>>,
    /// Buffer for removed entries whose bodies are to be dropped; empty between removals.
    pub(super) removed: Cell<Vec<Removed>>,
    pub(super) pool: Pool,
    pub(super) task_limit: TaskLimit,
    call_depth: CallDepth,
    /// Why the running task was resumed.
    pub(super) resume_reason: Cell<ResumeReason>,
    /// Whether a task that was resumed only to trace its wait made progress instead.
    pub(super) trace_made_progress: Cell<bool>,
    /// What the task that is being traced has recorded so far.
    pub(super) wait_trace: RefCell<WaitTrace>,
    pub(super) observers: Observers,
    pub(super) task_numbers: RefCell<TaskNumbers>,
    pub(super) inline_budget: Rc<InlineBudget>,
    /// The value of `resumes_left` when a request was last answered inline.
    pub(super) went_on_at: Cell<Option<usize>>,
    /// The value of `resumes_left` when the CPU phase was paused.
    pub(super) paused_at: Cell<Option<usize>>,
    /// Whether observers were already told that the running task is suspended.
    pub(super) emitted_suspended: Cell<bool>,
}

impl Executor {
    /// Returns an executor without tasks. At most `max_tasks` spawned tasks live at a time.
    pub(crate) fn new(
        observers: Observers,
        max_tasks: usize,
        inline_budget: Rc<InlineBudget>,
    ) -> Self {
        Executor {
            tree: HotCell::new(Tree::new()),
            ready: HotCell::default(),
            current: Cell::new(Id::NONE),
            scope: Cell::new(Id::NONE),
            parked: Cell::new(false),
            foreign: Cell::new(Id::NONE),
            resumes_left: Cell::new(0),
            dropped: HotCell::default(),
            joiners: RefCell::new(HashMap::new()),
            removed: Cell::default(),
            pool: Pool::new(),
            task_limit: TaskLimit::new(max_tasks),
            call_depth: CallDepth::default(),
            resume_reason: Cell::new(ResumeReason::Continue),
            trace_made_progress: Cell::new(false),
            wait_trace: RefCell::default(),
            observers,
            task_numbers: RefCell::default(),
            inline_budget,
            went_on_at: Cell::new(None),
            paused_at: Cell::new(None),
            emitted_suspended: Cell::new(false),
        }
    }

    /// Counts a call of a boxed task as being polled, until the returned guard is dropped.
    #[inline]
    pub(crate) fn poll_call(&self) -> PollingCall<'_> {
        self.call_depth.poll_call()
    }

    /// Whether calls are nested so deeply that the next one becomes a child in the tree.
    #[inline]
    pub(crate) fn is_deep(&self) -> bool {
        self.call_depth.is_deep()
    }

    /// A run begins: its observers are known.
    pub(crate) fn begin_run(&self) {
        self.observers.refresh();
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    // ── running ──

    /// Removes and returns the task that became ready first.
    #[inline]
    pub(crate) fn next_ready(&self) -> Option<Id> {
        self.ready.borrow_mut().pop()
    }

    /// Number of ready tasks, which includes dropped tasks that are still queued.
    pub(crate) fn ready_len(&self) -> usize {
        self.ready.borrow().len()
    }

    /// Removes and returns the ready task at position `at`, out of its turn.
    pub(crate) fn take_ready(&self, at: usize) -> Option<Id> {
        self.ready.borrow_mut().take(at)
    }

    /// Whether the ready queue is not empty.
    #[inline]
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.borrow().is_empty()
    }

    /// Begins a CPU phase in which at most `resumes` tasks are resumed.
    #[inline]
    pub(crate) fn allow(&self, resumes: usize) {
        self.resumes_left.set(resumes);
    }

    /// Number of tasks that may still be resumed in this CPU phase.
    #[inline]
    pub(crate) fn allowed(&self) -> usize {
        self.resumes_left.get()
    }

    /// Runs a task until the task waits or returns. Skips a task that was dropped or has returned
    /// already; a skipped task counts as resumed too.
    #[inline(always)]
    pub(crate) fn resume(&self, id: Id) {
        self.resumes_left.set(self.resumes_left.get() - 1);
        let body = match self.tree.borrow().get(id) {
            Some(entry) if !entry.has(flag::RETURNED | flag::DONE) => {
                entry.body.as_ref().map(Body::by_ref)
            }
            _ => None,
        };
        let Some(body) = body else { return };
        if self.observers.has_observer() {
            self.resume_observed_slow(id, body);
        } else if self.resume_body(id, body) && !self.parked.get() {
            self.stop_for_foreign(id);
        }
    }

    /// Resumes a task and tells observers when the task goes on and when the task waits again.
    #[cold]
    fn resume_observed_slow(&self, id: Id, body: BodyRef) {
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

    /// Notes that a task waits for a foreign future, and ends the CPU phase.
    #[cold]
    fn stop_for_foreign(&self, id: Id) {
        self.foreign.set(id);
        self.resumes_left.set(0);
    }

    /// Runs a body until the body waits or returns, and returns whether the body waits.
    ///
    /// `body` belongs to the entry `id`, which is in the tree and has not returned.
    #[inline(always)]
    pub(super) fn resume_body(&self, id: Id, body: BodyRef) -> bool {
        self.current.set(id);
        self.scope.set(id);
        self.parked.set(false);
        // SAFETY: the entry is in the tree and has not returned, so the body still exists. The body
        // does not run elsewhere, as only the run loop resumes bodies, one at a time.
        let step = unsafe { body.resume(self) };
        self.scope.set(Id::NONE);
        let waits = matches!(step, Step::Suspended);
        if !waits {
            self.returned(id, step);
        }
        // Code that runs between tasks, such as a dispatcher, is not part of a task.
        self.current.set(Id::NONE);
        waits
    }

    /// Makes a task ready, behind all tasks that are ready already.
    #[inline]
    pub(crate) fn wake(&self, id: Id) {
        self.ready.borrow_mut().push(id);
    }

    /// Declares that the running task is about to wait for something that will wake the task.
    #[inline]
    pub(crate) fn park(&self) {
        self.parked.set(true);
    }

    /// Whether no dropped task is left to report and no task waits for the task limit.
    pub(crate) fn is_idle(&self) -> bool {
        !self.has_dropped() && !self.task_limit.has_waiting()
    }

    /// Whether the running task has begun to wait since the task was resumed.
    #[inline]
    pub(crate) fn is_parked(&self) -> bool {
        self.parked.get()
    }

    /// The running task, or `NONE` while code runs that is not part of a task.
    #[inline]
    pub(crate) fn current(&self) -> Id {
        self.current.get()
    }

    /// The running task, to be woken when what the task waits for has happened.
    ///
    /// # Panics
    /// If no task runs, as in a dispatcher.
    #[inline]
    pub(crate) fn waiting_task(&self) -> Id {
        let current = self.current.get();
        assert!(
            current != Id::NONE,
            "corio: only a task can wait for this, and a dispatcher is none"
        );
        current
    }

    /// Whether `task` is running. A task that panicked counts as running until the task is dropped.
    pub(crate) fn is_running(&self, task: Id) -> bool {
        self.current.get() == task && self.is_alive(task)
    }

    /// Whether the entry `id` is still in the tree.
    #[inline]
    pub(crate) fn is_alive(&self, id: Id) -> bool {
        self.tree.borrow().get(id).is_some()
    }

    /// Path of the task that waits for a foreign future, or `None` if no task does.
    #[inline]
    pub(crate) fn foreign(&self) -> Option<String> {
        let id = self.foreign.get();
        (id != Id::NONE).then(|| self.path(id))
    }

    /// Whether a task or a request in a set was dropped since the last `tell_dropped`.
    #[inline]
    pub(crate) fn has_dropped(&self) -> bool {
        !self.dropped.borrow().is_empty()
    }

    /// Number of tasks and requests in sets that were dropped since the last `tell_dropped`.
    #[inline]
    pub(crate) fn dropped_len(&self) -> usize {
        self.dropped.borrow().len()
    }

    /// Passes the ids of all tasks and requests in sets that were dropped since the last call to
    /// `withdraw`, which withdraws what they have asked for.
    pub(crate) fn tell_dropped(&self, withdraw: impl FnOnce(&[Id])) {
        let mut dropped = self.dropped.take();
        withdraw(&dropped);
        dropped.clear();
        // `withdraw` may have dropped further tasks.
        dropped.append(&mut self.dropped.borrow_mut());
        self.dropped.replace(dropped);
    }

    // ── beginning and ending ──

    /// Adds a ready task to the tree, below the entry `parent`, or as the root of the run if
    /// `parent` is `NONE`. The output stays in the tree until `take_output` or `drop_interest`.
    ///
    /// # Safety
    /// Whatever the future and its output borrow stays valid until the task is dropped or its
    /// output is taken or dropped, or the executor is never used again.
    pub(crate) unsafe fn spawn<'a, F: Future + 'a>(&self, parent: Id, future: F) -> Id {
        let body = SpawnedBlock::body(self, future);
        self.add_spawned(parent, body)
    }

    /// The part of `spawn` that does not depend on the type of the future.
    fn add_spawned(&self, parent: Id, body: Body) -> Id {
        let vtable = body.vtable();
        let id = self.tree.borrow_mut().add(parent, Some(body), flag::JOIN_INTEREST);
        self.task_limit.acquire();
        if self.observers.has_observer() {
            self.emit_started(id, vtable);
        }
        self.wake(id);
        id
    }

    /// Adds a child of a set below the scope of the set. The child is not ready yet.
    pub(super) fn add_child(&self, scope: Id, body: Body) -> Id {
        let vtable = body.vtable();
        let id = self.tree.borrow_mut().add(scope, Some(body), 0);
        if self.observers.has_observer() {
            self.emit_started(id, vtable);
        }
        id
    }

    /// Whether the output of a child of `scope` has decided the set. The child may still wait for
    /// its own children.
    pub(crate) fn has_short_circuited(&self, scope: Id) -> bool {
        self.tree.borrow().get(scope).is_some_and(|entry| entry.has(flag::SHORT_CIRCUITS))
    }

    /// Frees the block of the running body, whose coroutine was dropped by a panic.
    pub(super) fn free_current_block(&self) {
        let body =
            self.tree.borrow_mut().get_mut(self.current.get()).and_then(|entry| entry.body.take());
        if let Some(body) = body {
            // SAFETY: only `SpawnedBlock::resume` calls this function, so the body is that of a
            // spawned task, whose coroutine was dropped.
            unsafe { body.free_block(self) };
        }
    }

    // ── waiting for children ──

    /// Replaces the scope that gets the children of the running task, and returns the former one,
    /// which is restored when a `call!` is left.
    #[inline]
    pub(crate) fn swap_scope(&self, scope: Id) -> Id {
        self.scope.replace(scope)
    }

    /// The scope that gets the children of the running task. Opens the scope if a `call!` spawns
    /// for the first time.
    #[inline]
    pub(crate) fn scope(&self) -> Id {
        if self.scope.get() == Id::NONE {
            self.scope.set(self.open_scope());
        }
        self.scope.get()
    }

    /// The scope that gets the children of the running task, or `NONE` in a `call!` that has not
    /// spawned yet.
    pub(crate) fn scope_if_open(&self) -> Id {
        self.scope.get()
    }

    /// Opens a scope of the running task.
    pub(crate) fn open_scope(&self) -> Id {
        let task = self.waiting_task();
        let mut tree = self.tree.borrow_mut();
        let scope = tree.add(task, None, 0);
        tree[task.index()].flags |= flag::HAS_SCOPE;
        scope
    }

    /// Whether all children of `scope` have ended, or were removed when one of them decided the
    /// set. If not, parks the running task, which is woken when the last of the children has ended.
    pub(crate) fn await_children(&self, scope: Id) -> bool {
        if scope == Id::NONE {
            return true;
        }
        let mut tree = self.tree.borrow_mut();
        assert!(tree.get(scope).is_some(), "{SCOPE_DROPPED}");
        let all_ended = !tree.has_tasks(scope.index());
        if !all_ended {
            tree[scope.index()].flags |= flag::AWAITED;
            self.park_for(|| {
                WaitReason::ends(WaitCause::ChildrenEnd, tree.tasks_in(scope.index()))
            });
        }
        all_ended
    }

    /// Parks the running task, which is woken when the next child of `scope` has ended, or one of
    /// the children has decided the set.
    pub(crate) fn await_next_child(&self, scope: Id) {
        let mut tree = self.tree.borrow_mut();
        let entry = tree.get_mut(scope).expect(SCOPE_DROPPED);
        entry.flags |= flag::AWAITED | flag::WAKE_ON_EACH_CHILD;
        self.park_for(|| WaitReason::ends(WaitCause::ChildrenEnd, tree.tasks_in(scope.index())));
    }

    /// Removes a scope and drops its remaining children. A scope that was removed already, with its
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

    /// Whether a task has ended. If not, parks the running task, which is woken when the task has
    /// ended.
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
            self.park_for(|| WaitReason::ends(WaitCause::TaskEnd, vec![id]));
        }
        done
    }

    /// Whether a task and its whole subtree have ended and its output can be taken.
    #[inline]
    pub(crate) fn is_done(&self, id: Id) -> bool {
        self.tree.borrow().get(id).is_some_and(|entry| entry.has(flag::DONE))
    }

    /// Takes the output of a task. Returns `None` if the task has not ended, or if the output was
    /// taken or dropped before.
    ///
    /// # Safety
    /// `T` is the output type of the future that `id` was spawned with.
    pub(crate) unsafe fn take_output<T>(&self, id: Id) -> Option<T> {
        let mut tree = self.tree.borrow_mut();
        let entry = tree.get(id)?;
        if !entry.has(flag::DONE) {
            return None;
        }
        let body = tree.free(id.index())?;
        drop(tree);
        // SAFETY: the entry was `DONE`, so the body holds its output, which the caller guarantees
        // to be a `T`; the block came from the pool of this executor.
        Some(unsafe { body.into_output(self) })
    }

    /// Gives up the output of a task: drops the output, now or when the task ends.
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

    /// Drops the output of a task that has ended and whose handle was dropped.
    fn drop_output(&self, body: Option<Body>) {
        if let Some(body) = body {
            // SAFETY: the entry was `DONE`, so the body holds its output; the block came from the
            // pool of this executor.
            unsafe { body.release(flag::DONE, self) };
        }
    }
}
