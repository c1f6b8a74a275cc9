//! The cycle: every task that can run runs until none can, and only then does each dispatcher get
//! everything that was asked of it.

use std::cell::{Cell, RefCell};
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
    check(
        ten_cruds(),
        expect![[r#"
        round 1: store["create 0", "create 1", "create 2", "create 3", "create 4", "create 5", "create 6", "create 7", "create 8", "create 9"]
        round 2: store["read 0", "read 1", "read 2", "read 3", "read 4", "read 5", "read 6", "read 7", "read 8", "read 9"]
        round 3: store["update 0", "update 1", "update 2", "update 3", "update 4", "update 5", "update 6", "update 7", "update 8", "update 9"]
        round 4: store["delete 0", "delete 1", "delete 2", "delete 3", "delete 4", "delete 5", "delete 6", "delete 7", "delete 8", "delete 9"]
    "#]],
    );
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

    // Children run after those who were ready before them, though they were spawned first in the
    // text.
    #[corio::task]
    fn program() {
        spawn!(branch("first child", "first grandchild"));
        spawn!(branch("second child", "second grandchild"));
        io!(store("root".into()));
    }

    check(
        program(),
        expect![[r#"
        round 1: store["root", "first child", "second child", "first grandchild", "second grandchild"]
    "#]],
    );
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

    check(
        program(),
        expect![[r#"
        round 1: store["early 1", "next 1", "late 1"]
        round 2: store["early 2", "next 2", "late 2"]
    "#]],
    );
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

    check(
        program(),
        expect![[r#"
        round 1: store["a left", "a right", "b left", "b right"]
        round 2: store["a 1", "a 2", "a 3", "b 1", "b 2", "b 3"]
    "#]],
    );
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
        // In the first round beta was first: that one is forgotten, and so is where their queues
        // stand.
        io!(alpha(6));
        io!(beta(7), alpha(8));
    }

    check(
        program(),
        expect![[r#"
        round 1: beta[1, 3]
        round 1: alpha[2]
        round 2: alpha[4]
        round 2: beta[5]
        round 3: alpha[6]
        round 4: beta[7]
        round 4: alpha[8]
    "#]],
    );
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
    schedule.context().trace.check(expect![[r#"
        async [2] starts
        batch [3] starts
        inline [1, 4] runs
        async [2] ends"#]]);
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
    let stored: Vec<_> =
        log.take().lines().filter(|line| line.contains("store")).map(str::to_owned).collect();
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

    check(
        program(),
        expect![[r#"
            round 1: parts[2 keys]
            round 1: parts[2 keys]
            round 1: parts[1 key]
            round 2: store["0", "1", "2", "3", "4"]
        "#]],
    );
}

#[derive(Context, Default)]
struct Race {
    quick_batches: QuickBatches,
}

#[derive(Default)]
struct QuickBatches(Cell<u32>);

#[test]
fn a_slow_batch_does_not_hold_the_others() {
    // As slow as can be: it ends only after three batches that the others ask for one after the
    // other. If they had to wait for it, it would give up.
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
    expect![[r#"
        round 1: slow[0]
        round 1: quick[1]
        round 2: quick[2]
        round 3: quick[3]
        round 4: quick[4]
    "#]]
    .assert_eq(&log.to_string());
}

/// 1000 tasks of two requests, where every other one does something between the two. Whatever that
/// is, as long as it needs no answer, the batches stay whole.
fn check_uneven<T: Task<()> + 'static>(between: impl Fn() -> T + 'static) {
    #[corio::task(())]
    fn uneven<T: Task<()>>(i: usize, between: Option<T>) {
        io!(count(i));
        if let Some(between) = between {
            call!(between);
        }
        io!(count(i));
    }

    #[corio::task(())]
    fn program<T: Task<()> + 'static>(between: impl Fn() -> T) {
        for i in 0..1000 {
            spawn!(uneven(i, (i % 2 == 0).then(&between)));
        }
    }

    check(
        program(between),
        expect![[r#"
            round 1: count[1000 keys]
            round 2: count[1000 keys]
        "#]],
    );
}

#[test]
fn tasks_that_compute_long_do_not_split_batches() {
    #[corio::task]
    fn compute() {
        for n in 0..1000 {
            black_box(n);
        }
    }

    check_uneven(compute);
}

#[test]
fn tasks_that_lock_a_free_mutex_do_not_split_batches() {
    #[corio::task]
    fn lock(mutex: Rc<Mutex<u32>>) {
        *call!(mutex.lock()) += 1;
    }

    let mutex = Rc::new(Mutex::new(0));
    check_uneven({
        let mutex = mutex.clone();
        move || lock(mutex.clone())
    });
    assert_eq!(Rc::into_inner(mutex).unwrap().into_inner(), 500);
}

#[test]
fn tasks_that_spawn_do_not_split_batches() {
    #[corio::task]
    fn spawn_and_wait(depth: u32) {
        if depth > 0 {
            spawn!(spawn_and_wait(depth - 1));
            wait!();
        }
    }

    check_uneven(|| spawn_and_wait(3));
}

#[test]
fn tasks_that_join_children_do_not_split_batches() {
    #[corio::task]
    fn leaf() {}

    #[corio::task]
    fn join() {
        join!(leaf(), leaf());
        all!((0..3).map(|_| leaf()));
        let handle = spawn!(leaf());
        call!(handle);
    }

    check_uneven(join);
}

#[test]
fn the_same_program_gives_the_same_log_every_time() {
    fn everything() -> String {
        let log = Log::new();
        Schedule::new(()).observe(log.verbose_observer()).run(ten_cruds()).unwrap();
        log.take()
    }

    let first = everything();
    assert!(first.lines().count() > 100, "{first}");
    assert_eq!(everything(), first);
}

#[test]
fn a_reused_schedule_gives_the_same_log_as_a_new_one() {
    let log = Log::new();
    let mut schedule = Schedule::new(()).observe(log.observer());
    schedule.run(ten_cruds()).unwrap();
    let first = log.take();
    // Another program in between leaves nothing behind that shows.
    schedule.run(store("something else".into())).unwrap();
    log.take();
    schedule.run(ten_cruds()).unwrap();
    assert_eq!(log.take(), first);
}

#[test]
fn a_reused_schedule_gives_the_same_log_of_everything_as_a_new_one() {
    #[corio::task]
    fn two_cruds() {
        join!(crud(0), crud(1));
    }

    let log = Log::new();
    let mut schedule = Schedule::new(()).observe(log.verbose_observer());
    schedule.run(two_cruds()).unwrap();
    let first: Vec<_> = log.take().lines().map(str::to_owned).collect();
    schedule.run(two_cruds()).unwrap();
    for (again, first) in log.take().lines().zip(&first) {
        assert_eq!(again, first);
    }
}
