//! A wait group for tasks.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::core::{self, Core, RunRef};
use crate::engine::Id;
use crate::task::{IsTask, Sealed, Task};

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
    /// Counts how often nothing was left: a waiter goes on when that happens after it came, whatever is added meanwhile.
    round: Cell<u64>,
    waiting: RefCell<Vec<Id>>,
    /// The run that the waiters are of.
    run: RefCell<RunRef>,
}

impl WaitGroup {
    /// A group in which nothing is left to do.
    pub fn new() -> Self {
        WaitGroup::default()
    }

    /// So many more things are to be done.
    pub fn add(&self, things: usize) {
        self.left.set(self.left.get().checked_add(things).expect("corio: more things to wait for than fit in a usize"));
    }

    /// One thing is done. The last one wakes all who wait.
    ///
    /// # Panics
    /// If there is nothing left to be done.
    #[track_caller]
    pub fn done(&self) {
        let left = self.left.get().checked_sub(1).expect("corio: `done` was called more often than things were added");
        self.left.set(left);
        if left == 0 {
            self.round.set(self.round.get() + 1);
            // Waking only puts them in the ready queue.
            let core = self.run.borrow().core();
            self.waiting.borrow_mut().drain(..).for_each(|task| core.iter().for_each(|core| core.wake(task)));
        }
    }

    /// Waits until nothing is left: `call!(group.wait())`. Nothing left, it costs no suspension.
    ///
    /// # Panics
    /// When called, if tasks of another run wait for the group, or by a dispatcher when there is something left.
    pub fn wait(&self) -> AllDone<'_> {
        AllDone { group: self, round: None, task: Id::NONE }
    }

    /// From here on tasks of this run wait, as long as those of another do not.
    fn belong_to(&self, core: &Core) {
        let mut run = self.run.borrow_mut();
        if !run.is(core) {
            let mut waiting = self.waiting.borrow_mut();
            assert!(run.core().is_none() || waiting.is_empty(), "corio: tasks of another run wait for this group; a group belongs to one run at a time");
            // Waiters of a run that is over.
            waiting.clear();
            *run = core.this_run();
        }
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitGroup").field("left", &self.left.get()).field("waiting", &self.waiting.borrow().len()).finish()
    }
}

/// What [`WaitGroup::wait`] gives; `call!` it.
#[must_use = "this does nothing until it is called: `call!(group.wait())`"]
#[derive(Debug)]
pub struct AllDone<'a> {
    group: &'a WaitGroup,
    /// When it began to wait.
    round: Option<u64>,
    /// Who waits.
    task: Id,
}

impl Future for AllDone<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let group = self.group;
        core::with(|core| {
            match self.round {
                None if group.left.get() == 0 => return Poll::Ready(()),
                Some(round) if round != group.round.get() => return Poll::Ready(()),
                _ => {}
            }
            group.belong_to(core);
            let task = core.engine.waiting_task();
            if self.round.is_none() || self.task != task {
                (self.round, self.task) = (Some(group.round.get()), task);
                group.waiting.borrow_mut().push(task);
            }
            core.engine.park();
            Poll::Pending
        })
    }
}

impl IsTask for AllDone<'_> {
    type Output = ();
    type Future = Self;
    type Called = Self;

    fn called(future: Self, _: Sealed) -> Self {
        future
    }
}

#[diagnostic::do_not_recommend]
impl<S> Task<S> for AllDone<'_> {
    fn into_future(self, _: Sealed) -> Self {
        self
    }
}
