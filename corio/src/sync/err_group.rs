//! A group of tasks that stands or falls together, to which tasks are added while others run.
//!
//! A member runs as a child beside a *stop*. The first one that fails wakes the stops of all
//! others, nothing more: each then drops its member when it is its turn, in the same CPU phase. So
//! no member is dropped from within itself, and how many there are does not matter.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::permits::{Acquiring, Permits, Wording};
use super::wait_queue::{Ticket, TicketState, WaitQueue};
use crate::executor::{Id, WaitReason};
use crate::runtime::{RunState, current};
use crate::task::{Call, Child, Interrupt, Sealed, Task, task, until};
use crate::util::{Slots, plural};

/// Tasks of which none goes on once one has failed. They are added while others run, by whoever has
/// the group or a clone of it, members among them.
///
/// ```
/// use corio::sync::ErrGroup;
///
/// #[corio::dispatcher]
/// fn links(pages: &[u64]) -> Vec<Result<Vec<u64>, String>> {
///     pages.iter().map(|page| if *page < 100 { Ok(vec![page * 2, page * 2 + 1]) } else { Err(format!("no page {page}")) }).collect()
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
/// A clone is the same group. Its error goes to all who wait, and so has to be `Clone`: one that is
/// not goes into an [`Rc`], by `.map_err(Rc::new)`.
pub struct ErrGroup<E> {
    group: Rc<GroupInner<E>>,
}

struct GroupInner<E> {
    state: RefCell<GroupState<E>>,
    /// One for each member that may run at once.
    places: Option<RefCell<Permits>>,
}

struct GroupState<E> {
    /// That of the first failure. As long as it is there, no member goes on, or begins.
    error: Option<Rc<E>>,
    /// Somebody has heard of it: the next member begins anew, if there is none.
    was_heard: bool,
    members: Slots<Member>,
    /// Those that wait for the end.
    queue: WaitQueue<()>,
    /// The error for those of them that were called and have not gone on: the group may be in use
    /// again by then.
    told: BTreeMap<Ticket, Rc<E>>,
}

/// Errors that nobody will hear of. They are dropped when the group is not borrowed, as their
/// destructors may come back here.
type Forgotten<E> = (Option<Rc<E>>, BTreeMap<Ticket, Rc<E>>);

struct Member {
    /// Its stop, once it was polled.
    stop: Id,
    /// Its task, once it runs.
    task: Id,
}

/// So many members are told of in a deadlock report, for each that waits.
const MOST_TOLD: usize = 100;

static WORDING: Wording = Wording {
    in_another_run: IN_ANOTHER_RUN,
    awaited: |_, _| String::from("a place among the members of an error group that run"),
};

const IN_ANOTHER_RUN: &str =
    "corio: this error group is in use in another run; a group belongs to one run at a time";

impl<E> GroupState<E> {
    /// What has failed in another run is of no interest in this one.
    #[must_use]
    fn belong_to(&mut self, run: &RunState) -> Forgotten<E> {
        let GroupState { members, queue, .. } = self;
        if !queue.belong_to(
            run,
            || members.iter().any(|member| member.stop != Id::NONE),
            IN_ANOTHER_RUN,
        ) {
            return Forgotten::default();
        }
        queue.clear();
        members.iter_mut().for_each(|member| *member = Member::NEW);
        (self.error.take(), std::mem::take(&mut self.told))
    }

    /// Nobody is left: those that wait go on, each with the error.
    fn end(&mut self) {
        if let Some(error) = &self.error {
            self.told.extend(self.queue.tickets().map(|ticket| (ticket, error.clone())));
        }
        self.queue.grant_all();
    }

    /// What has become of the members, for who waits with this ticket; nothing if it goes on
    /// waiting.
    fn result(&mut self, ticket: Ticket, ticket_state: TicketState) -> Option<Result<(), Rc<E>>> {
        if let Some(error) = self.told.remove(&ticket) {
            self.was_heard |=
                self.error.as_ref().is_some_and(|current| Rc::ptr_eq(current, &error));
            return Some(Err(error));
        }
        match ticket_state {
            TicketState::Called => Some(Ok(())),
            TicketState::NotQueued if self.members.is_empty() => {
                self.was_heard = true;
                Some(self.error.clone().map_or(Ok(()), Err))
            }
            TicketState::NotQueued | TicketState::Waits => None,
        }
    }
}

