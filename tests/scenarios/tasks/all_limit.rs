//! `all!(limit = n, ..)`: so many children at a time, made one by one.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use corio::sync::WaitGroup;
use corio::testing::VirtualClock;
use corio::{Elapsed, Log, Schedule, Task};
use expect_test::expect;
use support::timeline::Timeline;
use support::{Counted, Counts, double, gated, healthy, set_open};

/// Runs a program and gives its batches.
#[track_caller]
fn batches<T>(task: impl Task<(), Output = T>) -> (T, String) {
    let log = Log::new();
    let mut schedule = Schedule::new(()).observe(log.observer());
    let result = schedule.run(task).unwrap();
    let text = log.take();
    assert_eq!(schedule.run(healthy()), Ok(10));
    (result, text)
}

/// Runs a program that must panic, after which nothing is left and the schedule runs the next task;
/// gives the text.
#[track_caller]
fn panic_of<T>(task: impl Task<(), Output = T>) -> String {
    let mut schedule = Schedule::new(());
    let Err(payload) = catch_unwind(AssertUnwindSafe(|| schedule.run(task).is_ok())) else {
        panic!("the run must panic")
    };
    assert_eq!(schedule.run(healthy()), Ok(10));
    payload
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .unwrap_or_else(|| *payload.downcast::<String>().unwrap())
}

