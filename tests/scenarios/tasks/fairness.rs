//! `Schedule::max_resumes_per_phase`: tasks that never wait for long do not hold up for ever what
//! others have asked.

use std::cell::Cell;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::Duration;

use corio::sync::{Mutex, WaitGroup};
use corio::testing::VirtualClock;
use corio::{CancellationToken, Error, Event, Log, RunOptions, Schedule, Task};
use expect_test::expect;
use support::{Number, time_limit};

#[corio::dispatcher(show_keys)]
fn double(keys: &[u64]) -> Vec<u64> {
    keys.iter().map(|key| key * 2).collect()
}

#[corio::dispatcher(show_keys, cache)]
fn kept(keys: &[u64]) -> Vec<u64> {
    keys.to_vec()
}

/// Resumes, batches and what is said of a CPU phase that is too long, as text; runs of resumes as
/// their number.
#[derive(Clone, Default)]
struct Told {
    lines: Arc<StdMutex<Vec<String>>>,
    resumes: Number,
}

impl Told {
    fn observer(&self) -> impl FnMut(&Event<'_>) + use<> {
        let Told { lines, resumes } = self.clone();
        move |event: &Event<'_>| {
            let line = match event {
                Event::Resumed { .. } => return resumes.add(1),
                Event::LongPhase { resumes, .. } => format!("overlong: {resumes}"),
                Event::BatchSent { dispatcher, keys, .. } => format!("{dispatcher}{keys:?}"),
                _ => return,
            };
            lines.lock().unwrap().push(format!("after {} resumes: {line}\n", resumes.take()));
        }
    }

    fn take(&self) -> String {
        self.resumes.set(0);
        std::mem::take(&mut *self.lines.lock().unwrap()).concat()
    }
}

/// Two that hand a ball to each other, until it is taken away.
struct Ball {
    in_play: Cell<bool>,
    passes: Cell<usize>,
    sides: [Mutex<()>; 2],
    turns: [WaitGroup; 2],
}

impl Ball {
    fn new() -> Self {
        Ball {
            in_play: Cell::new(true),
            passes: Cell::new(0),
            sides: [Mutex::new(()), Mutex::new(())],
            turns: [WaitGroup::new(), WaitGroup::new()],
        }
    }
}

/// Waits for its turn, and gives the other one his: neither ever waits for anything else.
#[corio::task]
fn plays_by_groups(ball: &Ball, side: usize) {
    while ball.in_play.get() {
        call!(ball.turns[side].wait());
        ball.turns[side].add(1);
        ball.passes.set(ball.passes.get() + 1);
        ball.turns[1 - side].done();
    }
}

#[corio::task]
fn play_by_groups(ball: &Ball) {
    ball.turns[1].add(1);
    join!(plays_by_groups(ball, 0), plays_by_groups(ball, 1));
}

/// Whoever unlocks wakes the other, who waits in line.
#[corio::task]
fn plays_by_locks(ball: &Ball) {
    while ball.in_play.get() {
        let held = call!(ball.sides[0].lock());
        ball.passes.set(ball.passes.get() + 1);
        // Keeps it until the other one waits for it as well.
        call!(spawned_and_awaited());
        drop(held);
    }
}

#[corio::task]
fn spawned_and_awaited() {
    spawn!(task!({}));
}

#[corio::task]
fn play_by_locks(ball: &Ball) {
    join!(plays_by_locks(ball), plays_by_locks(ball));
}

/// Asks once or more, and ends the play.
#[corio::task]
fn asks(ball: &Ball, times: u64) {
    for key in 0..times {
        io!(double(key));
    }
    ball.in_play.set(false);
}

mod tasks_that_wake_each_other_for_ever {
    use super::*;

