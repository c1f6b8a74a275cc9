//! What many tests need: something that counts its destructors, and a task that shows that a
//! schedule still works. It is a crate, so that it is compiled once for all test binaries.

pub mod executor;
pub mod heap;
pub mod threads;
pub mod timeline;
pub mod user_code;
pub mod workers;

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use corio::{Error, Schedule, Task};

/// Runs a task in a schedule of its own.
pub fn run<T>(task: impl Task<(), Output = T>) -> T {
    Schedule::new(()).run(task).unwrap()
}

/// Polls a run once.
pub fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// The message of a panic that must come.
#[track_caller]
pub fn message<T>(panics: impl FnOnce() -> T) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(panics)) else { panic!("this must panic") };
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => payload.downcast::<&str>().expect("a panic with a message").to_string(),
    }
}

/// Fails a program that hangs.
#[track_caller]
pub fn ends<T: Send + 'static>(program: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(program()));
    receiver.recv_timeout(Duration::from_secs(20)).expect("it ends, and does not hang")
}

/// Answers at once.
#[corio::dispatcher(show_keys)]
pub fn double(keys: &[u64]) -> Vec<u64> {
    keys.iter().map(|key| key * 2).collect()
}

/// Asks, spawns and waits in several ways; gives 10.
#[corio::task]
pub fn healthy() -> u64 {
    let twice = io!(double(1));
    let more: Vec<u64> = io_all!((0..3).map(double));
    let handle = spawn!(double(twice));
    call!(handle) + more.iter().sum::<u64>()
}

thread_local! {
    /// What `gated` waits for, and who is to be woken then.
    static OPEN: Cell<bool> = const { Cell::new(false) };
    static WAKERS: RefCell<Vec<Waker>> = const { RefCell::new(Vec::new()) };
}

/// Answers once the test opens.
#[corio::dispatcher(show_keys)]
pub async fn gated(keys: &[u64]) -> Vec<u64> {
    poll_fn(|context| {
        if OPEN.get() {
            return Poll::Ready(());
        }
        WAKERS.with_borrow_mut(|wakers| wakers.push(context.waker().clone()));
        Poll::Pending
    })
    .await;
    keys.to_vec()
}

/// Lets `gated` answer, or has it wait from now on.
pub fn set_open(open: bool) {
    OPEN.set(open);
    take_wakers().into_iter().for_each(Waker::wake);
}

/// The wakers of those that wait, for a test that wakes them late.
pub fn take_wakers() -> Vec<Waker> {
    WAKERS.take()
}

/// The time limit that ended a run, which must have come to that end.
#[track_caller]
pub fn time_limit<T: Debug>(end: Result<T, Error>) -> Duration {
    match end {
        Err(Error::TimedOut { limit, .. }) => limit,
        end => panic!("its time limit must end this run, not {end:?}"),
    }
}

/// Words in the order in which tasks and observers say them.
#[derive(Default)]
pub struct Diary(Mutex<Vec<String>>);

impl Diary {
    /// Adds a word.
    pub fn say(&self, word: impl Into<String>) {
        self.0.lock().unwrap().push(word.into());
    }

    /// What was said so far; it begins anew.
    pub fn take(&self) -> String {
        std::mem::take(&mut *self.0.lock().unwrap()).join(", ")
    }
}

/// A number that tasks, observers and clocks can share with the test, although they are `Send`.
#[derive(Clone, Default)]
pub struct Number(Arc<AtomicUsize>);

impl Number {
    /// The number.
    pub fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// It is another one.
    pub fn set(&self, number: usize) {
        self.0.store(number, Ordering::SeqCst);
    }

    /// It is so much more.
    pub fn add(&self, more: usize) {
        self.0.fetch_add(more, Ordering::SeqCst);
    }

    /// The number, which begins anew.
    pub fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

/// Goes on after so many rounds.
#[corio::task]
pub fn rounds(count: u64) {
    for round in 0..count {
        io!(double(round));
    }
}

/// So many rounds that they are never over. Who races against them begins when those do that race
/// against a few.
pub const FOR_EVER: u64 = 1000;

/// Where a deadlock text names lines of this file, `LINE`.
pub fn without_lines(text: &str) -> String {
    let mut words = text.split(' ').map(|word| if word.contains(".rs:") { "LINE" } else { word });
    let first = words.next().unwrap_or_default().to_string();
    words.fold(first, |text, word| text + " " + word)
}

/// How often something was built and dropped.
#[derive(Clone, Default)]
pub struct Counts {
    built: Number,
    dropped: Number,
}

/// Is counted.
pub struct Counted(Counts);

impl Counts {
    /// Builds one.
    pub fn one(&self) -> Counted {
        self.built.add(1);
        Counted(self.clone())
    }

    /// How many were built.
    pub fn built(&self) -> usize {
        self.built.get()
    }

    /// How many are not dropped yet.
    pub fn alive(&self) -> usize {
        self.built.get() - self.dropped.get()
    }

    /// Something was built, and all of it dropped.
    #[track_caller]
    pub fn check(&self) {
        assert!(self.built.get() > 0);
        self.check_built(self.built.get());
    }

    /// So many were built, and all of them dropped.
    #[track_caller]
    pub fn check_built(&self, built: usize) {
        assert_eq!((self.built.get(), self.dropped.get()), (built, built), "built, dropped");
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dropped.add(1);
    }
}
