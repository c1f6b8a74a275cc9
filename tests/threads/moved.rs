//! A run that is polled on another thread each time, begun here and dropped there, does what it
//! does on one thread.

#![expect(clippy::vec_box, reason = "answers have memory of their own, for sanitizers to watch")]

use std::collections::HashMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use corio::sync::{Mutex, RunCell};
use corio::testing::VirtualClock;
use corio::{CancellationToken, Error, Schedule};
use support::threads::{elsewhere, everywhere};

/// Pending once, and woken from another thread.
struct Elsewhere(bool);

impl Future for Elsewhere {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        let waker = context.waker().clone();
        thread::spawn(move || waker.wake());
        Poll::Pending
    }
}

fn elsewhere_once() -> Elsewhere {
    Elsewhere(false)
}

struct Db(Box<[u64]>);

fn db() -> Db {
    Db(Box::new([5]))
}

#[corio::dispatcher(show_keys)]
async fn fetch(db: &Db, ids: &[u64]) -> Vec<String> {
    elsewhere_once().await;
    ids.iter().map(|id| (db.0[0] + id).to_string()).collect()
}

#[corio::dispatcher(read, faults = "error", max_in_flight = 4)]
async fn cached(db: &Db, ids: Vec<u64>) -> Result<HashMap<u64, Box<u64>>, String> {
    elsewhere_once().await;
    Ok(ids.into_iter().map(|id| (id, Box::new(db.0[0] + id))).collect())
}

#[corio::dispatcher(cache = "schedule", by = |db: &Db| db.0[0])]
fn kept(db: &Db, ids: &[u64]) -> Vec<Box<u64>> {
    ids.iter().map(|id| Box::new(*id + db.0[0])).collect()
}

#[corio::dispatcher]
fn slots(batch: corio::Batch<u64, Box<u64>>) {
    thread::spawn(move || batch.into_iter().for_each(|slot| slot.answer_with(Box::new)));
}

#[corio::dispatcher(blocking)]
fn blocks(ids: &[u64]) -> Vec<Box<u64>> {
    ids.iter().map(|id| Box::new(*id)).collect()
}

#[corio::task(Db)]
fn leaf(id: u64) -> Box<u64> {
    let text = io!(fetch(id));
    Box::new(text.len() as u64)
}

#[corio::task(Db)]
fn walk(n: u64) -> u64 {
    let here = *io!(slots(n));
    if n == 0 {
        return here;
    }
    let handle = spawn!(walk(n - 1));
    let called = call!(walk(n - 1));
    let all = all!((0..2).map(leaf));
    called + call!(handle) + all.len() as u64
}

#[corio::task(Db)]
fn locks(mutex: &Mutex<Box<u64>>, cell: &RunCell<u64>) {
    let mut guard = call!(mutex.lock());
    let text = io!(fetch(**guard));
    **guard += text.len() as u64;
    cell.set(cell.get() + 1);
}

/// Uses everything once.
#[corio::task(Db)]
fn everything() -> u64 {
    let (mutex, cell) = (Mutex::new(Box::new(1)), RunCell::new(0));
    all!((0..3).map(|_| locks(&mutex, &cell)));
    let (a, b) = join!(leaf(1), walk(2));
    let c = race!(leaf(1), leaf(2));
    let d = all!(limit = 2, (0..4).map(leaf));
    let e = io!(cached(1)).unwrap().unwrap();
    let f = io!(cached(1)).unwrap().unwrap();
    let g = io!(kept(7));
    let h = io!(corio::future(async {
        elsewhere_once().await;
        Box::new(3)
    }));
    let i = timeout!(Duration::from_secs(60), leaf(3)).unwrap();
    let j = io!(blocks(2));
    let handle = spawn!(leaf(9));
    io!(fetch(1));
    let guard = call!(mutex.lock());
    let locked = **guard + cell.get();
    locked + *a + b + *c + d.len() as u64 + *e + *f + *g + *h + *i + *j + *call!(handle)
}

#[test]
fn each_poll_on_another_thread_gives_what_one_thread_gives() {
    let db = db();
    let expected = Schedule::new(&db).run(everything()).unwrap();
    let events = Arc::new(StdMutex::new(0));
    let count = events.clone();
    let observer = move |_: &corio::Event<'_>| *count.lock().unwrap() += 1;
    let mut schedule = Schedule::new(&db).yield_every(2).observe(observer);
    assert_eq!(everywhere(schedule.run_async(everything())), Ok(expected));
    // The next run on another thread, and the one after that on many again.
    let mut schedule = elsewhere(schedule, |mut schedule| {
        assert_eq!(schedule.run(everything()), Ok(expected));
        schedule
    });
    assert_eq!(everywhere(schedule.run_async(everything())), Ok(expected));
    assert!(*events.lock().unwrap() > 300);
}

/// Steps without end, but for that of `steps`.
#[corio::task]
fn moves(steps: u64) -> u64 {
    let mut sum = 0;
    let held = Box::new(1);
    for step in 0..steps {
        let answer = io!(corio::future(async move {
            elsewhere_once().await;
            Box::new(step)
        }));
        sum += *answer.min(held.clone());
    }
    sum
}

#[test]
fn a_run_moves_a_thousand_times() {
    assert_eq!(everywhere(Schedule::new(()).run_async(moves(1000))), Ok(999));
}

