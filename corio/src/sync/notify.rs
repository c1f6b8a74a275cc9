//! Notifications for tasks: at most one stored notification, and a wait queue.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::state_cell::StateCell;
use super::wait_queue::{Elsewhere, Ticket, TicketSet, TicketState, WaitQueue};
use crate::executor::{WaitCause, WaitReason};
use crate::runtime::current;

/// Notifies one waiting task, or all of them.
///
/// A notification carries no data; what has changed is kept elsewhere, for instance in a
/// [`RunCell`](crate::sync::RunCell).
///
/// ```
/// use std::sync::Arc;
/// use corio::sync::{Notify, RunCell};
///
/// #[corio::task]
/// fn waits_until_full(level: Arc<RunCell<u32>>, changed: Arc<Notify>) -> u32 {
///     while level.get() < 3 {
///         call!(changed.notified());
///     }
///     level.get()
/// }
///
/// #[corio::task]
/// fn fills(level: Arc<RunCell<u32>>, changed: Arc<Notify>) {
///     for _ in 0..3 {
///         level.set(level.get() + 1);
///         changed.notify_one();           // stored if no task waits
///     }
/// }
///
/// #[corio::task]
/// fn program() -> u32 {
///     let (level, changed) = (Arc::new(RunCell::new(0)), Arc::new(Notify::new()));
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
    /// Number of calls of `notify_one` from outside of the run whose tasks wait, where it can't be
    /// known which of them is alive. The first task that looks makes these calls.
    owed: usize,
}

impl NotifyState {
    fn notify_one(&mut self) {
        match self.queue.grant_next_alive() {
            Ok(Some((ticket, ()))) => self.notified.add(ticket),
            Ok(None) => self.stored = true,
            Err(Elsewhere) => {
                if self.owed == 0 {
                    // Once, until one of them has looked.
                    self.queue.wake_all();
                }
                self.owed += 1;
            }
        }
    }

    fn notify_waiters(&mut self) {
        // What is owed goes to the first of them, before they are all notified: it is not stored.
        for _ in 0..std::mem::take(&mut self.owed) {
            let granted = match self.queue.grant_next_alive() {
                Ok(granted) => granted,
                Err(Elsewhere) => self.queue.grant_next(),
            };
            match granted {
                Some((ticket, ())) => self.notified.add(ticket),
                None => self.stored = true,
            }
        }
        self.queue.grant_all();
    }

    /// Makes the calls of `notify_one` that are owed, in the run whose tasks wait.
    fn settle(&mut self) {
        for _ in 0..std::mem::take(&mut self.owed) {
            self.notify_one();
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
        self.state.borrow().notify_one();
    }

    /// Notifies all tasks that wait now. Stores no notification.
    pub fn notify_waiters(&self) {
        self.state.borrow().notify_waiters();
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
        let (stored, waiting) = (state.stored, state.queue.len());
        drop(state);
        f.debug_struct("Notify").field("stored", &stored).field("waiting", &waiting).finish()
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
            let state = &mut *self.notify.state.borrow();
            if state.queue.bind_to(
                run,
                || false,
                "corio: tasks of another run wait for this notification; a `Notify` belongs to \
                 one run at a time",
            ) {
                state.queue.clear();
            }
            state.settle();
            // Three ways to have been notified: by `notify_one`, also if that was in a run that is
            // over by now; by `notify_waiters`; by a stored notification.
            let was_notified = state.notified.remove(self.ticket);
            let ticket_state = state.queue.ticket_state(&mut self.ticket);
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
        let mut state = self.notify.state.borrow();
        state.queue.withdraw(self.ticket);
        if state.notified.remove(self.ticket) {
            state.notify_one();
        }
    }
}

leaf!(<'a> Notified<'a> => ());
