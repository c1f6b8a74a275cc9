//! An executor for tests of what goes on between tasks: one thread, tasks run in the order in which
//! they were woken, and virtual time passes when none can. So a test sees the same each time.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use corio::Work;
use corio::testing::VirtualClock;

/// So long the executor waits for other threads before it says that nothing comes any more.
const PATIENCE: Duration = Duration::from_secs(10);

/// The executor; clones are the same one.
#[derive(Clone, Default)]
pub struct Executor {
    queue: Arc<Queue>,
    handles: Arc<()>,
    clock: VirtualClock,
}

#[derive(Default)]
struct Queue {
    is_gone: AtomicBool,
    ready: Mutex<VecDeque<Arc<Job>>>,
    /// The jobs that are not over.
    jobs: Mutex<Vec<Weak<Job>>>,
    arrived: Condvar,
}

struct Job {
    /// Absent for the future that `block_on` polls itself, and when it is over.
    work: Mutex<Option<Work>>,
    is_queued: Mutex<bool>,
    queue: Arc<Queue>,
}

impl Job {
    fn new(work: Option<Work>, queue: Arc<Queue>) -> Arc<Self> {
        Arc::new(Job { work: Mutex::new(work), is_queued: Mutex::new(false), queue })
    }
}

impl Wake for Job {
    fn wake(self: Arc<Self>) {
        let queue = self.queue.clone();
        if queue.is_gone.load(Ordering::Relaxed) {
            return;
        }
        if !std::mem::replace(&mut *self.is_queued.lock().unwrap(), true) {
            queue.ready.lock().unwrap().push_back(self);
            queue.arrived.notify_all();
        }
    }
}

impl Executor {
    /// One without tasks, at time zero.
    pub fn new() -> Self {
        Executor::default()
    }

    /// The time of this executor.
    pub fn clock(&self) -> VirtualClock {
        self.clock.clone()
    }

    /// Runs a future beside others.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        spawn(Box::pin(work), &self.queue);
    }

    /// For `Hub::new`.
    pub fn spawner(&self) -> impl Fn(Work) + Send + Sync + 'static {
        let queue = self.queue.clone();
        move |work| spawn(work, &queue)
    }

    /// Runs everything until `future` is ready.
    ///
    /// # Panics
    /// If it never will be.
    #[track_caller]
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let main = Job::new(None, self.queue.clone());
        main.clone().wake();
        loop {
            let job = self.next().expect("nothing can run any more, and the future is not ready");
            if !Arc::ptr_eq(&job, &main) {
                run(&job);
                continue;
            }
            *job.is_queued.lock().unwrap() = false;
            let waker = Waker::from(job);
            let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
            if let Poll::Ready(output) = polled {
                return output;
            }
        }
    }

    /// Runs what can run now; no time passes.
    pub fn turn(&self) {
        while self.run_next() {}
    }

    /// How many of the futures that were spawned are not over.
    pub fn jobs(&self) -> usize {
        self.queue.jobs.lock().unwrap().iter().filter(|job| job.strong_count() > 0).count()
    }

    /// Runs what can run, and lets time pass, until nothing is left that can.
    pub fn settle(&self) {
        loop {
            self.turn();
            corio::Clock::idle(&self.clock);
            if self.queue.ready.lock().unwrap().is_empty() {
                return;
            }
        }
    }

    /// Runs one job that can run; false if there is none.
    fn run_next(&self) -> bool {
        let job = self.queue.ready.lock().unwrap().pop_front();
        job.iter().for_each(run);
        job.is_some()
    }

    /// The next job; virtual time passes if there is none, and then real time.
    fn next(&self) -> Option<Arc<Job>> {
        let take = || self.queue.ready.lock().unwrap().pop_front();
        take()
            .or_else(|| {
                corio::Clock::idle(&self.clock);
                take()
            })
            .or_else(|| {
                let ready = self.queue.ready.lock().unwrap();
                let wait = self
                    .queue
                    .arrived
                    .wait_timeout_while(ready, PATIENCE, |ready| ready.is_empty());
                wait.unwrap().0.pop_front()
            })
    }
}

fn spawn(work: Work, queue: &Arc<Queue>) {
    if queue.is_gone.load(Ordering::Relaxed) {
        return;
    }
    let job = Job::new(Some(work), queue.clone());
    queue.jobs.lock().unwrap().push(Arc::downgrade(&job));
    job.wake();
}

fn run(job: &Arc<Job>) {
    *job.is_queued.lock().unwrap() = false;
    let work = job.work.lock().unwrap().take();
    let Some(mut work) = work else { return };
    let waker = Waker::from(job.clone());
    if Pin::new(&mut work).poll(&mut Context::from_waker(&waker)).is_pending() {
        *job.work.lock().unwrap() = Some(work);
    }
}

/// Work that waits is dropped: nobody would ever poll it.
impl Drop for Executor {
    fn drop(&mut self) {
        // Of the clones the last.
        if Arc::strong_count(&self.handles) == 1 {
            self.queue.is_gone.store(true, Ordering::Relaxed);
            let ready = std::mem::take(&mut *self.queue.ready.lock().unwrap());
            let jobs = std::mem::take(&mut *self.queue.jobs.lock().unwrap());
            drop(ready);
            for job in jobs.iter().filter_map(Weak::upgrade) {
                let work = job.work.lock().unwrap().take();
                drop(work);
            }
        }
    }
}

/// Lets everything else that can run run first.
pub fn yield_now() -> impl Future<Output = ()> + Send {
    // The closure owns what it changes: as a local of an `async fn`, Miri would take it for aliased
    // where a future is in a `JoinAll`, which is `Unpin`.
    let mut has_yielded = false;
    std::future::poll_fn(move |context| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
}
