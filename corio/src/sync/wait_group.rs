//! A wait group for tasks: a counter, and a queue of tasks that wait until the counter is 0.

use std::cell::Cell;
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
/// use std::rc::Rc;
/// use corio::sync::WaitGroup;
///
/// #[corio::task]
/// fn work(group: Rc<WaitGroup>) {
///     // …
///     group.done();
/// }
///
/// #[corio::task]
/// fn program() {
///     let group = Rc::new(WaitGroup::new());
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
    /// Number of things that are added and not done.
    pending: Cell<usize>,
    queue: StateCell<WaitQueue<()>>,
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
        self.pending.set(
            self.pending
                .get()
                .checked_add(things)
                .expect("corio: more things to wait for than fit in a usize"),
        );
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
        let pending = self
            .pending
            .get()
            .checked_sub(1)
            .expect("corio: `done` was called more often than things were added");
        self.pending.set(pending);
        if pending == 0 {
            self.queue.borrow_mut().grant_all();
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
        f.debug_struct("WaitGroup")
            .field("left", &self.pending.get())
            .field("waiting", &self.queue.borrow().len())
            .finish()
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
        let pending = self.group.pending.get();
        current::with(|run| {
            let mut queue = self.group.queue.borrow_mut();
            if queue.bind_to(run, || false, IN_ANOTHER_RUN) {
                queue.clear();
            }
            match queue.ticket_state(self.ticket) {
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
            self.group.queue.borrow_mut().withdraw(self.ticket);
        }
    }
}

leaf!(<'a> AllDone<'a> => ());
