//! A group of tasks that are all cancelled when one fails; tasks are added while others run.
//!
//! A *member* runs as a child beside a *stop signal*, an interrupt. The first member that fails
//! wakes the stop signals of all others and does nothing more: each signal drops its member when
//! it is resumed, in the same CPU phase. So no member is dropped from within itself, however many
//! members there are.
//!
//! # Invariants
//!
//! - While the group has an error, no member continues, and none begins.
//! - The error is cleared only when the group has no members and a waiting task has received the
//!   error (or the group moves to another run): no error is lost.
//! - Errors are dropped while the group is not borrowed, because their destructors may use it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::permits::{Acquiring, Permits, Wording};
use super::state_cell::StateCell;
use super::wait_queue::{Ticket, TicketState, WaitQueue};
use crate::executor::{Id, WaitCause, WaitReason};
use crate::runtime::{RunState, current};
use crate::task::{Call, Child, Interrupt, Task, TaskOver, task_with, until};
use crate::util::Slots;

/// A group of tasks that are all cancelled once one of them has failed.
///
/// Tasks are added while others run, by any task that has the group or a clone of it, members
/// included.
///
/// ```
/// use corio::sync::ErrGroup;
///
/// #[corio::dispatcher]
/// fn links(pages: &[u64]) -> Vec<Result<Vec<u64>, String>> {
///     let links_of = |page: &u64| match *page {
///         100.. => Err(format!("no page {page}")),
///         page => Ok(vec![page * 2, page * 2 + 1]),
///     };
///     pages.iter().map(links_of).collect()
/// }
///
/// #[corio::task]
/// fn visit(page: u64, last: u64, group: ErrGroup<String>) -> Result<(), String> {
///     for link in io!(links(page))?.into_iter().filter(|link| *link <= last) {
///         spawn!(group.run(visit(link, last, group.clone())));
///     }
///     Ok(())
/// }
///
/// #[corio::task]
/// fn crawl(last: u64) -> Result<(), String> {
///     let group = ErrGroup::new();
///     spawn!(group.run(visit(1, last, group.clone())));
///     call!(group.wait())
/// }
///
/// let mut schedule = corio::Schedule::new(());
/// assert_eq!(schedule.run(crawl(99))?, Ok(()));
/// assert_eq!(schedule.run(crawl(300))?, Err("no page 100".to_string()));
/// # Ok::<(), corio::Error>(())
/// ```
///
/// A clone refers to the same group. Every task that waits gets the error, so the error has to be
/// `Clone`; an error that is not can be put into an [`Arc`], by `.map_err(Arc::new)`.
pub struct ErrGroup<E> {
    group: Arc<GroupInner<E>>,
}

struct GroupInner<E> {
    state: StateCell<GroupState<E>>,
    /// One permit for each member that may run at a time; `None` without a limit.
    permits: Option<StateCell<Permits>>,
}

struct GroupState<E> {
    /// The error of the first member that failed. While the group has an error, no member
    /// continues, and none begins.
    error: Option<Arc<E>>,
    /// Whether a waiting task has received `error`. If so, and the group has no members, the next
    /// member clears the error.
    was_observed: bool,
    members: Slots<Member>,
    /// Tasks that wait until the group has no members.
    queue: WaitQueue<()>,
    /// Errors of waiting tasks that were granted and have not continued: by then the group may be
    /// in use again, with another error or none.
    undelivered: BTreeMap<Ticket, Arc<E>>,
}

/// Errors of a run that is over, to be dropped by the caller when the group is not borrowed.
type Discarded<E> = (Option<Arc<E>>, BTreeMap<Ticket, Arc<E>>);

struct Member {
    /// The stop signal, from its first poll on; `Id::NONE` before, and in a run that is over.
    stop: Id,
    /// The task, from the time on at which it runs; `Id::NONE` before.
    task: Id,
}

/// Maximum number of members in one wait reason.
const MAX_REPORTED_MEMBERS: usize = 100;

static WORDING: Wording =
    Wording { in_another_run: IN_ANOTHER_RUN, awaited: |_, _| WaitCause::ErrGroupLimit };

