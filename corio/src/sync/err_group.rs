//! A group of tasks that stands or falls together, to which tasks are added while others run.
//!
//! A member runs as a child beside a *stop*. The first one that fails wakes the stops of all others, nothing more: each then drops its member when it is its turn, in the same
//! CPU phase. So no member is dropped from within itself, and how many there are does not matter.

use std::cell::RefCell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::line::{Line, Standing, Ticket};
use super::permits::{Acquiring, Permits, Words};
use super::slots::Slots;
use crate::core::{self, Core};
use crate::desk::plural;
use crate::engine::{Id, Waits};
use crate::task::{Call, Child, Interrupt, Sealed, Task, task, until};

/// Tasks of which none goes on once one has failed. They are added while others run, by whoever has the group or a clone of it, members among them.
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
/// A clone is the same group.
pub struct ErrGroup<E> {
    group: Rc<Group<E>>,
}

struct Group<E> {
    state: RefCell<State<E>>,
    /// One for each member that may run at once.
    places: Option<RefCell<Permits>>,
}

struct State<E> {
    /// From the first failure until somebody has waited for the end and taken it: no member goes on, or begins.
    error: Option<E>,
    members: Slots<Member>,
    /// Those that wait for the end.
    line: Line<()>,
}

struct Member {
    /// Its stop, once it was polled.
    stop: Id,
    /// Its task, once it runs.
    task: Id,
}

/// So many members are told of in a deadlock report, for each that waits.
const MOST_TOLD: usize = 100;

static WORDS: Words = Words { in_another_run: IN_ANOTHER_RUN, awaited: |_, _| String::from("a place among the members of an error group that run") };

const IN_ANOTHER_RUN: &str = "corio: this error group is in use in another run; a group belongs to one run at a time";

impl<E> State<E> {
    fn belong_to(&mut self, core: &Core) {
        let State { members, line, .. } = self;
        if line.belong_to(core, || members.iter().any(|member| member.stop != Id::NONE), IN_ANOTHER_RUN) {
            line.clear();
            members.iter_mut().for_each(|member| *member = Member::NEW);
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

    /// A group of which so many members run at once. The others begin when one has ended, first come first served.
    ///
    /// # Panics
    /// If the limit is 0.
    #[track_caller]
    pub fn with_limit(limit: usize) -> Self {
        assert!(limit > 0, "corio: with a limit of 0, no member of the group could run");
        Self::with_places(Some(Permits::new(limit, &WORDS)))
    }

    fn with_places(places: Option<RefCell<Permits>>) -> Self {
        let state = RefCell::new(State { error: None, members: Slots::default(), line: Line::default() });
        ErrGroup { group: Rc::new(Group { state, places }) }
    }

    /// The task as a member of the group: `spawn!(group.run(fetch(url)))`. It is one from now on until it ends or is dropped.
    ///
    /// If it fails and is the first, its error is kept and all other members are cancelled: they are dropped before anything more is sent, so that what they have
    /// asked in this phase is withdrawn, and those that have not begun never do. What this gives ends then, with nothing to say.
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

    /// Waits until the group has no members, and takes out the first error: `call!(group.wait())?`. The group can be used again then. Without members it costs no suspension.
    ///
    /// # Errors
    /// The first error of a member.
    ///
    /// # Panics
    /// When called, if the group is in use in another run, or by a dispatcher when there are members.
    pub fn wait(&self) -> GroupEnded<'_, E> {
        GroupEnded { group: self, ticket: 0 }
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
        f.debug_struct("ErrGroup").field("members", &state.members.iter().count()).field("failed", &state.error.is_some()).finish_non_exhaustive()
    }
}

/// A place among the members.
struct Membership<E> {
    group: Rc<Group<E>>,
    slot: u32,
}

impl<E> Membership<E> {
    fn new(group: &Rc<Group<E>>) -> Self {
        let slot = group.state.borrow_mut().members.put(Member::NEW);
        Membership { group: group.clone(), slot }
    }

    /// Whether it may begin.
    fn begin(&self) -> bool {
        let mut state = self.group.state.borrow_mut();
        core::with(|core| state.belong_to(core));
        state.error.is_none()
    }

    /// The same, when it has its place.
    fn run(&self) -> bool {
        let mut state = self.group.state.borrow_mut();
        state.members.get_mut(self.slot).task = core::with(|core| core.engine.current());
        state.error.is_none()
    }

    fn fail(&self, error: E) {
        let mut state = self.group.state.borrow_mut();
        if state.error.is_some() {
            // Destructors of users may come back here.
            drop(state);
            return drop(error);
        }
        state.error = Some(error);
        core::with(|core| state.members.iter().filter(|member| member.stop != Id::NONE).for_each(|member| core.wake(member.stop)));
    }
}

impl<E> Drop for Membership<E> {
    fn drop(&mut self) {
        let mut state = self.group.state.borrow_mut();
        state.members.take(self.slot);
        if state.members.is_empty() {
            state.line.call_all();
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
    /// 0 before it waits, and when it goes on.
    ticket: Ticket,
}

impl<E> Future for GroupEnded<'_, E> {
    type Output = Result<(), E>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), E>> {
        let this = &mut *self;
        core::with(|core| {
            let state = &mut *this.group.group.state.borrow_mut();
            state.belong_to(core);
            if state.members.is_empty() {
                state.line.leave(this.ticket);
                this.ticket = 0;
                return Poll::Ready(state.error.take().map_or(Ok(()), Err));
            }
            let task = core.engine.waiting_task();
            match state.line.standing(this.ticket) {
                Standing::Waits => state.line.stay(this.ticket, task),
                // There are new members since it was called.
                Standing::Outside | Standing::Called => this.ticket = state.line.join(task, ()),
            }
            core.engine.park_for(|| {
                let left = state.members.iter().count();
                let verb = if left == 1 { "is" } else { "are" };
                let running = state.members.iter().map(|member| member.task).filter(|task| *task != Id::NONE).take(MOST_TOLD);
                Waits::ends(format!("the end of an error group, of which {left} member{} {verb} left", plural(left)), running.collect())
            });
            Poll::Pending
        })
    }
}

impl<E> Drop for GroupEnded<'_, E> {
    fn drop(&mut self) {
        if self.ticket != 0 {
            self.group.group.state.borrow_mut().line.leave(self.ticket);
        }
    }
}

impl<E> fmt::Debug for GroupEnded<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupEnded").field("waits", &(self.ticket != 0)).finish()
    }
}

leaf!(<'a, E> GroupEnded<'a, E> => Result<(), E>);
