//! A wait group for tasks.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::wait_queue::{Ticket, TicketState, WaitQueue};
use crate::executor::WaitReason;
use crate::runtime::current;
use crate::util::plural;

/// Waits until as many things are done as were added; then it can be used again.
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
    left: Cell<usize>,
    queue: RefCell<WaitQueue<()>>,
}

const IN_ANOTHER_RUN: &str =
    "corio: tasks of another run wait for this group; a group belongs to one run at a time";

impl WaitGroup {
    /// A group in which nothing is left to do.
    pub fn new() -> Self {
        WaitGroup::default()
    }

    /// So many more things are to be done.
    ///
    /// # Panics
    /// If there are more than fit in a `usize`.
    #[track_caller]
    pub fn add(&self, things: usize) {
        self.left.set(
            self.left
                .get()
                .checked_add(things)
                .expect("corio: more things to wait for than fit in a usize"),
        );
    }

    /// One thing is done. The last one lets all go on that wait, whatever is added before they run.
    ///
    /// # Panics
    /// If there is nothing left to be done.
    #[track_caller]
    pub fn done(&self) {
        let left = self
            .left
            .get()
            .checked_sub(1)
            .expect("corio: `done` was called more often than things were added");
        self.left.set(left);
        if left == 0 {
            self.queue.borrow_mut().grant_all();
        }
    }

    /// Waits until nothing is left: `call!(group.wait())`. Nothing left, it costs no suspension.
    ///
    /// # Panics
    /// When called, if tasks of another run wait for the group, or by a dispatcher when there is
    /// something left.
    pub fn wait(&self) -> AllDone<'_> {
        AllDone { group: self, ticket: 0 }
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitGroup")
            .field("left", &self.left.get())
            .field("waiting", &self.queue.borrow().len())
            .finish()
    }
}

/// What [`WaitGroup::wait`] gives; `call!` it.
#[must_use = "this does nothing until it is called: `call!(group.wait())`"]
#[derive(Debug)]
pub struct AllDone<'a> {
    group: &'a WaitGroup,
    /// 0 before it waits, and when it goes on.
    ticket: Ticket,
}

impl Future for AllDone<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let left = self.group.left.get();
        current::with(|run| {
            let mut queue = self.group.queue.borrow_mut();
            if queue.belong_to(run, || false, IN_ANOTHER_RUN) {
                queue.clear();
            }
            match queue.ticket_state(self.ticket) {
                TicketState::NotQueued if left > 0 => {
                    self.ticket = queue.join(run.executor.waiting_task(), ())
                }
                TicketState::Waits => queue.stay(self.ticket, run.executor.waiting_task()),
                TicketState::NotQueued | TicketState::Called => {
                    self.ticket = 0;
                    return Poll::Ready(());
                }
            }
            run.executor.park_for(|| {
                let verb = if left == 1 { "is" } else { "are" };
                WaitReason::held(
                    format!("a wait group: {left} thing{} {verb} not done", plural(left)),
                    Vec::new(),
                )
            });
            Poll::Pending
        })
    }
}

impl Drop for AllDone<'_> {
    fn drop(&mut self) {
        if self.ticket != 0 {
            self.group.queue.borrow_mut().leave(self.ticket);
        }
    }
}

leaf!(<'a> AllDone<'a> => ());
