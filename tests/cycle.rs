//! The cycle: every task that can run runs until none can, and only then does each dispatcher get everything that was asked of it.

use std::cell::RefCell;
use std::future::poll_fn;
use std::hint::black_box;
use std::rc::Rc;
use std::task::Poll;

use corio::sync::Mutex;
use corio::{Batch, Context, Log, Schedule, Task};
use expect_test::{Expect, expect};

/// Answers with the key, and shows in the log what left together.
#[corio::dispatcher(show_keys)]
fn store(keys: &[String]) -> Vec<String> {
    keys.to_vec()
}

/// As `store`, for programs with more keys than a log can show.
#[corio::dispatcher]
fn count(keys: &[usize]) -> Vec<usize> {
    keys.to_vec()
}

fn check(program: impl Task<()>, batches: Expect) {
    let log = Log::new();
    Schedule::new(()).observe(log.observer()).run(program).unwrap();
    batches.assert_eq(&log.to_string());
}

#[corio::task]
fn crud(i: usize) {
    io!(store(format!("create {i}")));
    io!(store(format!("read {i}")));
    io!(store(format!("update {i}")));
    io!(store(format!("delete {i}")));
}

#[corio::task]
fn ten_cruds() {
    for i in 0..10 {
        spawn!(crud(i));
    }
}

#[test]
fn ten_tasks_that_ask_four_things_each_make_four_batches_of_ten() {
    check(ten_cruds(), expect![[""]]);
}

#[test]
fn a_batch_has_its_requests_in_the_order_asked() {
    #[corio::task]
    fn leaf(name: &'static str) {
        io!(store(name.into()));
    }

    #[corio::task]
    fn branch(name: &'static str, child: &'static str) {
        spawn!(leaf(child));
        io!(store(name.into()));
    }

    // Children run after those who were ready before them, though they were spawned first in the text.
    #[corio::task]
    fn program() {
        spawn!(branch("first child", "first grandchild"));
        spawn!(branch("second child", "second grandchild"));
        io!(store("root".into()));
    }

    check(program(), expect![[""]]);
}

#[test]
fn tasks_resume_in_the_order_in_which_they_asked() {
    #[corio::task]
    fn twice(name: &'static str) {
        io!(store(format!("{name} 1")));
        io!(store(format!("{name} 2")));
    }

    #[corio::task]
    fn late(name: &'static str) {
        // Its own child goes first, so it asks last in the first round, and is resumed last.
        call!(spawn!(task! {}));
        call!(twice(name));
    }

    #[corio::task]
    fn program() {
        spawn!(late("late"));
        spawn!(twice("early"));
        spawn!(twice("next"));
    }

    check(program(), expect![[""]]);
}

#[test]
fn several_requests_at_once_keep_their_order_within_the_batch() {
    #[corio::task]
    fn pair(name: &'static str) {
        io!(store(format!("{name} left")), store(format!("{name} right")));
        io_all!((1..=3).map(|n| store(format!("{name} {n}"))));
    }

    #[corio::task]
    fn program() {
        spawn!(pair("a"));
        spawn!(pair("b"));
    }

    check(program(), expect![[""]]);
}

#[test]
fn the_dispatcher_that_is_first_asked_goes_first() {
    #[corio::dispatcher(show_keys)]
    fn alpha(keys: &[u32]) -> Vec<u32> {
        keys.to_vec()
    }

    #[corio::dispatcher(show_keys)]
    fn beta(keys: &[u32]) -> Vec<u32> {
        keys.to_vec()
    }

    #[corio::task]
    fn program() {
        io!(beta(1), alpha(2), beta(3));
        io!(alpha(4), beta(5));
        // In the first round beta was first: that one is forgotten, and so is where their queues stand.
        io!(alpha(6));
        io!(beta(7), alpha(8));
    }

    check(program(), expect![[""]]);
}

/// What dispatchers did, in order.
#[derive(Default)]
struct Trace(RefCell<Vec<String>>);

impl Trace {
    fn note(&self, line: impl Into<String>) {
        self.0.borrow_mut().push(line.into());
    }

    fn check(&self, expect: Expect) {
        expect.assert_eq(&self.0.borrow().join("\n"));
    }
}

#[derive(Context, Default)]
struct Traced {
    trace: Trace,
}

#[test]
fn concurrent_dispatchers_start_before_an_inline_one_runs() {
    #[corio::dispatcher]
    fn inline(trace: &Trace, keys: &[u32]) -> Vec<u32> {
        trace.note(format!("inline {keys:?} runs"));
        keys.to_vec()
    }

    #[corio::dispatcher]
    async fn later(trace: &Trace, keys: &[u32]) -> Vec<u32> {
        trace.note(format!("async {keys:?} starts"));
        once_pending().await;
        trace.note(format!("async {keys:?} ends"));
        keys.to_vec()
    }

    #[corio::dispatcher]
    fn slots(trace: &Trace, batch: Batch<u32, u32>) {
        trace.note(format!("batch {:?} starts", batch.keys().collect::<Vec<_>>()));
        for slot in batch {
            slot.answer_with(|key| key);
        }
    }

    #[corio::task(Traced)]
    fn program() {
        // The inline one is asked first, and still waits until the others are on their way.
        io!(inline(1), later(2), slots(3), inline(4));
    }

    let mut schedule = Schedule::new(Traced::default());
    schedule.run(program()).unwrap();
    schedule.context().trace.check(expect![[""]]);
}

