//! Notifications for tasks: at most one stored notification, and a wait queue.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::state_cell::StateCell;
use super::wait_queue::{Ticket, TicketSet, TicketState, WaitQueue};
use crate::executor::{WaitCause, WaitReason};
use crate::runtime::current;

/// Notifies one waiting task, or all of them.
///
/// A notification carries no data; what has changed is kept elsewhere, for instance in a
/// [`Cell`](std::cell::Cell).
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use corio::sync::Notify;
///
/// #[corio::task]
/// fn waits_until_full(level: Rc<Cell<u32>>, changed: Rc<Notify>) -> u32 {
///     while level.get() < 3 {
///         call!(changed.notified());
///     }
///     level.get()
/// }
///
/// #[corio::task]
/// fn fills(level: Rc<Cell<u32>>, changed: Rc<Notify>) {
///     for _ in 0..3 {
///         level.set(level.get() + 1);
///         changed.notify_one();           // stored if no task waits
///     }
/// }
///
/// #[corio::task]
/// fn program() -> u32 {
///     let (level, changed) = (Rc::new(Cell::new(0)), Rc::new(Notify::new()));
///     let full = spawn!(waits_until_full(level.clone(), changed.clone()));
///     spawn!(fills(level, changed));
///     call!(full)
/// }
///
/// assert_eq!(corio::Schedule::new(()).run(program())?, 3);
/// # Ok::<(), corio::Error>(())
/// ```
#[derive(Default)]
pub struct Notify {
    state: StateCell<NotifyState>,
}

#[derive(Default)]
struct NotifyState {
    /// Whether the next `notified` completes at once.
    stored: bool,
    queue: WaitQueue<()>,
    /// Tickets of tasks that `notify_one` has granted, and that have not continued yet. If such a
    /// task is dropped, the next one is notified; a task granted by `notify_waiters` is not
    /// replaced.
    notified: TicketSet,
}

impl NotifyState {
    fn notify_one(&mut self) {
        match self.queue.grant_next_alive() {
            Some((ticket, ())) => self.notified.add(ticket),
            None => self.stored = true,
        }
    }
}

impl Notify {
    /// Creates a `Notify` without a stored notification.
    pub fn new() -> Self {
        Notify::default()
    }

    /// Notifies the task that has waited longest.
    ///
    /// If no task waits, the notification is stored, and the next [`notified`](Notify::notified)
    /// completes at once. At most one notification is stored. If the notified task is dropped
    /// before it runs, the notification goes to the next task.
    pub fn notify_one(&self) {
        self.state.borrow_mut().notify_one();
    }

    /// Notifies all tasks that wait now. Stores no notification.
    pub fn notify_waiters(&self) {
        self.state.borrow_mut().queue.grant_all();
    }

    /// Waits for a notification: `call!(notify.notified())`.
    ///
    /// If a notification is stored, the task takes it and is not suspended.
    ///
    /// # Panics
    /// When called, if tasks of another run wait for a notification; in a dispatcher, if no
    /// notification is stored.
    pub fn notified(&self) -> Notified<'_> {
        Notified { notify: self, ticket: 0 }
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.borrow();
        f.debug_struct("Notify")
            .field("stored", &state.stored)
            .field("waiting", &state.queue.len())
            .finish()
    }
}

/// Future of [`Notify::notified`], to be awaited by `call!`.
#[must_use = "this does nothing until it is called: `call!(notify.notified())`"]
#[derive(Debug)]
pub struct Notified<'a> {
    notify: &'a Notify,
    /// 0 before the task waits, and after it has continued.
    ticket: Ticket,
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        current::with(|run| {
            let state = &mut *self.notify.state.borrow_mut();
            if state.queue.bind_to(
                run,
                || false,
                "corio: tasks of another run wait for this notification; a `Notify` belongs to \
                 one run at a time",
            ) {
                state.queue.clear();
            }
            let ticket_state = state.queue.ticket_state(self.ticket);
            // Three ways to have been notified: by `notify_one`, also if that was in a run that is
            // over by now; by `notify_waiters`; by a stored notification.
            let was_notified = state.notified.remove(self.ticket);
            if was_notified
                || ticket_state == TicketState::Granted
                || ticket_state == TicketState::NotQueued && std::mem::take(&mut state.stored)
            {
                self.ticket = 0;
                return Poll::Ready(());
            }
            let task = run.executor.waiting_task();
            if ticket_state == TicketState::Waiting {
                state.queue.set_task(self.ticket, task);
            } else {
                self.ticket = state.queue.join(task, ());
            }
            run.executor.park_for(|| WaitReason::held(WaitCause::Notification, Vec::new()));
            Poll::Pending
        })
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        if self.ticket == 0 {
            return;
        }
        let mut state = self.notify.state.borrow_mut();
        state.queue.withdraw(self.ticket);
        if state.notified.remove(self.ticket) {
            state.notify_one();
        }
    }
}

leaf!(<'a> Notified<'a> => ());