impl Member {
    const NEW: Member = Member { stop: Id::NONE, task: Id::NONE };
}

impl<E> ErrGroup<E> {
    /// A group without members.
    pub fn new() -> Self {
        Self::with_places(None)
    }

    /// A group of which so many members run at once. The others begin when one has ended, first
    /// come first served.
    ///
    /// # Panics
    /// If the limit is 0.
    #[track_caller]
    pub fn with_limit(limit: usize) -> Self {
        assert!(limit > 0, "corio: with a limit of 0, no member of the group could run");
        Self::with_places(Some(Permits::new(limit, &WORDING)))
    }

    fn with_places(places: Option<RefCell<Permits>>) -> Self {
        let state = RefCell::new(GroupState {
            error: None,
            was_heard: false,
            members: Slots::default(),
            queue: WaitQueue::default(),
            told: BTreeMap::new(),
        });
        ErrGroup { group: Rc::new(GroupInner { state, places }) }
    }

    /// The task as a member of the group: `spawn!(group.run(fetch(url)))`. It is one from now on
    /// until it ends or is dropped.
    ///
    /// If it fails and is the first, its error is kept and all other members are cancelled: they
    /// are dropped before anything more is sent, so that what they have asked in this phase is
    /// withdrawn, and those that have not begun never do. What this gives ends then, with nothing
    /// to say.
    ///
    /// # Panics
    /// When run, if the group has members in another run.
    pub fn run<S, T>(&self, work: T) -> impl Task<S, Output = ()> + use<E, S, T>
    where
        T: Task<S, Output = Result<(), E>>,
    {
        let member = Membership::new(&self.group);
        task::<S, _>(async move {
            let member = member;
            if member.begin() {
                let runs = async {
                    let _place = match &member.group.places {
                        Some(places) => {
                            let mut acquiring = Acquiring::new(places, 1);
                            Some(poll_fn(|_| acquiring.poll()).await)
                        }
                        None => None,
                    };
                    if !member.run() {
                        return;
                    }
                    if let Err(error) = Call::new(work.into_future(Sealed)).await {
                        member.fail(error);
                    }
                };
                let _was_stopped = until(Child::new(runs), Stop(&member)).await;
            }
        })
    }

    /// Waits until the group has no members: `call!(group.wait())?`. Without members it costs no
    /// suspension.
    ///
    /// If a member has failed, everybody who waits gets a clone of the first error, and so does who
    /// comes later. Once somebody has it, the group can be used again: the next member begins anew.
    /// Until then none begins, so that no error is lost. In another run the error is forgotten.
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
    /// When called, if the group is in use in another run, or by a dispatcher when there are
    /// members.
    pub fn wait(&self) -> GroupEnded<'_, E>
    where
        Everybody: Tells<E>,
    {
        GroupEnded { group: self, copy: Everybody::copy, ticket: 0 }
    }
}

/// Tells errors to all who wait for a group. Not a bound on the error itself: rustc would propose
/// to borrow the group, as references are `Clone`.
#[diagnostic::on_unimplemented(
    message = "`{E}` goes to all who wait for the group, and so has to be `Clone`: make it an \
               `Rc<{E}>`, by `.map_err(Rc::new)`",
    label = "`{E}` is not `Clone`",
    note = "the first error of a member is told to everybody who waits for the group"
)]
#[doc(hidden)]
pub trait Tells<E> {
    fn copy(error: &E) -> E;
}

/// Who is told.
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
        f.debug_struct("ErrGroup")
            .field("members", &state.members.iter().count())
            .field("failed", &state.error.is_some())
            .finish_non_exhaustive()
    }
}

/// A place among the members.
struct Membership<E> {
    group: Rc<GroupInner<E>>,
    slot: u32,
}