const IN_ANOTHER_RUN: &str =
    "corio: this error group is in use in another run; a group belongs to one run at a time";

impl<E> GroupState<E> {
    /// Binds the group to `run`, and returns the errors of a run that is over.
    ///
    /// # Panics
    /// If the group is in use in another run.
    #[must_use]
    fn bind_to(&mut self, run: &RunState) -> Discarded<E> {
        let GroupState { members, queue, .. } = self;
        if !queue.bind_to(
            run,
            || members.iter().any(|member| member.stop != Id::NONE),
            IN_ANOTHER_RUN,
        ) {
            return Discarded::default();
        }
        queue.clear();
        members.iter_mut().for_each(|member| *member = Member::NEW);
        (self.error.take(), std::mem::take(&mut self.undelivered))
    }

    /// Grants all waiting tasks, each with the error, when the last member has ended.
    fn finish(&mut self) {
        if let Some(error) = &self.error {
            self.undelivered.extend(self.queue.tickets().map(|ticket| (ticket, error.clone())));
        }
        self.queue.grant_all();
    }

    /// Returns the result of the group for the waiting task with this ticket; `None` if the task
    /// has to wait.
    fn result(&mut self, ticket: Ticket, ticket_state: TicketState) -> Option<Result<(), Arc<E>>> {
        if let Some(error) = self.undelivered.remove(&ticket) {
            self.was_observed |=
                self.error.as_ref().is_some_and(|current| Arc::ptr_eq(current, &error));
            return Some(Err(error));
        }
        match ticket_state {
            TicketState::Granted => Some(Ok(())),
            TicketState::NotQueued if self.members.is_empty() => {
                self.was_observed = true;
                Some(self.error.clone().map_or(Ok(()), Err))
            }
            TicketState::NotQueued | TicketState::Waiting => None,
        }
    }
}

impl Member {
    const NEW: Member = Member { stop: Id::NONE, task: Id::NONE };
}

impl<E> ErrGroup<E> {
    /// Creates a group without members.
    pub fn new() -> Self {
        Self::with_permits(None)
    }

    /// Creates a group of which at most `limit` members run at a time.
    ///
    /// Further members begin when others have ended, first come, first served.
    ///
    /// # Panics
    /// If `limit` is 0.
    #[track_caller]
    pub fn with_limit(limit: usize) -> Self {
        assert!(limit > 0, "corio: with a limit of 0, no member of the group could run");
        Self::with_permits(Some(Permits::new(limit, &WORDING)))
    }

    fn with_permits(permits: Option<StateCell<Permits>>) -> Self {
        let state = StateCell::new(GroupState {
            error: None,
            was_observed: false,
            members: Slots::default(),
            queue: WaitQueue::default(),
            undelivered: BTreeMap::new(),
        });
        ErrGroup { group: Arc::new(GroupInner { state, permits }) }
    }

    /// Makes a task a member of the group: `spawn!(group.run(fetch(url)))`.
    ///
    /// The task is a member from this call on, until the returned task ends or is dropped. If the
    /// task is the first member that fails, the group stores its error and cancels all other
    /// members: they are dropped before any batch is sent, so that their requests of this phase are
    /// withdrawn, and members that have not begun never begin. The returned task of a cancelled
    /// member ends with `()`, like that of any other.
    ///
    /// # Panics
    /// When the returned task runs, if the group has members in another run.
    pub fn run<S, T>(&self, work: T) -> TaskOver<S, impl Future<Output = ()> + use<E, S, T>>
    where
        T: Task<S, Output = Result<(), E>>,
    {
        let member = Membership::new(&self.group);
        task_with::<S, _>(|over| {
            let work = work.into_future(over);
            async move {
                let member = member;
                if member.begin() {
                    let body = async {
                        let _permit = match &member.group.permits {
                            Some(permits) => {
                                let mut acquiring = Acquiring::new(permits, 1);
                                Some(poll_fn(|_| acquiring.poll()).await)
                            }
                            None => None,
                        };
                        if !member.start() {
                            return;
                        }
                        if let Err(error) = Call::new(work).await {
                            member.fail(error);
                        }
                    };
                    let _was_stopped = until(Child::new(body), StopSignal(&member)).await;
                }
            }
        })
    }

