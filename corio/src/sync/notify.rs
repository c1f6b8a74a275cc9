//! Notifications for tasks.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::wait_queue::{Ticket, TicketState, Tickets, WaitQueue};
use crate::executor::WaitReason;
use crate::runtime::current;

/// Tells one task, or all that wait, that something has happened. It carries no data: what has
/// happened stands elsewhere.
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
///         changed.notify_one();           // stored if nobody waits
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
    state: RefCell<NotifyState>,
}

#[derive(Default)]
struct NotifyState {
    /// The next that comes goes through.
    stored: bool,
    queue: WaitQueue<()>,
    /// Those that `notify_one` has called and that have not gone on yet.
    notified: Tickets,
}

impl NotifyState {
    fn notify_one(&mut self) {
        match self.queue.grant_first() {
            Some((ticket, ())) => self.notified.add(ticket),
            None => self.stored = true,
        }
    }
}

impl Notify {
    /// Nothing has happened yet.
    pub fn new() -> Self {
        Notify::default()
    }

    /// Wakes the task that has waited longest. If none waits, the next
    /// [`notified`](Notify::notified) goes through at once; only one notification is stored so.
    ///
    /// If the woken task is dropped before it runs, the notification goes to the next.
    pub fn notify_one(&self) {
        self.state.borrow_mut().notify_one();
    }

    /// Wakes all that wait now. Stores nothing.
    pub fn notify_all(&self) {
        self.state.borrow_mut().queue.grant_all();
    }

    /// Waits for a notification: `call!(notify.notified())`. One that is stored costs no
    /// suspension.
    ///
    /// # Panics
    /// When called, if tasks of another run wait for it, or by a dispatcher when nothing is stored.
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

/// What [`Notify::notified`] gives; `call!` it.
#[must_use = "this does nothing until it is called: `call!(notify.notified())`"]
#[derive(Debug)]
pub struct Notified<'a> {
    notify: &'a Notify,
    /// 0 before it waits, and when it goes on.
    ticket: Ticket,
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        current::with(|run| {
            let state = &mut *self.notify.state.borrow_mut();
            if state.queue.belong_to(
                run,
                || false,
                "corio: tasks of another run wait for this notification; a `Notify` belongs to \
                 one run at a time",
            ) {
                state.queue.clear();
            }
            let ticket_state = state.queue.ticket_state(self.ticket);
            // By itself, also in a run that is over by now; with all; or before it came.
            let was_notified = state.notified.remove(self.ticket);
            if was_notified
                || ticket_state == TicketState::Called
                || ticket_state == TicketState::NotQueued && std::mem::take(&mut state.stored)
            {
                self.ticket = 0;
                return Poll::Ready(());
            }
            let task = run.executor.waiting_task();
            if ticket_state == TicketState::Waits {
                state.queue.stay(self.ticket, task);
            } else {
                self.ticket = state.queue.join(task, ());
            }
            run.executor.park_for(|| WaitReason::held("a notification", Vec::new()));
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
        state.queue.leave(self.ticket);
        if state.notified.remove(self.ticket) {
            state.notify_one();
        }
    }
}

leaf!(<'a> Notified<'a> => ());
