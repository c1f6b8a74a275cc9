//! A mutex for tasks.
//!
//! Every `lock` draws a ticket. The mutex belongs to the ticket in `turn`; unlocking passes it to the next one waiting and wakes its task, nothing more: the task takes it
//! when it runs. So handing over never recurses, and a ticket that is dropped between the two passes the mutex on.

use std::cell::{Ref, RefCell, RefMut};
use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::core::{self, Core, RunRef};
use crate::engine::Id;
use crate::task::{IsTask, Sealed, Task};

/// Mutual exclusion between tasks, across whatever they wait for while they hold it; first come first served.
///
/// ```
/// use std::rc::Rc;
/// use corio::sync::Mutex;
///
/// #[corio::dispatcher]
/// fn double(numbers: &[u64]) -> Vec<u64> {
///     numbers.iter().map(|n| n * 2).collect()
/// }
///
/// #[corio::task]
/// fn double_it(number: Rc<Mutex<u64>>) {
///     let mut number = call!(number.lock());
///     *number = io!(double(*number));     // nobody else changes it meanwhile
/// }
///
/// #[corio::task]
/// fn program() -> u64 {
///     let number = Rc::new(Mutex::new(1));
///     for _ in 0..10 {
///         spawn!(double_it(number.clone()));
///     }
///     wait!();
///     *call!(number.lock())
/// }
///
/// assert_eq!(corio::Schedule::new(()).run(program())?, 1024);
/// # Ok::<(), corio::Error>(())
/// ```
///
/// A task that locks a mutex which it holds already waits for itself, and the run ends with [`Error::Deadlock`](crate::Error::Deadlock).
pub struct Mutex<T> {
    value: RefCell<T>,
    queue: RefCell<Queue>,
}

/// Drawn by `lock`. None is 0.
type Ticket = u64;

#[derive(Default)]
struct Queue {
    /// Whose turn it is; 0 when the mutex is free.
    turn: Ticket,
    last: Ticket,
    waiting: VecDeque<(Ticket, Id)>,
    /// The run that the waiters are of.
    run: RunRef,
}

impl Queue {
    fn draw(&mut self) -> Ticket {
        self.last += 1;
        self.last
    }

    /// From here on tasks of this run wait, as long as those of another do not.
    fn belong_to(&mut self, core: &Core) {
        if !self.run.is(core) {
            let other = self.run.core().is_some_and(|_| self.turn != 0 || !self.waiting.is_empty());
            assert!(!other, "corio: this mutex is locked in another run; a lock belongs to one run at a time");
            // Waiters of a run that is over.
            self.waiting.clear();
            self.run = core.this_run();
        }
    }

    /// Passes the mutex to the next that is still there.
    fn pass_on(&mut self) {
        self.turn = 0;
        if self.waiting.is_empty() {
            return;
        }
        let Some(core) = self.run.core() else { return };
        while let Some((ticket, task)) = self.waiting.pop_front() {
            if core.engine.is_alive(task) {
                self.turn = ticket;
                core.wake(task);
                return;
            }
        }
    }
}

impl<T> Mutex<T> {
    /// A mutex that is free.
    pub fn new(value: T) -> Self {
        Mutex { value: RefCell::new(value), queue: RefCell::default() }
    }

    /// Waits for the turn of the running task: `let mut guard = call!(mutex.lock());`. Free, it costs no suspension.
    ///
    /// # Panics
    /// When called, if the mutex is in use in another run, or by a dispatcher when it is locked.
    pub fn lock(&self) -> Lock<'_, T> {
        Lock { mutex: self, ticket: 0, task: Id::NONE }
    }

    /// The guard, if the mutex is free now.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let mut queue = self.queue.borrow_mut();
        if queue.turn != 0 {
            return None;
        }
        core::current(|core| queue.belong_to(core));
        queue.turn = queue.draw();
        drop(queue);
        Some(self.guard())
    }

    fn guard(&self) -> MutexGuard<'_, T> {
        MutexGuard { value: Some(self.value.borrow_mut()), mutex: self }
    }

    fn unlock(&self) {
        self.queue.borrow_mut().pass_on();
    }

    /// The value, without locking: nobody else has the mutex.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }

    fn peek(&self) -> Option<Ref<'_, T>> {
        self.value.try_borrow().ok()
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.peek() {
            Some(value) => f.debug_tuple("Mutex").field(&*value).finish(),
            None => f.write_str("Mutex(<locked>)"),
        }
    }
}