    /// Waits until the group has no members: `call!(group.wait())?`.
    ///
    /// If the group has no members, the task is not suspended.
    ///
    /// If a member has failed, every task that waits gets a clone of the first error, and so does
    /// every task that waits later. Once a task has received the error, the group can be used
    /// again: the next member clears the error. Until then no member begins, so that no error is
    /// lost. In another run the error is forgotten.
    ///
    /// ```
    /// use corio::sync::ErrGroup;
    ///
    /// #[corio::task]
    /// fn fails() -> Result<(), String> {
    ///     Err("no such page".to_string())
    /// }
    ///
    /// #[corio::task]
    /// fn succeeds() -> Result<(), String> {
    ///     Ok(())
    /// }
    ///
    /// #[corio::task]
    /// fn program() {
    ///     let group = ErrGroup::new();
    ///     spawn!(group.run(fails()));
    ///     let (one, other) = join!(group.wait(), group.wait());
    ///     assert_eq!((one.is_err(), other.is_err()), (true, true));
    ///     spawn!(group.run(succeeds()));
    ///     assert_eq!(call!(group.wait()), Ok(()));
    /// }
    ///
    /// corio::Schedule::new(()).run(program())?;
    /// # Ok::<(), corio::Error>(())
    /// ```
    ///
    /// # Errors
    /// The first error of a member.
    ///
    /// # Panics
    /// When called, if the group is in use in another run; in a dispatcher, if the group has
    /// members.
    pub fn wait(&self) -> GroupEnded<'_, E>
    where
        Everybody: Tells<E>,
    {
        GroupEnded { group: self, copy: Everybody::copy, ticket: 0 }
    }
}

/// Clones errors for the tasks that wait for a group.
///
/// Not a bound `E: Clone` on the error itself: for that one, rustc would propose to borrow the
/// group, as references are `Clone`.
#[diagnostic::on_unimplemented(
    message = "`{E}` goes to all who wait for the group, and so has to be `Clone`: make it an \
               `Arc<{E}>`, by `.map_err(Arc::new)`",
    label = "`{E}` is not `Clone`",
    note = "the first error of a member is told to everybody who waits for the group"
)]
#[doc(hidden)]
pub trait Tells<E> {
    fn copy(error: &E) -> E;
}

/// Implements [`Tells`] for all errors that are `Clone`.
#[doc(hidden)]
pub struct Everybody;

#[diagnostic::do_not_recommend]
impl<E: Clone> Tells<E> for Everybody {
    fn copy(error: &E) -> E {
        error.clone()
    }
}

impl<E> Clone for ErrGroup<E> {
    fn clone(&self) -> Self {
        ErrGroup { group: self.group.clone() }
    }
}

impl<E> Default for ErrGroup<E> {
    fn default() -> Self {
        ErrGroup::new()
    }
}

impl<E> fmt::Debug for ErrGroup<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.group.state.borrow();
        let (members, failed) = (state.members.iter().count(), state.error.is_some());
        drop(state);
        f.debug_struct("ErrGroup")
            .field("members", &members)
            .field("failed", &failed)
            .finish_non_exhaustive()
    }
}

/// Membership of one task in a group. Dropping it ends the membership.
struct Membership<E> {
    group: Arc<GroupInner<E>>,
    /// Slot in `GroupState::members`.
    slot: u32,
}

impl<E> Membership<E> {
    /// Adds a member, and clears an error that was observed if there are no other members.
    fn new(group: &Arc<GroupInner<E>>) -> Self {
        let mut state = group.state.borrow();
        let clears = state.was_observed && state.members.is_empty();
        let observed = if clears { std::mem::take(&mut state.error) } else { None };
        state.was_observed &= !clears;
        let slot = state.members.put(Member::NEW);
        drop(state);
        drop(observed);
        Membership { group: group.clone(), slot }
    }

