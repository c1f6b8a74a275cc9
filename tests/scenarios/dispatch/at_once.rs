//! A request that nobody can join is answered where it is asked: when that is so, and that nobody
//! can tell it from a batch like any other.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use corio::sync::{Notify, Semaphore};
use corio::testing::VirtualClock;
use corio::{
    Batch, CancellationToken, Dispatch, Event, Log, Options, Request, RequestError, Requests,
    Retry, Schedule,
};
use expect_test::expect;
use support::{time_limit, user_code};

thread_local! {
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn say(line: impl Into<String>) {
    LINES.with_borrow_mut(|lines| lines.push(line.into()));
}

fn said() -> String {
    LINES.take().join(", ")
}

/// Panics with the first line that is not the same.
#[track_caller]
fn first_difference(at_once: &str, otherwise: &str) {
    for (number, (left, right)) in at_once.lines().zip(otherwise.lines()).enumerate() {
        assert_eq!(left, right, "line {number} of\n{otherwise}");
    }
    assert_eq!(at_once.lines().count(), otherwise.lines().count());
}

/// Says when it is dropped. One that was answered at once is, before its task goes on; one that has
/// waited lies in its batch until that is delivered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key(u64);

impl Drop for Key {
    fn drop(&mut self) {
        say(format!("{} is dropped", self.0));
    }
}

mod which {
    use super::*;

    fn answers(keys: &[Key]) -> Vec<u64> {
        keys.iter().map(|key| key.0).collect()
    }

    #[corio::dispatcher]
    fn plain(keys: &[Key]) -> Vec<u64> {
        answers(keys)
    }

    #[corio::dispatcher]
    fn filled(keys: &[Key], room: &mut Vec<u64>) {
        room.extend(answers(keys));
    }

    #[corio::dispatcher(max_batch = 3, show_keys)]
    fn limited(keys: &[Key]) -> Vec<u64> {
        answers(keys)
    }

    #[corio::dispatcher(faults = "error")]
    fn with_faults(keys: &[Key]) -> Vec<u64> {
        answers(keys)
    }

    #[corio::dispatcher(ordered)]
    fn ordered(keys: &[Key]) -> Vec<u64> {
        answers(keys)
    }

    #[corio::dispatcher(group_by = |key: &Key| key.0)]
    fn grouped(keys: &[Key]) -> Vec<u64> {
        answers(keys)
    }

    #[corio::dispatcher]
    async fn later(keys: &[Key]) -> Vec<u64> {
        answers(keys)
    }

    /// Whether the key was dropped before its task went on, the second of two times: the first
    /// request of a run opens its queue.
    macro_rules! way {
        ($schedule:expr, $request:ident) => {{
            #[corio::task]
            fn program() {
                let _ = io!($request(Key(1)));
                let _ = said();
                let _ = io!($request(Key(2)));
                say("goes on");
            }

            let mut schedule: Schedule<()> = $schedule;
            let end = schedule.run(program());
            assert_eq!(end, Ok(()));
            if said().starts_with("2 is dropped, goes on") { "at once" } else { "waits" }
        }};
    }

    fn schedule() -> Schedule<()> {
        Schedule::new(())
    }

    #[test]
    fn dispatchers_answer_at_once() {
        let table = [
            ("a list", way!(schedule(), plain)),
            ("filled in", way!(schedule(), filled)),
            ("with limits", way!(schedule(), limited)),
            ("faults as errors", way!(schedule(), with_faults)),
            ("ordered", way!(schedule(), ordered)),
            ("in groups", way!(schedule(), grouped)),
            ("async", way!(schedule(), later)),
        ];
        let table: String = table.map(|(what, way)| format!("{what}: {way}\n")).concat();
        expect![[r#"
            a list: at once
            filled in: at once
            with limits: at once
            faults as errors: at once
            ordered: waits
            in groups: waits
            async: waits
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn schedules_do_as_servers_have_them() {
        let token = CancellationToken::new();
        let table = [
            ("a deadline", way!(schedule().timeout(Duration::from_secs(60)), plain)),
            ("a cancel token", way!(schedule().cancel_on(&token), plain)),
            ("an observer", way!(schedule().observe(|_: &Event<'_>| ()), plain)),
            ("at most one task", way!(schedule().max_tasks(1), plain)),
            ("one batch in flight", way!(schedule().max_in_flight(1), plain)),
            ("rounds", way!(schedule().barrier(), plain)),
            (
                "an answer for a test",
                way!(schedule().answer_with(later, |keys: &[Key]| answers(keys)), later),
            ),
            ("a shuffle", way!(schedule().shuffle(1), plain)),
        ];
        let table: String = table.map(|(what, way)| format!("{what}: {way}\n")).concat();
        expect![[r#"
            a deadline: at once
            a cancel token: at once
            an observer: at once
            at most one task: at once
            one batch in flight: at once
            rounds: at once
            an answer for a test: at once
            a shuffle: waits
        "#]]
        .assert_eq(&table);
    }

    #[corio::dispatcher]
    fn key(keys: &[Key]) -> Vec<u64> {
        answers(keys)
    }

    /// Asks twice beside something else; which way the second goes.
    fn beside<T>(task: impl corio::Task<(), Output = T>) -> &'static str {
        let mut schedule = Schedule::new(()).clock(VirtualClock::new());
        LINES.take();
        drop(schedule.run(task));
        let lines = said();
        if lines.find("2 is dropped") < lines.find("2 goes on") { "at once" } else { "waits" }
    }

    #[corio::task]
    fn chain() {
        for number in 1..4 {
            io!(key(Key(number)));
            say(format!("{number} goes on"));
        }
    }

    #[corio::task]
    fn sleeper() {
        timeout!(Duration::from_secs(1), support::gated(1)).ok();
    }

    #[corio::task]
    fn in_a_timeout() {
        timeout!(Duration::from_secs(1), chain()).ok();
    }

    #[corio::task]
    fn beside_a_batch_in_flight() {
        spawn!(support::gated(1));
        spawn!(chain_and_open());
    }

    #[corio::task]
    fn chain_and_open() {
        call!(chain());
        support::set_open(true);
    }

    #[corio::task]
    fn beside_another_chain() {
        join!(chain(), chain());
    }

    #[corio::task]
    fn beside_one_who_waits_for_a_lock() {
        let semaphore = Rc::new(Semaphore::new(0));
        let waits = spawn!(waits_for(semaphore.clone()));
        call!(chain());
        semaphore.add_permits(1);
        call!(waits);
    }

    #[corio::task]
    fn waits_for(semaphore: Rc<Semaphore>) {
        drop(call!(semaphore.acquire()));
    }

    #[corio::task]
    fn deep_down() {
        call!(one_above());
    }

    #[corio::task]
    fn one_above() {
        let (): () = race!(chain());
    }

    #[test]
    fn tasks_do_if_nothing_else_is_going_on() {
        let table = [
            ("alone", beside(chain())),
            ("deep down", beside(deep_down())),
            ("beside one who waits for a lock", beside(beside_one_who_waits_for_a_lock())),
            ("beside one who asks", beside(beside_another_chain())),
            ("beside a batch in flight", beside(beside_a_batch_in_flight())),
            ("in a time limit", beside(in_a_timeout())),
        ];
        let table: String = table.map(|(what, way)| format!("{what}: {way}\n")).concat();
        expect![[r#"
            alone: at once
            deep down: at once
            beside one who waits for a lock: at once
            beside one who asks: waits
            beside a batch in flight: waits
            in a time limit: waits
        "#]]
        .assert_eq(&table);
    }
}

/// What dispatchers do while they answer at once, beside answering: the same comes of it as by the
/// way of other batches.
mod whatever_a_dispatcher_does {
    use super::*;

    /// How the dispatcher behaves when it gets a key above 1.
    #[derive(Clone, Copy, Debug)]
    enum Whim {
        Answers,
        Panics,
        GivesTooFew,
        GivesTooMany,
        WakesAnother,
        Cancels,
        TakesTime,
        RunsASchedule,
    }

    const WHIMS: [Whim; 8] = [
        Whim::Answers,
        Whim::Panics,
        Whim::GivesTooFew,
        Whim::GivesTooMany,
        Whim::WakesAnother,
        Whim::Cancels,
        Whim::TakesTime,
        Whim::RunsASchedule,
    ];

    struct Whims {
        whim: Whim,
        notify: Rc<Notify>,
        token: CancellationToken,
        clock: VirtualClock,
    }

    #[corio::dispatcher(show_keys)]
    fn whimsical(whims: &Whims, keys: &[u64]) -> Vec<u64> {
        say(format!("answers {keys:?}"));
        if keys[0] > 1 {
            match whims.whim {
                Whim::Answers => {}
                Whim::Panics => panic!("on a whim"),
                Whim::GivesTooFew => return Vec::new(),
                Whim::GivesTooMany => return vec![0; 2],
                Whim::WakesAnother => whims.notify.notify_one(),
                Whim::Cancels => whims.token.cancel(),
                Whim::TakesTime => whims.clock.advance(Duration::from_secs(2)),
                Whim::RunsASchedule => {
                    assert_eq!(Schedule::new(()).run(support::healthy()), Ok(10));
                }
            }
        }
        keys.to_vec()
    }

    #[corio::task(Whims)]
    fn other(notify: Rc<Notify>) {
        call!(notify.notified());
        say("another runs");
    }

    #[corio::task(Whims)]
    fn program(notify: Rc<Notify>) -> u64 {
        spawn!(other(notify.clone()));
        let mut sum = 0;
        for key in 1..5 {
            sum += io!(whimsical(key));
            say(format!("after {key}"));
        }
        notify.notify_one();
        sum
    }

    fn told(whim: Whim, at_once: bool, is_observed: bool) -> String {
        LINES.take();
        let (notify, token, clock) =
            (Rc::new(Notify::new()), CancellationToken::new(), VirtualClock::new());
        let whims =
            Whims { whim, notify: notify.clone(), token: token.clone(), clock: clock.clone() };
        let mut schedule = Schedule::new(&whims)
            .answer_at_once(at_once)
            .cancel_on(&token)
            .clock(clock)
            .timeout(Duration::from_secs(60));
        let events = Log::new();
        if is_observed {
            schedule = schedule.observe(events.verbose_observer());
        }
        let end = match catch_unwind(AssertUnwindSafe(|| schedule.run(program(notify)))) {
            Ok(end) => format!("{end:?}"),
            Err(panic) => format!("panic: {:?}", panic.downcast_ref::<&str>()),
        };
        format!("{}\n{end}\n{events}", said())
    }

    #[test]
    fn it_is_as_with_other_batches() {
        let mut told_of = String::new();
        for whim in WHIMS {
            let at_once = told(whim, true, true);
            first_difference(&at_once, &told(whim, false, true));
            let unobserved = told(whim, true, false);
            first_difference(&unobserved, &told(whim, false, false));
            let (lines, _) = at_once.split_once('\n').unwrap();
            assert!(unobserved.starts_with(lines), "{whim:?}: who watches changes nothing");
            let mut text = unobserved.lines();
            told_of += &format!("{whim:?}: {}\n  {}\n", text.next().unwrap(), text.next().unwrap());
        }
        expect![[r#"
            Answers: answers [1], after 1, answers [2], after 2, answers [3], after 3, answers [4], after 4, another runs
              Ok(10)
            Panics: answers [1], after 1, answers [2]
              panic: Some("on a whim")
            GivesTooFew: answers [1], after 1, answers [2]
              Err(Batch(WrongCount { dispatcher: "whimsical", requests: 1, answers: 0, key: Some("2") }))
            GivesTooMany: answers [1], after 1, answers [2]
              Err(Batch(WrongCount { dispatcher: "whimsical", requests: 1, answers: 2, key: None }))
            WakesAnother: answers [1], after 1, answers [2], after 2, another runs, answers [3], after 3, answers [4], after 4
              Ok(10)
            Cancels: answers [1], after 1, answers [2]
              Err(Cancelled)
            TakesTime: answers [1], after 1, answers [2], after 2, answers [3], after 3, answers [4], after 4, another runs
              Ok(10)
            RunsASchedule: answers [1], after 1, answers [2], after 2, answers [3], after 3, answers [4], after 4, another runs
              Ok(10)
        "#]]
        .assert_eq(&told_of);
    }
}

#[corio::dispatcher]
fn next(keys: &[u64]) -> Vec<u64> {
    keys.iter().map(|key| key + 1).collect()
}

#[corio::task]
fn many(requests: u64) -> u64 {
    let mut key = 0;
    for _ in 0..requests {
        key = io!(next(key));
    }
    key
}

#[test]
fn an_executor_is_let_in_after_a_budget() {
    let polls = [true, false].map(|at_once| {
        let mut schedule = Schedule::new(()).answer_at_once(at_once).yield_every(100);
        let mut run = pin!(schedule.run_async(many(1000)));
        let mut polls = 1;
        while run.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            polls += 1;
        }
        polls
    });
    assert_eq!(polls, [11, 11]);
}

mod a_deadline {
    use super::*;

    #[corio::dispatcher]
    fn slow(clock: &VirtualClock, keys: &[u64]) -> Vec<u64> {
        clock.advance(Duration::from_secs(1));
        keys.to_vec()
    }

    #[corio::task(VirtualClock)]
    fn endless(asked: Rc<Cell<u64>>) {
        loop {
            io!(slow(0));
            asked.set(asked.get() + 1);
        }
    }

    #[test]
    fn is_looked_at_before_each_sixteenth_batch_of_one() {
        let (clock, asked) = (VirtualClock::new(), Rc::new(Cell::new(0)));
        let mut schedule =
            Schedule::new(&clock).clock(clock.clone()).timeout(Duration::from_secs(100));
        let limit = Duration::from_secs(100);
        assert_eq!(time_limit(schedule.run(endless(asked.clone()))), limit);
        assert!((100..=116).contains(&asked.get()), "{asked:?}");
    }
}

mod fairness {
    use super::*;

    #[corio::task]
    fn spins(turns: u64) {
        for _ in 0..turns {
            let () = all!([nothing()])[0];
        }
    }

    #[corio::task]
    fn nothing() {}

    #[corio::task]
    fn asks_and_spins() -> u64 {
        let key = call!(many(100));
        spawn!(many(1));
        call!(spins(8));
        key
    }

    /// A CPU phase begins anew with each batch, also with one that was answered at once.
    #[test]
    fn counts_from_the_last_batch() {
        let told = [true, false].map(|at_once| {
            let mut schedule = Schedule::new(());
            let log = Log::new();
            schedule = schedule
                .answer_at_once(at_once)
                .max_resumes_per_phase(10)
                .observe(log.verbose_observer());
            assert_eq!(schedule.run(asks_and_spins()), Ok(100));
            log.to_string()
        });
        first_difference(&told[0], &told[1]);
        assert_eq!(told[0].matches("LongPhase").count(), 1, "{}", told[0]);
    }
}

mod slots {
    use super::*;

    /// Answered by slots: there is no answer yet when its dispatcher returns.
    struct BySlots(u64);

    impl Request for BySlots {
        type Key = u64;
        type Answer = u64;

        fn into_key(self) -> u64 {
            self.0
        }
    }

    impl<S> Dispatch<S> for BySlots {
        fn dispatch<'r>(_: &'r S, requests: Requests<'_, 'r, Self>) {
            requests.batch(|batch| batch.into_iter().for_each(|slot| slot.answer_with(|key| key)));
        }
    }

    #[corio::task]
    fn spawns_many() {
        io!(next(0));
        io!(BySlots(1));
        for _ in 0..3 {
            spawn!(many(1));
        }
    }

    #[corio::task]
    fn asks_again_and_again() {
        for key in 0..20 {
            io!(BySlots(key));
        }
    }

    /// A batch whose answer comes a little later is counted as one that has left, and its task as
    /// resumed once.
    #[test]
    fn count_for_fairness_and_for_the_budget_as_otherwise() {
        for resumes in 1..8 {
            let told = [true, false].map(|at_once| {
                let mut schedule = Schedule::new(());
                let log = Log::new();
                schedule = schedule
                    .answer_at_once(at_once)
                    .max_resumes_per_phase(resumes)
                    .observe(log.verbose_observer());
                assert_eq!(schedule.run(spawns_many()), Ok(()));
                log.to_string()
            });
            first_difference(&told[0], &told[1]);
            let polls = [true, false].map(|at_once| {
                let mut schedule = Schedule::new(()).answer_at_once(at_once).yield_every(resumes);
                let mut run = pin!(schedule.run_async(asks_again_and_again()));
                (1..)
                    .find(|_| run.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready())
            });
            assert_eq!(polls[0], polls[1], "a budget of {resumes}");
        }
    }
}

#[test]
fn an_observer_that_panics_ends_the_run_and_nothing_is_lost() {
    for at in 1..40 {
        let told = [true, false].map(|at_once| {
            let mut schedule = Schedule::new(()).answer_at_once(at_once);
            let mut seen = 0;
            schedule = schedule.observe(move |_: &Event<'_>| {
                seen += 1;
                assert!(seen != at, "the observer panics");
            });
            let ended = catch_unwind(AssertUnwindSafe(|| schedule.run(many(6)))).is_ok();
            (ended, schedule.run(many(2)))
        });
        assert_eq!(told[0], told[1], "at event {at}");
        assert_eq!(told[0].1, Ok(2));
    }
}

mod keys_that_are_needed_again {
    use super::*;

    /// What `Flaky` has not answered.
    #[derive(Default)]
    struct Held(RefCell<Vec<Batch<u64, Answered>>>);

    type Answered = Result<u64, RequestError>;

    /// Answers at once but for 9, which it answers when that has been sent again.
    struct Flaky(u64);

    impl Request for Flaky {
        type Key = u64;
        type Answer = Answered;

        const OPTIONS: Options<u64, Answered> = Options::new()
            .faults_as_errors()
            .timeout(Duration::from_secs(1))
            .retry(Retry::attempts(2).timeouts());

        fn into_key(self) -> u64 {
            self.0
        }
    }

    impl Dispatch<Held> for Flaky {
        fn dispatch<'r>(Held(held): &'r Held, requests: Requests<'_, 'r, Self>) {
            say(format!("{:?}", requests.keys()));
            if requests.keys() == [9] && held.borrow().is_empty() {
                requests.batch(|batch| held.borrow_mut().push(batch));
            } else {
                requests.answer(|keys| keys.iter().map(|key| Ok(*key)).collect::<Vec<_>>());
            }
        }
    }

    #[corio::task(Held)]
    fn program() -> Vec<u64> {
        let mut answers = Vec::new();
        for key in [1, 2, 3, 9, 4] {
            answers.extend(io!(Flaky(key)));
        }
        answers
    }

    #[test]
    fn are_those_of_the_batch_that_has_timed_out() {
        LINES.take();
        let held = Held::default();
        let mut schedule = Schedule::new(&held).clock(VirtualClock::new());
        assert_eq!(schedule.run(program()), Ok(vec![1, 2, 3, 9, 4]));
        assert_eq!(said(), "[1], [2], [3], [9], [9], [4]");
    }
}

/// The events of a run whose observer does something with each from one on, and how it has ended.
fn meddled_with(
    at_once: bool,
    token: &CancellationToken,
    notify: &Rc<Notify>,
    meddle: impl Fn(usize) + 'static,
) -> String {
    #[corio::task]
    fn asks_when_woken(notify: Rc<Notify>) -> u64 {
        call!(notify.notified());
        io!(next(10))
    }

    #[corio::task]
    fn program(notify: Rc<Notify>) {
        spawn!(asks_when_woken(notify.clone()));
        call!(many(4));
        notify.notify_one();
    }

    let (log, number) = (Log::new(), Cell::new(0));
    user_code::set(move || {
        number.set(number.get() + 1);
        meddle(number.get());
    });
    let schedule = Schedule::new(()).answer_at_once(at_once).cancel_on(token);
    let mut schedule =
        schedule.observe(log.verbose_observer()).observe(|_: &Event<'_>| user_code::call());
    let end = catch_unwind(AssertUnwindSafe(|| schedule.run(program(notify.clone()))));
    let end = end.map_err(|panic| panic.downcast_ref::<usize>().copied());
    user_code::clear();
    format!("{log}{end:?}")
}

#[test]
fn an_observer_that_wakes_a_task_or_cancels_does_so_before_the_batch_leaves() {
    for at in 1..24 {
        let wakes = [true, false].map(|at_once| {
            let notify = Rc::new(Notify::new());
            let woken = notify.clone();
            meddled_with(at_once, &CancellationToken::new(), &notify, move |number| {
                if number == at {
                    woken.notify_one()
                }
            })
        });
        first_difference(&wakes[0], &wakes[1]);
        let cancels = [true, false].map(|at_once| {
            let token = CancellationToken::new();
            let cancelled = token.clone();
            meddled_with(at_once, &token, &Rc::default(), move |number| {
                if number == at {
                    cancelled.cancel()
                }
            })
        });
        first_difference(&cancels[0], &cancels[1]);
    }
}

#[test]
fn the_run_ends_with_the_first_panic_of_an_observer() {
    for from in 1..24 {
        let told = [true, false].map(|at_once| {
            meddled_with(at_once, &CancellationToken::new(), &Rc::default(), move |number| {
                if number >= from {
                    std::panic::panic_any(number)
                }
            })
        });
        assert!(told[0].ends_with(&format!("Err(Some({from}))")), "{}", told[0]);
        first_difference(&told[0], &told[1]);
    }
}

mod a_future_that_is_given_up {
    use super::*;

    struct Flying;

    impl Drop for Flying {
        fn drop(&mut self) {
            say("the future is dropped");
        }
    }

    #[corio::dispatcher(cache)]
    async fn never(keys: &[u64]) -> Vec<u64> {
        let _flying = Flying;
        std::future::pending::<()>().await;
        keys.to_vec()
    }

    #[corio::task]
    fn asks_never() {
        io!(never(1));
        for key in 1..5 {
            io!(next(key));
            say(format!("after {key}"));
        }
    }

    /// The batch is given up in a CPU phase: everybody who waits gets what its key is primed with.
    #[corio::task]
    fn program() {
        spawn!(asks_never());
        io!(next(0));
        call!(corio::cache::prime(never(1), 5));
    }

    #[test]
    fn is_dropped_with_the_next_batch_that_leaves() {
        for budget in 1..12 {
            let told = [true, false].map(|at_once| {
                LINES.take();
                let mut schedule = Schedule::new(()).answer_at_once(at_once).yield_every(budget);
                let mut run = pin!(schedule.run_async(program()));
                while run.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {}
                said()
            });
            assert_eq!(
                told[0], "the future is dropped, after 1, after 2, after 3, after 4",
                "a budget of {budget}"
            );
            assert_eq!(told[0], told[1], "a budget of {budget}");
        }
    }
}

#[test]
fn a_run_that_is_dropped_between_two_polls_leaves_nothing_behind() {
    let mut schedule = Schedule::new(()).yield_every(3);
    {
        let mut run = pin!(schedule.run_async(many(100)));
        assert_eq!(run.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Pending);
    }
    assert_eq!(schedule.run(many(5)), Ok(5));
}