/// What [`Mutex::lock`] gives; `call!` it.
#[must_use = "a lock does nothing until it is called: `call!(mutex.lock())`"]
pub struct Lock<'a, T> {
    mutex: &'a Mutex<T>,
    /// 0 before it waits, and after it has the mutex.
    ticket: Ticket,
    /// Who waits.
    task: Id,
}

impl<'a, T> Future for Lock<'a, T> {
    type Output = MutexGuard<'a, T>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<MutexGuard<'a, T>> {
        let mutex = self.mutex;
        core::with(|core| {
            let mut queue = mutex.queue.borrow_mut();
            queue.belong_to(core);
            if self.ticket == 0 && queue.turn == 0 {
                queue.turn = queue.draw();
                return Poll::Ready(mutex.guard());
            }
            let task = core.engine.waiting_task();
            if self.ticket == 0 {
                self.ticket = queue.draw();
                self.task = task;
                let waiter = (self.ticket, task);
                // Those that have given up are in the way, if the mutex is held for long.
                if queue.waiting.len() == queue.waiting.capacity() {
                    queue.waiting.retain(|(_, task)| core.engine.is_alive(*task));
                }
                queue.waiting.push_back(waiter);
            } else if queue.turn == self.ticket {
                self.ticket = 0;
                return Poll::Ready(mutex.guard());
            } else if self.task != task {
                // It was moved to another task meanwhile.
                self.task = task;
                let ticket = self.ticket;
                queue.waiting.iter_mut().filter(|waiter| waiter.0 == ticket).for_each(|waiter| waiter.1 = task);
            }
            core.engine.park();
            Poll::Pending
        })
    }
}

impl<T> Drop for Lock<'_, T> {
    fn drop(&mut self) {
        let ticket = self.ticket;
        if ticket == 0 {
            return;
        }
        let mut queue = self.mutex.queue.borrow_mut();
        if queue.turn == ticket {
            // Handed over, and never taken.
            queue.pass_on();
        } else if queue.run.core().is_some_and(|core| core.engine.is_alive(self.task)) {
            // One whose task is gone is passed over when its turn comes; to look for each would be quadratic when many are dropped.
            queue.waiting.retain(|(other, _)| *other != ticket);
        }
    }
}

impl<T> fmt::Debug for Lock<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").field("waits", &(self.ticket != 0)).finish()
    }
}

#[diagnostic::do_not_recommend]
impl<'a, T> IsTask for Lock<'a, T> {
    type Output = MutexGuard<'a, T>;
    type Future = Self;
    type Called = Self;

    fn called(future: Self, _: Sealed) -> Self {
        future
    }
}

#[diagnostic::do_not_recommend]
impl<S, T> Task<S> for Lock<'_, T> {
    fn into_future(self, _: Sealed) -> Self {
        self
    }
}

/// The mutex is locked as long as this is there.
#[must_use = "the mutex is free again as soon as this is dropped"]
pub struct MutexGuard<'a, T> {
    /// Gone in the destructor, before the mutex is passed on.
    value: Option<RefMut<'a, T>>,
    mutex: &'a Mutex<T>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.value {
            Some(value) => value,
            None => unreachable!("only the destructor takes it"),
        }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.value {
            Some(value) => value,
            None => unreachable!("only the destructor takes it"),
        }
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        self.value = None;
        self.mutex.unlock();
    }
}

impl<T: fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
