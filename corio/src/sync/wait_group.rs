//! A wait group for tasks: a counter, and a queue of tasks that wait until the counter is 0.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::state_cell::StateCell;
use super::wait_queue::{Ticket, TicketState, WaitQueue};
use crate::executor::{WaitCause, WaitReason};
use crate::runtime::current;

/// Waits until as many things are done as were added.
///
/// Afterwards the group can be used again.
///
/// ```
/// use std::sync::Arc;
/// use corio::sync::WaitGroup;
///
/// #[corio::task]
/// fn work(group: Arc<WaitGroup>) {
///     // …
///     group.done();
/// }
///
/// #[corio::task]
/// fn program() {
///     let group = Arc::new(WaitGroup::new());
///     for _round in 0..2 {
///         group.add(3);
///         for _ in 0..3 {
///             spawn!(work(group.clone()));
///         }
///         call!(group.wait());
///     }
/// }
///
/// corio::Schedule::new(()).run(program())?;
/// # Ok::<(), corio::Error>(())
/// ```
#[derive(Default)]
pub struct WaitGroup {
    state: StateCell<GroupState>,
}

#[derive(Default)]
struct GroupState {
    /// Number of things that are added and not done.
    pending: usize,
    queue: WaitQueue<()>,
}

const IN_ANOTHER_RUN: &str =
    "corio: tasks of another run wait for this group; a group belongs to one run at a time";

impl WaitGroup {
    /// Creates a group without pending things.
    pub fn new() -> Self {
        WaitGroup::default()
    }

    /// Adds this number of things that are to be done.
    ///
    /// # Panics
    /// If more things are pending than fit in a `usize`.
    #[track_caller]
    pub fn add(&self, things: usize) {
        let state = &mut *self.state.borrow();
        state.pending = state
            .pending
            .checked_add(things)
            .expect("corio: more things to wait for than fit in a usize");
    }

    /// Marks one thing as done.
    ///
    /// When the last thing is done, all tasks that wait continue, whatever is added before they
    /// run.
    ///
    /// # Panics
    /// If no thing is pending.
    #[track_caller]
    pub fn done(&self) {
        let state = &mut *self.state.borrow();
        state.pending = state
            .pending
            .checked_sub(1)
            .expect("corio: `done` was called more often than things were added");
        if state.pending == 0 {
            state.queue.grant_all();
        }
    }

    /// Waits until no thing is pending: `call!(group.wait())`.
    ///
    /// If no thing is pending, the task is not suspended.
    ///
    /// # Panics
    /// When called, if tasks of another run wait for the group; in a dispatcher, if a thing is
    /// pending.
    pub fn wait(&self) -> AllDone<'_> {
        AllDone { group: self, ticket: 0 }
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.borrow();
        let (left, waiting) = (state.pending, state.queue.len());
        drop(state);
        f.debug_struct("WaitGroup").field("left", &left).field("waiting", &waiting).finish()
    }
}

/// Future of [`WaitGroup::wait`], to be awaited by `call!`.
#[must_use = "this does nothing until it is called: `call!(group.wait())`"]
#[derive(Debug)]
pub struct AllDone<'a> {
    group: &'a WaitGroup,
    /// 0 before the task waits, and after it has continued.
    ticket: Ticket,
}

impl Future for AllDone<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        current::with(|run| {
            let GroupState { pending, queue } = &mut *self.group.state.borrow();
            let pending = *pending;
            if queue.bind_to(run, || false, IN_ANOTHER_RUN) {
                queue.clear();
            }
            match queue.ticket_state(&mut self.ticket) {
                TicketState::NotQueued if pending > 0 => {
                    self.ticket = queue.join(run.executor.waiting_task(), ())
                }
                TicketState::Waiting => queue.set_task(self.ticket, run.executor.waiting_task()),
                TicketState::NotQueued | TicketState::Granted => {
                    self.ticket = 0;
                    return Poll::Ready(());
                }
            }
            run.executor
                .park_for(|| WaitReason::held(WaitCause::WaitGroupDone { pending }, Vec::new()));
            Poll::Pending
        })
    }
}

impl Drop for AllDone<'_> {
    fn drop(&mut self) {
        if self.ticket != 0 {
            self.group.state.borrow().queue.withdraw(self.ticket);
        }
    }
}

leaf!(<'a> AllDone<'a> => ());