    /// Returns whether the member may begin, and wait for its permit.
    fn begin(&self) -> bool {
        let mut state = self.group.state.borrow();
        let discarded = current::with(|run| state.bind_to(run));
        let may_begin = state.error.is_none();
        drop(state);
        drop(discarded);
        may_begin
    }

    /// Returns whether the member may run its task, after it has got its permit; the running task
    /// is the member's from then on.
    fn start(&self) -> bool {
        let mut state = self.group.state.borrow();
        state.members.get_mut(self.slot).task = current::with(|run| run.executor.current());
        state.error.is_none()
    }

    /// Stores the error if it is the first one, and wakes the stop signals of all members.
    fn fail(&self, error: E) {
        let mut state = self.group.state.borrow();
        if state.error.is_some() {
            // The error is dropped last, because its destructor may use the group.
            drop(state);
            return drop(error);
        }
        state.error = Some(Arc::new(error));
        current::with(|run| {
            state
                .members
                .iter()
                .filter(|member| member.stop != Id::NONE)
                .for_each(|member| run.executor.wake(member.stop))
        });
    }
}

impl<E> Drop for Membership<E> {
    fn drop(&mut self) {
        let mut state = self.group.state.borrow();
        state.members.take(self.slot);
        if state.members.is_empty() {
            state.finish();
        }
    }
}

/// Interrupts a member when another one has failed.
struct StopSignal<'a, E>(&'a Membership<E>);

impl<E> Interrupt for StopSignal<'_, E> {
    type Reason = ();
    // To observers, `group.run(fetch(url))` is one task, `fetch`, without another one in it.
    const BESIDE_A_TASK: bool = false;

    fn start(&mut self, id: Id) {
        self.0.group.state.borrow().members.get_mut(self.0.slot).stop = id;
    }

    fn reason(&self) -> Option<()> {
        self.0.group.state.borrow().error.is_some().then_some(())
    }
}

/// Future of [`ErrGroup::wait`], to be awaited by `call!`.
#[must_use = "this does nothing until it is called: `call!(group.wait())`"]
pub struct GroupEnded<'a, E> {
    group: &'a ErrGroup<E>,
    copy: fn(&E) -> E,
    /// 0 before the task waits, and after it has continued.
    ticket: Ticket,
}

impl<E> Future for GroupEnded<'_, E> {
    type Output = Result<(), E>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        let this = &mut *self;
        let (result, _discarded) = current::with(|run| {
            let state = &mut *this.group.group.state.borrow();
            let discarded = state.bind_to(run);
            let ticket_state = state.queue.ticket_state(&mut this.ticket);
            let result = state.result(this.ticket, ticket_state);
            if result.is_none() {
                let task = run.executor.waiting_task();
                if ticket_state == TicketState::Waiting {
                    state.queue.set_task(this.ticket, task);
                } else {
                    this.ticket = state.queue.join(task, ());
                }
                run.executor.park_for(|| {
                    let members = state.members.iter().count();
                    let running = state
                        .members
                        .iter()
                        .map(|member| member.task)
                        .filter(|task| *task != Id::NONE)
                        .take(MAX_REPORTED_MEMBERS);
                    WaitReason::ends(WaitCause::ErrGroupEnd { members }, running.collect())
                });
            }
            (result, discarded)
        });
        let Some(result) = result else { return Poll::Pending };
        this.ticket = 0;
        Poll::Ready(result.map_err(|error| (this.copy)(&error)))
    }
}

impl<E> Drop for GroupEnded<'_, E> {
    fn drop(&mut self) {
        if self.ticket != 0 {
            let mut state = self.group.group.state.borrow();
            state.queue.withdraw(self.ticket);
            let undelivered = state.undelivered.remove(&self.ticket);
            drop(state);
            drop(undelivered);
        }
    }
}

impl<E> fmt::Debug for GroupEnded<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupEnded").field("waits", &(self.ticket != 0)).finish()
    }
}

leaf!(<'a, E> GroupEnded<'a, E> => Result<(), E>);