impl<E> Membership<E> {
    fn new(group: &Rc<GroupInner<E>>) -> Self {
        let mut state = group.state.borrow_mut();
        let begins_anew = state.was_heard && state.members.is_empty();
        let heard = if begins_anew { std::mem::take(&mut state.error) } else { None };
        state.was_heard &= !begins_anew;
        let slot = state.members.put(Member::NEW);
        drop(state);
        drop(heard);
        Membership { group: group.clone(), slot }
    }

    /// Whether it may begin.
    fn begin(&self) -> bool {
        let mut state = self.group.state.borrow_mut();
        let forgotten = current::with(|run| state.belong_to(run));
        let begins = state.error.is_none();
        drop(state);
        drop(forgotten);
        begins
    }

    /// The same, when it has its place.
    fn run(&self) -> bool {
        let mut state = self.group.state.borrow_mut();
        state.members.get_mut(self.slot).task = current::with(|run| run.executor.current());
        state.error.is_none()
    }

    fn fail(&self, error: E) {
        let mut state = self.group.state.borrow_mut();
        if state.error.is_some() {
            // Destructors of users may come back here.
            drop(state);
            return drop(error);
        }
        state.error = Some(Rc::new(error));
        current::with(|run| {
            state
                .members
                .iter()
                .filter(|member| member.stop != Id::NONE)
                .for_each(|member| run.wake(member.stop))
        });
    }
}

impl<E> Drop for Membership<E> {
    fn drop(&mut self) {
        let mut state = self.group.state.borrow_mut();
        state.members.take(self.slot);
        if state.members.is_empty() {
            state.end();
        }
    }
}

/// Stops a member when another one has failed.
struct Stop<'a, E>(&'a Membership<E>);

impl<E> Interrupt for Stop<'_, E> {
    type Reason = ();
    // `group.run(fetch(url))` is the task `fetch`, and has no other in it.
    const BESIDE_A_TASK: bool = false;

    fn start(&mut self, id: Id) {
        self.0.group.state.borrow_mut().members.get_mut(self.0.slot).stop = id;
    }

    fn reason(&self) -> Option<()> {
        self.0.group.state.borrow().error.is_some().then_some(())
    }
}

/// What [`ErrGroup::wait`] gives; `call!` it.
#[must_use = "this does nothing until it is called: `call!(group.wait())`"]
pub struct GroupEnded<'a, E> {
    group: &'a ErrGroup<E>,
    copy: fn(&E) -> E,
    /// 0 before it waits, and when it goes on.
    ticket: Ticket,
}

impl<E> Future for GroupEnded<'_, E> {
    type Output = Result<(), E>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        let this = &mut *self;
        let (result, _forgotten) = current::with(|run| {
            let state = &mut *this.group.group.state.borrow_mut();
            let forgotten = state.belong_to(run);
            let ticket_state = state.queue.ticket_state(this.ticket);
            let result = state.result(this.ticket, ticket_state);
            if result.is_none() {
                let task = run.executor.waiting_task();
                if ticket_state == TicketState::Waits {
                    state.queue.stay(this.ticket, task);
                } else {
                    this.ticket = state.queue.join(task, ());
                }
                run.executor.park_for(|| {
                    let left = state.members.iter().count();
                    let verb = if left == 1 { "is" } else { "are" };
                    let running = state
                        .members
                        .iter()
                        .map(|member| member.task)
                        .filter(|task| *task != Id::NONE)
                        .take(MOST_TOLD);
                    WaitReason::ends(
                        format!(
                            "the end of an error group, of which {left} member{} {verb} left",
                            plural(left)
                        ),
                        running.collect(),
                    )
                });
            }
            (result, forgotten)
        });
        let Some(result) = result else { return Poll::Pending };
        this.ticket = 0;
        Poll::Ready(result.map_err(|error| (this.copy)(&error)))
    }
}

impl<E> Drop for GroupEnded<'_, E> {
    fn drop(&mut self) {
        if self.ticket != 0 {
            let mut state = self.group.group.state.borrow_mut();
            state.queue.leave(self.ticket);
            let told = state.told.remove(&self.ticket);
            drop(state);
            drop(told);
        }
    }
}

impl<E> fmt::Debug for GroupEnded<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupEnded").field("waits", &(self.ticket != 0)).finish()
    }
}

leaf!(<'a, E> GroupEnded<'a, E> => Result<(), E>);