/// Pending once, and then ready: an answer that is not there at once.
async fn once_pending() {
    let mut polled = false;
    poll_fn(|context| {
        if polled {
            return Poll::Ready(());
        }
        polled = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn all_answers_that_are_there_are_taken_before_tasks_run() {
    #[corio::dispatcher]
    fn inline(keys: &[u32]) -> Vec<u32> {
        keys.to_vec()
    }

    #[corio::dispatcher]
    async fn ready_at_once(keys: &[u32]) -> Vec<u32> {
        keys.to_vec()
    }

    #[corio::dispatcher]
    fn slots(batch: Batch<u32, u32>) {
        for slot in batch {
            slot.answer_with(|key| key);
        }
    }

    // Three ways to the first answer; they go on together, as the log of the second request shows.
    #[corio::task]
    fn program() {
        spawn!(task! { io!(inline(1)); io!(store("after inline".into())); });
        spawn!(task! { io!(ready_at_once(2)); io!(store("after async".into())); });
        spawn!(task! { io!(slots(3)); io!(store("after slots".into())); });
    }

    let log = Log::new();
    Schedule::new(()).observe(log.observer()).run(program()).unwrap();
    let stored: Vec<_> = log.take().lines().filter(|line| line.contains("store")).map(str::to_owned).collect();
    assert_eq!(stored.len(), 1, "{stored:#?}");
    for which in ["inline", "async", "slots"] {
        assert!(stored[0].contains(which), "{stored:#?}");
    }
}

#[test]
fn parts_of_a_batch_that_are_answered_together_are_resumed_together() {
    #[corio::dispatcher(max_batch = 2)]
    fn parts(keys: &[u32]) -> Vec<u32> {
        keys.to_vec()
    }

    #[corio::task]
    fn two_steps(i: u32) {
        io!(parts(i));
        io!(store(i.to_string()));
    }

    #[corio::task]
    fn program() {
        for i in 0..5 {
            spawn!(two_steps(i));
        }
    }

    check(program(), expect![[""]]);
}

#[derive(Context, Default)]
struct Race {
    quick_batches: QuickBatches,
}

#[derive(Default)]
struct QuickBatches(std::cell::Cell<u32>);

#[test]
fn a_slow_batch_does_not_hold_the_others() {
    // As slow as can be: it ends only after three batches that the others ask for one after the other. If they had to wait for it, it would give up.
    #[corio::dispatcher(show_keys)]
    async fn slow(quick_batches: &QuickBatches, keys: &[u32]) -> Vec<u32> {
        let mut polls = 0;
        poll_fn(|context| {
            polls += 1;
            assert!(polls < 10_000, "the others wait for the slow batch");
            context.waker().wake_by_ref();
            if quick_batches.0.get() < 3 { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
        keys.to_vec()
    }

    #[corio::dispatcher(show_keys)]
    fn quick(quick_batches: &QuickBatches, keys: &[u32]) -> Vec<u32> {
        quick_batches.0.set(quick_batches.0.get() + 1);
        keys.to_vec()
    }

    #[corio::task(Race)]
    fn three_quick() {
        for i in 1..=3 {
            io!(quick(i));
        }
    }

    #[corio::task(Race)]
    fn one_slow() {
        io!(slow(0));
        io!(quick(4));
    }

    #[corio::task(Race)]
    fn program() {
        join!(one_slow(), three_quick());
    }

    let log = Log::new();
    Schedule::new(Race::default()).observe(log.observer()).run(program()).unwrap();
    expect![[""]].assert_eq(&log.to_string());
}

/// 1000 tasks of two requests, where every other one does something between the two. Whatever that is, as long as it needs no answer, the batches stay whole.
fn check_uneven<T: Task<()> + 'static>(between: fn() -> T) {
    #[corio::task]
    fn uneven<T: Task<()> + 'static>(i: usize, between: Option<T>) {
        io!(count(i));
        if let Some(between) = between {
            call!(between);
        }
        io!(count(i));
    }

    // Generic over the task in between, which runs under `()` alone.
    let program = corio::task_fn(async |cx: corio::Cx<'_, ()>| {
        for i in 0..1000 {
            cx.spawn(uneven(i, (i % 2 == 0).then(between)));
        }
    });
    let log = Log::new();
    Schedule::new(()).observe(log.observer()).run(program).unwrap();
    assert_eq!(log.take().lines().count(), 2);
}