#[test]
fn a_run_dropped_half_way_elsewhere_leaves_the_schedule_usable() {
    let db = db();
    let mut schedule = Schedule::new(&db).yield_every(3);
    for polls in 0..20 {
        let mut run = Box::pin(schedule.run_async(everything()));
        for _ in 0..polls {
            run = elsewhere(run, |mut run| {
                let _ = run.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                run
            });
        }
        elsewhere(run, drop);
    }
    assert_eq!(schedule.run(leaf(1)), Ok(Box::new(1)));
}

#[corio::task(Db)]
fn panics_at_last() -> u64 {
    let held = Box::new(1);
    spawn!(walk(2));
    io!(fetch(1));
    panic!("after {held} wait")
}

#[test]
fn a_panic_leaves_the_run_wherever_it_is() {
    let db = db();
    let mut schedule = Schedule::new(&db);
    let run = AssertUnwindSafe(|| everywhere(schedule.run_async(panics_at_last())));
    let panic = catch_unwind(run).unwrap_err();
    assert_eq!(*panic.downcast::<String>().unwrap(), "after 1 wait");
    assert_eq!(schedule.run(leaf(1)), Ok(Box::new(1)));
}

#[corio::task(Db)]
fn never_ends() {
    spawn!(walk(1));
    io!(corio::future(std::future::pending::<()>()));
}

#[test]
fn a_token_cancels_a_run_wherever_it_is() {
    let db = db();
    let token = CancellationToken::new();
    let mut schedule = Schedule::new(&db).cancel_on(&token);
    let canceller = token.clone();
    let cancels = thread::spawn(move || {
        thread::yield_now();
        canceller.cancel();
    });
    assert_eq!(everywhere(schedule.run_async(never_ends())), Err(Error::Cancelled));
    cancels.join().unwrap();
}

#[corio::task(VirtualClock)]
fn sleeps(clock: VirtualClock) -> bool {
    let limit = Duration::from_secs(1);
    timeout!(limit, corio::future(async move { clock.sleep(Duration::from_secs(5)).await }))
        .is_err()
}

#[test]
fn time_goes_on_wherever_the_run_is() {
    let clock = VirtualClock::new();
    let mut schedule = Schedule::new(&clock).clock(clock.clone());
    assert_eq!(everywhere(schedule.run_async(sleeps(clock.clone()))), Ok(true));
    assert_eq!(clock.now(), Duration::from_secs(1));
}

/// Says when it is dropped.
struct Says(Arc<StdMutex<Vec<&'static str>>>, &'static str);

impl Drop for Says {
    fn drop(&mut self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(self.1);
    }
}

type Said = Arc<StdMutex<Vec<&'static str>>>;

#[corio::dispatcher]
async fn never(said: &Said, keys: &[u64]) -> Vec<u64> {
    let _says = Says(said.clone(), "dispatcher");
    std::future::pending::<()>().await;
    keys.to_vec()
}

#[corio::task(Said)]
fn child() {
    let _says = Says(context!().clone(), "child");
    io!(never(1));
}

#[corio::task(Said)]
fn parent() {
    let _says = Says(context!().clone(), "parent");
    spawn!(child());
    io!(never(2));
}

#[corio::task]
fn calls(act: &(dyn Fn() + Sync)) {
    act();
}

#[test]
fn a_run_dropped_elsewhere_drops_children_first() {
    let said = Said::default();
    let mut schedule = Schedule::new(&said);
    let mut run = Box::pin(schedule.run_async(parent()));
    assert!(run.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    elsewhere(run, drop);
    assert_eq!(
        said.lock().unwrap().drain(..).collect::<Vec<_>>(),
        ["child", "parent", "dispatcher"]
    );
    // Also in the midst of another run.
    let mut run = Box::pin(schedule.run_async(parent()));
    assert!(run.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let run = StdMutex::new(Some(run));
    elsewhere((), |()| {
        let drops = || drop(run.lock().unwrap().take());
        Schedule::new(()).run(calls(&drops)).unwrap();
    });
    assert_eq!(
        said.lock().unwrap().drain(..).collect::<Vec<_>>(),
        ["child", "parent", "dispatcher"]
    );
}

#[test]
fn what_is_not_send_runs_on_one_thread_and_leaves_a_schedule_that_is() {
    use std::rc::Rc;

    #[corio::dispatcher(cache)]
    async fn local(ids: &[u64]) -> Vec<Rc<u64>> {
        let held = Rc::new(1);
        std::future::ready(()).await;
        ids.iter().map(|id| Rc::new(id + *held)).collect()
    }

    #[corio::task]
    fn not_send() -> u64 {
        let held = Rc::new(1);
        *io!(local(1)) + *held + *io!(local(1))
    }

    let mut schedule = Schedule::new(());
    assert_eq!(schedule.run(not_send()), Ok(5));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    assert_eq!(runtime.block_on(schedule.run_local(not_send())), Ok(5));
    let set = tokio::task::LocalSet::new();
    let local = set.run_until(async {
        let run = async { Schedule::new(()).run_local(not_send()).await };
        tokio::task::spawn_local(run).await.unwrap()
    });
    assert_eq!(runtime.block_on(local), Ok(5));
    // Nothing is left in it of what was not.
    elsewhere(schedule, |mut schedule| assert_eq!(schedule.run(moves(2)), Ok(1)));
}