#[test]
fn so_many_children_are_there_at_a_time_and_the_results_are_in_order() {
    #[corio::task]
    fn child(n: u64) -> u64 {
        let twice = io!(double(n));
        if n % 2 == 1 { io!(double(twice)) } else { twice }
    }

    #[corio::task]
    fn program(made: &Cell<u64>) -> Vec<u64> {
        all!(
            limit = 3,
            (0..7).map(|n| {
                made.set(made.get() + 1);
                child(n)
            })
        )
    }

    let log = Log::new();
    let made = Cell::new(0);
    let mut schedule = Schedule::new(()).observe(log.observer());
    assert_eq!(schedule.run(program(&made)), Ok(vec![0, 4, 4, 12, 8, 20, 12]));
    expect![[r#"
        round 1: double[0, 1, 2]
        round 2: double[2, 3, 4]
        round 3: double[6, 5, 6]
        round 4: double[10]
    "#]]
    .assert_eq(&log.to_string());
    assert_eq!(made.get(), 7);
}

#[test]
fn the_first_error_cuts_those_that_run_and_makes_no_more() {
    #[corio::task]
    fn child(n: u64) -> Result<u64, String> {
        let twice = io!(double(n));
        if n == 1 { Err(format!("child {n}")) } else { Ok(io!(double(twice))) }
    }

    #[corio::task]
    fn program(made: &Cell<u64>) -> Result<Vec<u64>, String> {
        try_all!(limit = 2, (0..100).inspect(|n| made.set(n + 1)).map(child))
    }

    let made = Cell::new(0);
    let mut schedule = Schedule::new(());
    assert_eq!(schedule.run(program(&made)), Ok(Err("child 1".into())));
    assert_eq!(made.get(), 2);
    assert_eq!(schedule.run(double(3)), Ok(6));
}

mod children {
    use super::*;

    #[test]
    fn that_are_requests() {
        #[corio::task]
        fn program() -> Vec<u64> {
            all!(limit = 3, (0..7).map(double))
        }

        let (result, batches) = batches(program());
        assert_eq!(result, [0, 2, 4, 6, 8, 10, 12]);
        expect![[r#"
            round 1: double[0, 1, 2]
            round 2: double[3, 4, 5]
            round 3: double[6]
        "#]]
        .assert_eq(&batches);
    }

    #[test]
    fn that_borrow_from_the_caller() {
        #[corio::task]
        fn adds(names: &[String], n: usize, lengths: &RefCell<Vec<usize>>) -> usize {
            let length = io!(double(names[n].len() as u64));
            lengths.borrow_mut().push(n);
            length as usize
        }

        #[corio::task]
        fn program() -> (Vec<usize>, Vec<usize>) {
            let names: Vec<String> = (0..10).map(|n| "x".repeat(n)).collect();
            let lengths = RefCell::new(Vec::new());
            let doubled = all!(limit = 4, (0..names.len()).map(|n| adds(&names, n, &lengths)));
            (doubled, lengths.into_inner())
        }

        let (doubled, order) = batches(program()).0;
        assert_eq!(doubled, [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
        assert_eq!(order, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn that_spawn_keep_their_place_until_all_below_have_ended() {
        #[corio::task]
        fn grandchild(n: u64) {
            io!(double(n + 10));
            io!(double(n + 20));
        }

        #[corio::task]
        fn child(n: u64) -> u64 {
            spawn!(grandchild(n));
            n
        }

        #[corio::task]
        fn program() -> Vec<u64> {
            all!(limit = 2, (0..5).map(child))
        }

        let (result, batches) = batches(program());
        assert_eq!(result, [0, 1, 2, 3, 4]);
        expect![[r#"
            round 1: double[10, 11]
            round 2: double[20, 21]
            round 3: double[12, 13]
            round 4: double[22, 23]
            round 5: double[14]
            round 6: double[24]
        "#]]
        .assert_eq(&batches);
    }

    #[test]
    fn fewer_than_the_limit() {
        #[corio::task]
        fn program(limit: usize) -> Vec<u64> {
            all!(limit = limit, (0..3).map(double))
        }

        for limit in [3, 4, 1000, usize::MAX] {
            let (result, batches) = batches(program(limit));
            assert_eq!((result, &*batches), (vec![0, 2, 4], "round 1: double[0, 1, 2]\n"));
        }
    }

    #[test]
    fn none_at_all() {
        #[corio::task]
        fn program() -> (usize, Result<Vec<u64>, ()>) {
            (all!(limit = 3, (0..0).map(double)).len(), try_all!(limit = 3, (0..0).map(fallible)))
        }

        #[corio::task]
        fn fallible(n: u64) -> Result<u64, ()> {
            Ok(n)
        }

        assert_eq!(batches(program()), ((0, Ok(vec![])), String::new()));
    }

    #[test]
    fn that_end_at_once_are_all_run() {
        #[corio::task]
        fn at_once(n: u64) -> u64 {
            n * 2
        }

        #[corio::task]
        fn program() -> u64 {
            all!(limit = 3, (0..1000).map(at_once)).into_iter().sum()
        }

        assert_eq!(batches(program()), (999_000, String::new()));
    }

    #[test]
    fn of_any_size_and_alignment() {
        #[derive(Clone, Copy, Debug, PartialEq)]
        #[repr(align(64))]
        struct Wide(u8);

        #[corio::task]
        fn wide(n: u8) -> Wide {
            let wide = Wide(n);
            io!(double(n.into()));
            assert_eq!((&raw const wide).addr() % 64, 0);
            wide
        }

        #[corio::task]
        fn nothing() {}

        #[corio::task]
        fn large(n: u8) -> [u8; 1000] {
            let large = [n; 1000];
            io!(double(n.into()));
            large
        }

        #[corio::task]
        fn program() {
            assert_eq!(all!(limit = 3, (0..10).map(wide)), (0..10).map(Wide).collect::<Vec<_>>());
            assert_eq!(all!(limit = 3, (0..10).map(|_| nothing())).len(), 10);
            assert_eq!(
                all!(limit = 3, (0..10).map(large)),
                (0..10).map(|n| [n; 1000]).collect::<Vec<_>>()
            );
        }

        batches(program());
    }

    #[test]
    fn give_their_results_in_order_whatever_the_order_they_run_in() {
        #[corio::task]
        fn child(n: u64) -> u64 {
            for _ in 0..n % 3 {
                io!(double(n));
            }
            spawn!(double(n));
            n
        }

        #[corio::task]
        fn program() -> Vec<u64> {
            all!(limit = 4, (0..20).map(child))
        }

        let mut orders = std::collections::BTreeSet::new();
        for seed in 0..50 {
            let log = Log::new();
            let mut schedule = Schedule::new(()).shuffle(seed).observe(log.observer());
            assert_eq!(schedule.run(program()), Ok((0..20).collect()), "seed {seed}");
            orders.insert(log.take());
        }
        assert!(orders.len() > 40, "{} orders", orders.len());
    }

    #[test]
    fn of_windows_in_windows() {
        #[corio::task]
        fn leaf(n: u64) -> u64 {
            io!(double(n))
        }

        #[corio::task]
        fn inner(n: u64) -> u64 {
            all!(limit = 2, (0..4).map(|leaf_of| leaf(n * 10 + leaf_of))).into_iter().sum()
        }

        #[corio::task]
        fn program() -> Vec<u64> {
            all!(limit = 2, (0..3).map(inner))
        }

        let (result, batches) = batches(program());
        assert_eq!(result, [12, 92, 172]);
        expect![[r#"
            round 1: double[0, 1, 10, 11]
            round 2: double[2, 3, 12, 13]
            round 3: double[20, 21]
            round 4: double[22, 23]
        "#]]
        .assert_eq(&batches);
    }
}

mod the_iterator {
    use super::*;

    #[test]
    fn that_does_not_say_how_many_come() {
        #[corio::task]
        fn program() -> Vec<u64> {
            let mut left = 10;
            all!(
                limit = 4,
                std::iter::from_fn(|| {
                    left -= 1;
                    (left > 0).then(|| double(left))
                })
            )
        }

        assert_eq!(batches(program()).0, [18, 16, 14, 12, 10, 8, 6, 4, 2]);
    }

    #[test]
    fn is_not_asked_again_after_its_end() {
        #[corio::task]
        fn program() -> Vec<u64> {
            let mut asked = 0;
            all!(
                limit = 4,
                std::iter::from_fn(|| {
                    asked += 1;
                    assert!(asked <= 3, "it has ended");
                    (asked < 3).then(|| double(asked))
                })
            )
        }

        assert_eq!(batches(program()).0, [2, 4]);
    }

    #[test]
    fn that_never_ends_goes_on_until_the_first_error() {
        #[corio::task]
        fn child(n: u64) -> Result<(), u64> {
            if io!(double(n)) == 200 { Err(n) } else { Ok(()) }
        }

        #[corio::task]
        fn program() -> Result<Vec<()>, u64> {
            try_all!(limit = 8, (0..).map(child))
        }

        assert_eq!(batches(program()).0, Err(100));
    }

    #[test]
    fn that_panics_half_way_drops_what_it_gave() {
        #[corio::task]
        fn child(_argument: Counted, counts: Counts) -> Counted {
            let _local = counts.one();
            io!(double(1));
            counts.one()
        }

        #[corio::task]
        fn program(counts: Counts, at: usize) {
            let _local = counts.one();
            all!(
                limit = 3,
                (0..20).map(|n| {
                    assert!(n < at, "the iterator");
                    child(counts.one(), counts.clone())
                })
            );
        }

        for at in [0, 1, 2, 3, 4, 7, 19] {
            let counts = Counts::default();
            assert_eq!(panic_of(program(counts.clone(), at)), "the iterator");
            counts.check();
        }
    }

    #[test]
    fn that_panics_when_it_is_to_say_how_many_come() {
        struct Panics;

        impl Iterator for Panics {
            type Item = double;

            fn next(&mut self) -> Option<double> {
                None
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                panic!("how many?")
            }
        }

        #[corio::task]
        fn program() -> usize {
            all!(limit = 3, Panics).len()
        }

        assert_eq!(panic_of(program()), "how many?");
    }

    #[test]
    fn is_dropped_with_the_window() {
        #[corio::task]
        fn program(counts: Counts) {
            let argument = counts.one();
            let of_iterator = move |n: u64| {
                let _argument = &argument;
                gated(n)
            };
            race!(
                task!({
                    all!(limit = 3, (0..10).map(of_iterator));
                }),
                task!({
                    io!(double(1));
                })
            );
            counts.check_built(1);
        }

        batches(program(Counts::default()));
    }
}

#[test]
fn a_child_that_panics_drops_the_window_with_all_its_children() {
    #[corio::task]
    fn child(n: u64, counts: &Counts) -> Counted {
        let _local = counts.one();
        spawn!(grandchild(counts.one()));
        io!(double(n));
        assert!(n != 7, "child {n}");
        counts.one()
    }

    #[corio::task]
    fn grandchild(_argument: Counted) {
        io!(double(100));
        io!(double(200));
    }

    #[corio::task]
    fn program(counts: Counts) {
        let _local = counts.one();
        all!(limit = 3, (0..20).map(|n| child(n, &counts)));
    }

    let counts = Counts::default();
    assert_eq!(panic_of(program(counts.clone())), "child 7");
    counts.check();
}

mod the_first_error {
    use super::*;

    #[corio::task]
    fn stuck(_argument: Counted) {
        let group = WaitGroup::new();
        group.add(1);
        call!(group.wait());
    }

    /// 0 returns, and waits for its child; 1 fails after its second answer; the others go on.
    #[corio::task]
    fn child(n: u64, counts: Counts) -> Result<Counted, Counted> {
        let _local = counts.one();
        if n == 0 {
            spawn!(stuck(counts.one()));
            return Ok(counts.one());
        }
        io!(double(n));
        if n > 1 {
            call!(stuck(counts.one()));
        }
        io!(double(n));
        Err(counts.one())
    }

    #[test]
    fn cuts_one_that_has_returned_and_waits_for_its_children() {
        #[corio::task]
        fn program(counts: Counts) {
            let error = try_all!(limit = 3, (0..10).map(|n| child(n, counts.clone()))).err();
            assert_eq!(counts.alive(), 1, "the error");
            assert!(error.is_some());
        }

        let counts = Counts::default();
        let ((), batches) = batches(program(counts.clone()));
        assert_eq!(batches, "round 1: double[1, 2]\nround 2: double[1]\n");
        counts.check();
    }

    #[corio::task]
    fn grandchild(n: u64) {
        io!(double(n + 100));
        io!(double(n + 200));
    }

    /// All fail, and have a child.
    #[corio::task]
    fn fails_with_a_child(n: u64) -> Result<(), u64> {
        if n > 0 {
            io!(double(n));
        }
        spawn!(grandchild(n));
        Err(n)
    }

    #[test]
    fn has_none_started_any_more_while_its_task_waits_for_its_own_children() {
        #[corio::task]
        fn program(made: &Cell<u64>) -> Result<Vec<()>, u64> {
            try_all!(limit = 2, (0..10).inspect(|n| made.set(n + 1)).map(fails_with_a_child))
        }

        let made = Cell::new(0);
        let log = Log::new();
        let mut schedule = Schedule::new(()).observe(log.observer());
        assert_eq!(schedule.run(program(&made)), Ok(Err(0)));
        assert_eq!(made.get(), 2);
        expect![[r#"
            round 1: double[100]
            round 2: double[200]
        "#]]
        .assert_eq(&log.take());
    }

    #[test]
    fn has_none_started_any_more_though_another_ends_meanwhile() {
        // The first one returns its error at once, and lives for two more rounds; the others end
        // after one.
        #[corio::task]
        fn child(n: u64) -> Result<(), u64> {
            if n == 0 {
                spawn!(grandchild(0));
                return Err(0);
            }
            io!(double(n));
            Ok(())
        }

        #[corio::task]
        fn program(made: &Cell<u64>) -> Result<Vec<()>, u64> {
            try_all!(limit = 3, (0..10).inspect(|n| made.set(n + 1)).map(child))
        }

        let made = Cell::new(0);
        assert_eq!(Schedule::new(()).run(program(&made)), Ok(Err(0)));
        assert_eq!(made.get(), 3);
    }
}

mod dropped_half_way {
    use super::*;

    /// Asks twice, at 0 ms and 10 ms after its beginning.
    #[corio::dispatcher(show_keys, max_in_flight = 2)]
    async fn slow(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
        timeline.sleep(10).await;
        keys.to_vec()
    }

    #[corio::task(Timeline)]
    fn child(n: u64, counts: &Counts) -> u64 {
        let _local = counts.one();
        io!(slow(n));
        io!(slow(n + 100))
    }

    #[corio::task(Timeline)]
    fn limited(limit: u64, counts: &Counts) -> Result<Vec<u64>, Elapsed> {
        timeout!(
            Duration::from_millis(limit),
            task!({ all!(limit = 2, (0..6).map(|n| child(n, counts))) })
        )
    }

    #[corio::task(Timeline)]
    fn program(limit: u64, counts: Counts) -> bool {
        let is_over = call!(limited(limit, &counts)).is_ok();
        counts.check();
        io!(slow(9));
        is_over
    }

    #[test]
    fn by_a_time_limit_at_any_point_it_sends_nothing_more() {
        // To its end it takes 60 ms.
        let mut told = String::new();
        for limit in [5, 10, 15, 25, 45, 59, 61] {
            let timeline = Timeline::default();
            let mut schedule = timeline.schedule();
            let is_over = schedule.run(program(limit, Counts::default())).unwrap();
            told += &format!(
                "{limit} ms, {}\n{}",
                if is_over { "over" } else { "cut" },
                timeline.take()
            );
            assert_eq!(schedule.run(healthy()), Ok(10));
        }
        expect![[r#"
            5 ms, cut
            0ns: slow[0, 1]
            5ms: slow[9]
            10 ms, cut
            0ns: slow[0, 1]
            10ms: slow[9]
            15 ms, cut
            0ns: slow[0, 1]
            10ms: slow[100, 101]
            15ms: slow[9]
            25 ms, cut
            0ns: slow[0, 1]
            10ms: slow[100, 101]
            20ms: slow[2, 3]
            25ms: slow[9]
            45 ms, cut
            0ns: slow[0, 1]
            10ms: slow[100, 101]
            20ms: slow[2, 3]
            30ms: slow[102, 103]
            40ms: slow[4, 5]
            45ms: slow[9]
            59 ms, cut
            0ns: slow[0, 1]
            10ms: slow[100, 101]
            20ms: slow[2, 3]
            30ms: slow[102, 103]
            40ms: slow[4, 5]
            50ms: slow[104, 105]
            59ms: slow[9]
            61 ms, over
            0ns: slow[0, 1]
            10ms: slow[100, 101]
            20ms: slow[2, 3]
            30ms: slow[102, 103]
            40ms: slow[4, 5]
            50ms: slow[104, 105]
            60ms: slow[9]
        "#]]
        .assert_eq(&told);
    }

    #[test]
    fn by_a_race_its_queued_requests_are_withdrawn() {
        #[corio::task]
        fn child(n: u64, counts: &Counts) {
            let _local = counts.one();
            io!(double(n));
            io!(double(n + 10));
        }

        #[corio::task]
        fn window(counts: &Counts) {
            all!(limit = 3, (0..9).map(|n| child(n, counts)));
        }

        #[corio::task]
        fn after(rounds: u64) {
            for round in 0..rounds {
                io!(double(round + 100));
            }
            // After the others have asked what they ask in this phase.
            for _ in 0..10 {
                call!(spawned_and_awaited());
            }
        }

        #[corio::task]
        fn spawned_and_awaited() {
            spawn!(task!({}));
        }

        #[corio::task]
        fn program(rounds: u64) {
            let counts = Counts::default();
            race!(window(&counts), after(rounds));
            counts.check();
            io!(double(1000));
        }

        let mut told = String::new();
        for rounds in 0..4 {
            told += &format!("after {rounds} rounds\n{}", batches(program(rounds)).1);
        }
        expect![[r#"
            after 0 rounds
            round 1: double[1000]
            after 1 rounds
            round 1: double[100, 0, 1, 2]
            round 2: double[1000]
            after 2 rounds
            round 1: double[100, 0, 1, 2]
            round 2: double[101, 10, 11, 12]
            round 3: double[1000]
            after 3 rounds
            round 1: double[100, 0, 1, 2]
            round 2: double[101, 10, 11, 12]
            round 3: double[102, 3, 4, 5]
            round 4: double[1000]
        "#]]
        .assert_eq(&told);
    }

    #[test]
    fn with_the_run() {
        #[corio::task]
        fn child(n: u64, counts: &Counts) -> Counted {
            let local = counts.one();
            spawn!(grandchild(counts.one()));
            if n > 4 {
                io!(gated(n));
            }
            io!(double(n));
            local
        }

        #[corio::task]
        fn grandchild(_argument: Counted) {
            io!(double(7));
        }

        #[corio::task]
        fn program(counts: Counts) {
            all!(limit = 3, (0..20).map(|n| child(n, &counts)));
        }

        let counts = Counts::default();
        let mut schedule = Schedule::new(());
        for _ in 0..3 {
            let mut run = schedule.run_async(program(counts.clone()));
            assert!(Pin::new(&mut run).poll(&mut Context::from_waker(Waker::noop())).is_pending());
            assert_eq!(counts.alive(), 5 + 3, "the results so far, and three that wait");
            drop(run);
            counts.check();
            assert_eq!(schedule.run(healthy()), Ok(10));
        }
        set_open(true);
        assert_eq!(schedule.run(program(counts.clone())), Ok(()));
        set_open(false);
        counts.check();
    }

    #[test]
    fn by_a_deadline() {
        let clock = VirtualClock::new();
        let mut schedule = Schedule::new(()).clock(clock).timeout(Duration::from_secs(1));

        #[corio::task]
        fn program(counts: Counts) {
            let _local = counts.one();
            all!(limit = 3, (0..20).map(gated));
        }

        let counts = Counts::default();
        assert!(schedule.run(program(counts.clone())).is_err());
        counts.check();
        assert_eq!(schedule.run(healthy()), Ok(10));
    }
}

mod a_limit {
    use super::*;

    #[test]
    fn of_none_is_a_panic_that_says_so() {
        #[corio::task]
        fn program(limit: usize, _argument: Counted) {
            all!(limit = limit, (0..3).map(double));
        }

        #[corio::task]
        fn tries(limit: usize, _argument: Counted) {
            let _ = try_all!(limit = limit, (0..3).map(|_| task!({ Ok::<(), ()>(()) })));
        }

        let counts = Counts::default();
        assert_eq!(
            panic_of(program(0, counts.one())),
            "corio: a limit of at least 1, or no child would ever run"
        );
        assert_eq!(
            panic_of(tries(0, counts.one())),
            "corio: a limit of at least 1, or no child would ever run"
        );
        counts.check_built(2);
    }

    #[test]
    fn is_any_expression() {
        #[corio::task]
        fn limit() -> usize {
            io!(double(1)) as usize
        }

        #[corio::task]
        fn program() -> Vec<u64> {
            all!(limit = call!(limit()).max(1) + 1, (0..io!(double(2))).map(double),)
        }

        let (result, batches) = batches(program());
        assert_eq!(result, [0, 2, 4, 6]);
        expect![[r#"
            round 1: double[1]
            round 2: double[2]
            round 3: double[0, 1, 2]
            round 4: double[3]
        "#]]
        .assert_eq(&batches);
    }
}

#[test]
fn waiting_for_a_window_that_is_stuck_is_a_deadlock_of_its_children() {
    #[corio::task]
    fn child(n: u64, group: Rc<WaitGroup>) {
        if n == 2 {
            call!(group.wait());
        }
    }

    #[corio::task]
    fn program(group: Rc<WaitGroup>) {
        all!(limit = 2, (0..10).map(|n| child(n, group.clone())));
    }

    let group = Rc::new(WaitGroup::new());
    group.add(1);
    let mut schedule = Schedule::new(());
    let Err(corio::Error::Deadlock(deadlock)) = schedule.run(program(group.clone())) else {
        panic!("nobody is done")
    };
    assert_eq!(
        deadlock.tasks().iter().map(|task| task.path()).collect::<Vec<_>>(),
        ["program > child"]
    );
    assert_eq!(Rc::strong_count(&group), 1);
    assert_eq!(schedule.run(healthy()), Ok(10));
}