    /// Two play, and a third asks for three things meanwhile.
    #[track_caller]
    fn check_third_is_not_held_up(program: impl Task<(), Output = ()>) {
        let told = Told::default();
        let mut schedule = Schedule::new(()).max_resumes_per_phase(100).observe(told.observer());
        assert_eq!(schedule.run(program), Ok(()));
        expect![[r#"
            after 100 resumes: overlong: 100
            after 0 resumes: double[0]
            after 100 resumes: overlong: 100
            after 0 resumes: double[1]
            after 100 resumes: overlong: 100
            after 0 resumes: double[2]
        "#]]
        .assert_eq(&told.take());
    }

    #[test]
    fn by_a_wait_group_do_not_hold_up_the_request_of_a_third() {
        #[corio::task]
        fn program(ball: &Ball) {
            join!(play_by_groups(ball), asks(ball, 3));
        }

        let ball = Ball::new();
        check_third_is_not_held_up(program(&ball));
    }

    #[test]
    fn by_a_mutex_do_not_either() {
        #[corio::task]
        fn program(ball: &Ball) {
            join!(play_by_locks(ball), asks(ball, 3));
        }

        let ball = Ball::new();
        check_third_is_not_held_up(program(&ball));
    }

    #[test]
    fn are_told_of_only_if_something_is_queued() {
        #[corio::task]
        fn stops(ball: &Ball) {
            while ball.passes.get() < 1000 {
                call!(spawned_and_awaited());
            }
            call!(asks(ball, 0));
        }

        #[corio::task]
        fn program(ball: &Ball) {
            join!(play_by_groups(ball), stops(ball));
        }

        let (told, ball) = (Told::default(), Ball::new());
        let mut schedule = Schedule::new(()).max_resumes_per_phase(10).observe(told.observer());
        assert_eq!(schedule.run(program(&ball)), Ok(()));
        assert_eq!(told.take(), "");
    }

    #[test]
    fn do_not_hold_up_answers_that_arrive_meanwhile() {
        /// Answers at its second poll.
        #[corio::dispatcher]
        async fn soon(keys: &[u64]) -> Vec<u64> {
            let mut polled = false;
            std::future::poll_fn(|context| {
                context.waker().wake_by_ref();
                if std::mem::replace(&mut polled, true) {
                    std::task::Poll::Ready(())
                } else {
                    std::task::Poll::Pending
                }
            })
            .await;
            keys.to_vec()
        }

        #[corio::task]
        fn asks_soon(ball: &Ball) {
            for key in 0..5 {
                assert_eq!(io!(soon(key)), key);
            }
            call!(asks(ball, 0));
        }

        #[corio::task]
        fn program(ball: &Ball) {
            join!(play_by_groups(ball), asks_soon(ball));
        }

        assert_eq!(Schedule::new(()).max_resumes_per_phase(10).run(program(&Ball::new())), Ok(()));
    }

    #[test]
    fn are_ended_by_a_deadline() {
        let (ball, clock) = (Ball::new(), VirtualClock::new());
        let limit = Duration::from_secs(1);

        #[corio::task]
        fn passes_time(ball: &Ball, clock: VirtualClock) {
            while ball.passes.get() < 1000 {
                call!(spawned_and_awaited());
            }
            clock.advance(Duration::from_secs(1));
        }

        #[corio::task]
        fn program(ball: &Ball, clock: VirtualClock) {
            join!(play_by_groups(ball), passes_time(ball, clock));
        }

        let mut schedule =
            Schedule::new(()).max_resumes_per_phase(50).clock(clock.clone()).timeout(limit);
        assert_eq!(time_limit(schedule.run(program(&ball, clock.clone()))), limit);
        assert!((1000..1100).contains(&ball.passes.get()), "{} passes", ball.passes.get());
        assert_eq!(schedule.run(double(1)), Ok(2));
    }

    #[test]
    fn are_ended_by_a_token() {
        #[corio::task]
        fn cancels(ball: &Ball, token: CancellationToken) {
            while ball.passes.get() < 1000 {
                call!(spawned_and_awaited());
            }
            token.cancel();
        }

        #[corio::task]
        fn program(ball: &Ball, token: CancellationToken) {
            join!(play_by_groups(ball), cancels(ball, token));
        }

        let (ball, token) = (Ball::new(), CancellationToken::new());
        let mut schedule = Schedule::new(()).max_resumes_per_phase(50);
        assert_eq!(
            schedule.run_with(RunOptions::new().cancel_on(&token), program(&ball, token.clone())),
            Err(Error::Cancelled)
        );
        assert!((1000..1100).contains(&ball.passes.get()), "{} passes", ball.passes.get());
        assert_eq!(schedule.run(double(1)), Ok(2));
    }
}

mod kept_answers {
    use super::*;

    #[test]
    fn that_are_asked_in_a_loop_do_not_hold_up_the_request_of_another() {
        // Each ends the CPU phase, and has the next begin before anything leaves.
        #[corio::task]
        fn asks_the_same_again(goes_on: &Cell<bool>) {
            let mut asked = 0;
            while goes_on.get() {
                io!(kept(7));
                asked += 1;
                assert!(asked < 10_000, "the other one is held up");
            }
        }

        #[corio::task]
        fn asks(goes_on: &Cell<bool>) {
            for key in 0..3 {
                io!(double(key));
            }
            goes_on.set(false);
        }

        #[corio::task]
        fn program(goes_on: &Cell<bool>) {
            io!(kept(7));
            join!(asks_the_same_again(goes_on), asks(goes_on));
        }

        let told = Told::default();
        let mut schedule = Schedule::new(()).max_resumes_per_phase(100).observe(told.observer());
        assert_eq!(schedule.run(program(&Cell::new(true))), Ok(()));
        expect![[r#"
            after 1 resumes: kept[7]
            after 100 resumes: overlong: 100
            after 0 resumes: double[0]
            after 100 resumes: overlong: 100
            after 0 resumes: double[1]
            after 100 resumes: overlong: 100
            after 0 resumes: double[2]
        "#]]
        .assert_eq(&told.take());
    }

    #[test]
    fn in_a_loop_are_not_told_of_if_nothing_else_is_queued() {
        #[corio::task]
        fn program() {
            for _ in 0..1000 {
                io!(kept(7));
            }
        }

        let told = Told::default();
        let mut schedule = Schedule::new(()).max_resumes_per_phase(10).observe(told.observer());
        assert_eq!(schedule.run(program()), Ok(()));
        assert_eq!(told.take(), "after 1 resumes: kept[7]\n");
    }
}

#[test]
fn with_any_number_of_resumes_a_program_ends_as_without() {
    // The phase may be over exactly when the number is reached: that is no deadlock, and nobody is
    // told.
    #[corio::task]
    fn short(n: u64) -> u64 {
        if n.is_multiple_of(3) { io!(double(n)) } else { n }
    }

    #[corio::task]
    fn spawns() -> u64 {
        let mut sum = 0;
        for n in 0..7 {
            spawn!(short(n));
            sum += call!(short(n));
        }
        wait!();
        sum
    }

    #[corio::task]
    fn program() -> u64 {
        let (one, other) = join!(spawns(), spawns());
        one + other + all!(limit = 2, (0..5).map(short)).iter().sum::<u64>()
    }

    let expected = Schedule::new(()).run(program());
    assert!(expected.is_ok());
    for most in [1, 2, 3, usize::MAX] {
        for resumes in 1..60 {
            let mut schedule = Schedule::new(()).max_resumes_per_phase(resumes).max_tasks(most);
            assert_eq!(
                schedule.run(program()),
                expected,
                "fairness {resumes}, at most {most} tasks"
            );
        }
    }
}

#[test]
fn a_phase_that_ends_by_itself_is_not_told_of() {
    #[corio::task]
    fn asks(n: u64) {
        io!(double(n));
        io!(double(n));
    }

    #[corio::task]
    fn program() {
        all!((0..9).map(asks));
    }

    // The first task and its nine children are ten resumes; then everything waits.
    let (told, log) = (Told::default(), Log::new());
    let mut schedule = Schedule::new(()).observe(log.observer());
    assert_eq!(schedule.run(program()), Ok(()));
    for resumes in [9, 10] {
        schedule = schedule.max_resumes_per_phase(resumes);
        assert_eq!(
            schedule.run_with(RunOptions::new().observe(told.observer()), program()),
            Ok(())
        );
        let text = told.take();
        assert_eq!(text.contains("overlong"), resumes == 9, "{text}");
    }
}
