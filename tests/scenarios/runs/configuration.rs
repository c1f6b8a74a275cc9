//! What a schedule is told, what a single run is told, and what a run says that has failed.

use std::array;
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use corio::testing::VirtualClock;
use corio::{
    Batch, CancellationToken, Clock, Config, Error, Event, Log, Observer, RequestError, RunOptions,
    Schedule, Slot, Task, task_fn,
};
use expect_test::expect;
use support::timeline::Timeline;
use support::{Number, double, ends, healthy, heap, message, poll, time_limit};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[corio::dispatcher]
async fn never(_: &[u64]) -> Vec<u64> {
    pending().await
}

/// Answered once, and from then on by the cache of the schedule.
#[corio::dispatcher(show_keys, cache = "schedule", by = || ())]
fn kept(keys: &[u64]) -> Vec<u64> {
    keys.to_vec()
}

#[corio::task]
fn doubled(count: u64) -> Vec<u64> {
    io_all!((0..count).map(double))
}

mod a_configuration {
    use super::*;

    /// What leaves for four keys, and their answers.
    fn shown(mut schedule: Schedule<()>) -> String {
        let log = Log::new();
        let options = RunOptions::new().observe(log.observer());
        match schedule.run_with(options, doubled(4)) {
            Ok(answers) => format!("{log}{answers:?}"),
            Err(error) => format!("{log}{error}"),
        }
    }

    #[test]
    fn belongs_to_every_thread() {
        fn check<T: Clone + Default + Send + Sync + 'static>() {}
        check::<Config>();
    }

    #[test]
    fn serves_two_threads_at_once() {
        let answers = ends(|| {
            let both = Barrier::new(2);
            // It answers when both have called it.
            let meets = move |keys: &[u64]| {
                both.wait();
                keys.iter().map(|key| key * 3).collect::<Vec<_>>()
            };
            let config = Config::new()
                .answer_with(double, meets)
                .options(double, |options| options.max_batch(2));
            let of_a_clone = thread::spawn({
                let config = config.clone();
                move || shown(config.schedule(()))
            });
            let by_reference =
                thread::scope(|scope| scope.spawn(|| shown(config.schedule(()))).join().unwrap());
            [of_a_clone.join().unwrap(), by_reference]
        });
        for answer in answers {
            expect![[r#"
                round 1: double[0, 1]
                round 1: double[2, 3]
                [0, 3, 6, 9]"#]]
            .assert_eq(&answer);
        }
    }

    #[test]
    fn has_clones_that_are_changed_independently() {
        let token = CancellationToken::new();
        let first = Config::new().options(double, |options| options.max_batch(3));
        let by_another = first.clone().answer_with(double, |keys| vec![7; keys.len()]);
        let in_small_batches = first.clone().options(double, |options| options.max_batch(2));
        let for_a_client = first.clone().cancel_on(&token);
        let without_time = first.clone().timeout(Duration::ZERO);
        token.cancel();
        let table = [
            ("the first", &first),
            ("by another", &by_another),
            ("in small batches", &in_small_batches),
            ("for a client", &for_a_client),
            ("without time", &without_time),
        ];
        let table =
            table.map(|(name, config)| format!("# {name}\n{}\n", shown(config.schedule(()))));
        expect![[r#"
            # the first
            round 1: double[0, 1, 2]
            round 1: double[3]
            [0, 2, 4, 6]
            # by another
            round 1: double[0, 1, 2]
            round 1: double[3]
            [7, 7, 7, 7]
            # in small batches
            round 1: double[0, 1]
            round 1: double[2, 3]
            [0, 2, 4, 6]
            # for a client
            the run was cancelled
            # without time
            the run was not over after 0ns, its time limit
        "#]]
        .assert_eq(&table.concat());
    }

    #[test]
    fn is_not_changed_by_its_schedules() {
        let config = Config::new();
        let before = shown(config.schedule(()));
        let changed = config
            .schedule(())
            .options(double, |options| options.max_batch(1))
            .answer_with(double, |keys| keys.to_vec());
        // What a schedule is told can be handed on.
        let handed_on = changed.config().clone();
        let after = [shown(changed), shown(handed_on.schedule(()))];
        assert_eq!(after[0], after[1]);
        assert_eq!(after[0].lines().last(), Some("[0, 1, 2, 3]"));
        assert_ne!(after[0], before);
        assert_eq!(shown(config.schedule(())), before);
    }

    #[test]
    fn keeps_what_is_changed_after_the_schedule_was_made_to_itself() {
        let config = Config::new().options(double, |options| options.max_batch(2));
        let mut schedule = config.schedule(());
        let config = config.options(double, |options| options.max_batch(4)).timeout(Duration::ZERO);
        assert_eq!(schedule.run(doubled(4)), Ok(vec![0, 2, 4, 6]));
        assert_eq!(time_limit(config.schedule(()).run(doubled(4))), Duration::ZERO);
    }
}

mod a_schedule {
    use super::*;

    #[test]
    fn is_made_and_told_in_one_expression() {
        let mut schedule = Schedule::new(()).max_tasks(3);
        assert_eq!(schedule.run(healthy()), Ok(10));
    }

    #[test]
    fn stays_warm_where_what_is_changed_is_told_to_each_run() {
        type Change = fn(Schedule<()>) -> Schedule<()>;
        let changes: [(&str, Change); 14] = [
            ("timeout", |it| it.timeout(Duration::from_secs(60))),
            ("cancel_on", |it| it.cancel_on(&CancellationToken::new())),
            ("seed", |it| it.seed(1)),
            ("shuffle", |it| it.shuffle(1)),
            ("max_resumes_per_phase", |it| it.max_resumes_per_phase(100)),
            ("yield_every", |it| it.yield_every(100)),
            ("observe", |it| it.observe(|_: &Event<'_>| {})),
            ("options", |it| it.options(double, |options| options.max_batch(1))),
            ("answer_with", |it| it.answer_with(double, |keys| keys.to_vec())),
            ("clock", |it| it.clock(VirtualClock::new())),
            ("max_in_flight", |it| it.max_in_flight(1)),
            ("barrier", |it| it.barrier()),
            ("max_tasks", |it| it.max_tasks(1)),
            ("nothing", |it| it),
        ];
        let table = changes.map(|(name, change)| {
            let log = Log::new();
            let mut schedule = Schedule::new(()).observe(log.observer());
            assert_eq!(schedule.run(kept(1)), Ok(1));
            schedule = change(schedule);
            assert_eq!(schedule.run(kept(1)), Ok(1));
            match log.batches("kept") {
                1 => format!("{name}: warm\n"),
                2 => format!("{name}: begins anew\n"),
                batches => panic!("{name}: {batches} batches"),
            }
        });
        expect![[r#"
            timeout: warm
            cancel_on: warm
            seed: warm
            shuffle: warm
            max_resumes_per_phase: warm
            yield_every: warm
            observe: warm
            options: begins anew
            answer_with: begins anew
            clock: begins anew
            max_in_flight: begins anew
            barrier: begins anew
            max_tasks: begins anew
            nothing: warm
        "#]]
        .assert_eq(&table.concat());
    }
}

/// What a run is told holds for that run only, and the next finds the cache as warm as before.
mod options_of_one_run {
    use super::*;

    #[corio::dispatcher(show_keys)]
    async fn slow(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
        timeline.sleep(10).await;
        keys.to_vec()
    }

    #[corio::task(Timeline)]
    fn ten_ms() -> u64 {
        io!(kept(1)) + io!(slow(1))
    }

    #[test]
    fn a_time_limit() {
        let timeline = Timeline::default();
        let mut schedule = timeline.schedule();
        for is_async in [false, true] {
            let mut run = |options: RunOptions| {
                if is_async {
                    smol::block_on(schedule.run_async_with(options, ten_ms()))
                } else {
                    schedule.run_with(options, ten_ms())
                }
            };
            assert_eq!(run(RunOptions::new()), Ok(2));
            assert_eq!(time_limit(run(RunOptions::new().timeout(ms(5)))), ms(5));
            assert_eq!(run(RunOptions::new().timeout(ms(11))), Ok(2));
            assert_eq!(run(RunOptions::new()), Ok(2));
        }
        expect![[r#"
            0ns: kept[1]
            0ns: slow[1]
            10ms: slow[1]
            15ms: slow[1]
            25ms: slow[1]
            35ms: slow[1]
            45ms: slow[1]
            50ms: slow[1]
            60ms: slow[1]
        "#]]
        .assert_eq(&timeline.take());
    }

    #[test]
    fn a_time_limit_instead_of_that_of_the_schedule() {
        let timeline = Timeline::default();
        let mut schedule = timeline.schedule().timeout(ms(8));
        for _ in 0..2 {
            assert_eq!(time_limit(schedule.run(ten_ms())), ms(8));
            assert_eq!(
                time_limit(schedule.run_with(RunOptions::new().timeout(ms(3)), ten_ms())),
                ms(3)
            );
            assert_eq!(schedule.run_with(RunOptions::new().timeout(ms(20)), ten_ms()), Ok(2));
            assert_eq!(
                schedule.run_with(RunOptions::new().timeout(Duration::MAX), ten_ms()),
                Ok(2)
            );
        }
        assert_eq!(timeline.clock.now(), ms(2 * (8 + 3 + 10 + 10)));
        assert_eq!(timeline.take().matches("kept").count(), 1);
    }

    #[test]
    fn a_token() {
        let timeline = Timeline::default();
        let mut schedule = timeline.schedule();
        let (cancelled, other) = (CancellationToken::new(), CancellationToken::new());
        cancelled.cancel();
        for _ in 0..2 {
            assert_eq!(schedule.run(ten_ms()), Ok(2));
            assert_eq!(
                schedule.run_with(RunOptions::new().cancel_on(&cancelled), ten_ms()),
                Err(Error::Cancelled)
            );
            assert_eq!(schedule.run_with(RunOptions::new().cancel_on(&other), ten_ms()), Ok(2));
        }
        assert_eq!(timeline.take().matches("kept").count(), 1);
    }

    #[test]
    fn an_observer() {
        let (of_schedule, of_run) = (Log::new(), Log::new());
        let timeline = Timeline::default();
        let mut schedule =
            Schedule::new(&timeline).clock(timeline.clock.clone()).observe(of_schedule.observer());
        assert_eq!(schedule.run(ten_ms()), Ok(2));
        assert_eq!((of_schedule.batches("kept"), of_schedule.batches("slow")), (1, 1));
        assert_eq!(
            schedule.run_with(RunOptions::new().observe(of_run.observer()), ten_ms()),
            Ok(2)
        );
        assert_eq!((of_schedule.batches("kept"), of_schedule.batches("slow")), (1, 2));
        assert_eq!(of_run.take(), "round 1: slow[1]\n");
        assert_eq!(schedule.run(ten_ms()), Ok(2));
        assert_eq!((of_schedule.batches("kept"), of_schedule.batches("slow")), (1, 3));
        assert_eq!(of_run.take(), "");
    }

    #[corio::dispatcher(show_keys, retry(attempts = 4, backoff = "1s..8s", jitter, when = |_| true))]
    fn jittery(_: &[u64]) -> Result<Vec<u64>, &'static str> {
        Err("fails")
    }

    #[corio::task(Timeline)]
    fn pauses() -> u64 {
        io!(jittery(1)).unwrap_err();
        io!(kept(1))
    }

    #[test]
    fn a_seed() {
        let timeline = Timeline::default();
        let mut schedule = timeline.schedule().seed(1);
        let mut asked = 0;
        let mut pauses_of = |options| {
            assert_eq!(schedule.run_with(options, pauses()), Ok(1));
            let times = timeline.times();
            asked += timeline.take().matches("kept").count();
            times[..4].windows(2).map(|pair| (pair[1] - pair[0]).as_millis()).collect::<Vec<_>>()
        };
        let of_schedule = pauses_of(RunOptions::new());
        let of_run = pauses_of(RunOptions::new().seed(2));
        assert_ne!(of_schedule, of_run);
        assert_eq!(pauses_of(RunOptions::new()), of_schedule);
        assert_eq!(pauses_of(RunOptions::new().seed(1)), of_schedule);
        assert_eq!(pauses_of(RunOptions::new().seed(2)), of_run);
        assert_eq!(asked, 1);
    }

    #[corio::task]
    fn say(name: char, names: &Mutex<String>) {
        names.lock().unwrap().push(name);
    }

    #[corio::task]
    fn names() -> String {
        io!(kept(1));
        let names = Mutex::new(String::new());
        all!(('a'..='h').map(|name| say(name, &names)));
        names.into_inner().unwrap()
    }

    #[test]
    fn a_shuffle() {
        let log = Log::new();
        let mut schedule = Schedule::new(()).observe(log.observer());
        let mut order = |options| schedule.run_with(options, names()).unwrap();
        assert_eq!(order(RunOptions::new()), "abcdefgh");
        let shuffled = order(RunOptions::new().shuffle(1));
        assert_ne!(shuffled, "abcdefgh");
        assert_eq!(order(RunOptions::new()), "abcdefgh");
        assert_eq!(order(RunOptions::new().shuffle(1)), shuffled);
        assert_ne!(order(RunOptions::new().shuffle(2)), shuffled);
        assert_eq!(log.batches("kept"), 1);
    }
}

mod tokens {
    use super::*;

    /// The first two are the schedule's, the others the run's.
    fn four() -> [CancellationToken; 4] {
        array::from_fn(|_| CancellationToken::new())
    }

    fn of_schedule(tokens: &[CancellationToken; 4]) -> Schedule<()> {
        Schedule::new(()).cancel_on(&tokens[0]).cancel_on(&tokens[1])
    }

    fn of_run(tokens: &[CancellationToken; 4]) -> RunOptions {
        RunOptions::new().cancel_on(&tokens[2]).cancel_on(&tokens[3])
    }

    #[test]
    fn each_of_several_cancels() {
        for number in 0..4 {
            let tokens = four();
            let mut schedule = of_schedule(&tokens);
            assert_eq!(schedule.run_with(of_run(&tokens), double(1)), Ok(2));
            tokens[number].cancel();
            assert_eq!(
                schedule.run_with(of_run(&tokens), double(1)),
                Err(Error::Cancelled),
                "token {number}"
            );
            assert_eq!(
                smol::block_on(schedule.run_async_with(of_run(&tokens), double(1))),
                Err(Error::Cancelled),
                "token {number}"
            );
            // Those of the run are gone with it.
            assert_eq!(
                schedule.run(double(1)),
                if number < 2 { Err(Error::Cancelled) } else { Ok(2) },
                "token {number}"
            );
        }
    }

    /// Tells when the run is about to sleep.
    struct Tells(mpsc::Sender<()>);

    impl Clock for Tells {
        fn now(&self) -> Duration {
            Duration::ZERO
        }

        fn sleep_until(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            Box::pin(pending())
        }

        fn idle(&self) {
            self.0.send(()).ok();
        }
    }

    #[test]
    fn each_of_several_cancels_from_another_thread_while_the_run_sleeps() {
        for (number, is_async) in (0..4).flat_map(|number| [(number, false), (number, true)]) {
            let end = ends(move || {
                let tokens = four();
                let (sender, sleeps) = mpsc::channel();
                let token = tokens[number].clone();
                let other = thread::spawn(move || {
                    sleeps.recv().unwrap();
                    token.cancel();
                });
                let (mut schedule, options) =
                    (of_schedule(&tokens).clock(Tells(sender)), of_run(&tokens));
                let end = if is_async {
                    smol::block_on(schedule.run_async_with(options, never(1)))
                } else {
                    schedule.run_with(options, never(1))
                };
                other.join().unwrap();
                end
            });
            assert_eq!(end, Err(Error::Cancelled), "token {number}, asynchronous: {is_async}");
        }
    }

    /// Counts how often a run is woken.
    #[derive(Default)]
    struct Woken(Number);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.add(1);
        }
    }

    #[test]
    fn of_a_thousand_runs_hold_nothing_of_them() {
        let token = CancellationToken::new();
        let options = || RunOptions::new().cancel_on(&token);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let mut schedule = Schedule::new(());
        let mut run_in_every_way = || {
            assert_eq!(schedule.run_with(options(), double(1)), Ok(2));
            assert_eq!(message(|| schedule.run_with(options(), panics())), "it panics");
            assert_eq!(
                poll(&mut schedule.run_async_with(options(), double(1))),
                Poll::Ready(Ok(2))
            );
            drop(schedule.run_async_with(options(), double(1)));
            let mut half_way = pin!(schedule.run_async_with(options(), never(1)));
            // At first it may want to be polled again.
            while {
                woken.0.set(0);
                assert!(half_way.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
                woken.0.get() > 0
            } {}
        };
        run_in_every_way();
        let before = heap::in_use();
        for _ in 0..1000 {
            run_in_every_way();
        }
        assert_eq!(heap::in_use(), before);
        // Nobody is there to be woken.
        token.cancel();
        assert_eq!(woken.0.get(), 0);
        assert_eq!(schedule.run(healthy()), Ok(10));
        assert_eq!(schedule.run_with(options(), healthy()), Err(Error::Cancelled));
    }

    /// Without the hook, which prints.
    #[corio::task]
    fn panics() {
        io!(double(1));
        resume_unwind(Box::new("it panics"));
    }

    #[test]
    fn of_a_thousand_schedules_hold_nothing_of_them() {
        let token = CancellationToken::new();
        let config = Config::new().cancel_on(&token);
        let serve = || assert_eq!(config.schedule(()).run(healthy()), Ok(10));
        serve();
        let before = heap::in_use();
        (0..1000).for_each(|_| serve());
        assert_eq!(heap::in_use(), before);
        token.cancel();
        assert_eq!(config.schedule(()).run(healthy()), Err(Error::Cancelled));
    }

    #[test]
    fn wake_the_runs_that_wait_once_each() {
        let token = CancellationToken::new();
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(woken.clone());
        let mut schedules: Vec<_> = (0..10).map(|_| Schedule::new(())).collect();
        let mut runs: Vec<_> = schedules
            .iter_mut()
            .map(|schedule| schedule.run_async_with(RunOptions::new().cancel_on(&token), never(1)))
            .collect();
        let mut poll_all = || {
            runs.iter_mut()
                .map(|run| Pin::new(run).poll(&mut Context::from_waker(&waker)))
                .collect::<Vec<_>>()
        };
        while {
            woken.0.set(0);
            assert_eq!(poll_all(), vec![Poll::Pending; 10]);
            woken.0.get() > 0
        } {}
        token.cancel();
        assert_eq!(woken.0.get(), 10);
        assert_eq!(poll_all(), vec![Poll::Ready(Err(Error::Cancelled)); 10]);
    }
}

mod observers {
    use super::*;

    type Heard = Arc<Mutex<Vec<(char, String)>>>;

    fn hears(name: char, heard: &Heard) -> impl Observer + Send + use<> {
        let heard = heard.clone();
        move |event: &Event<'_>| heard.lock().unwrap().push((name, format!("{event:?}")))
    }

    /// What each of them has heard, which is the same for all, and in turns.
    #[track_caller]
    fn heard_by(names: &str, heard: &Heard) -> Vec<String> {
        let heard = std::mem::take(&mut *heard.lock().unwrap());
        assert!(!heard.is_empty());
        let turns = heard.chunks(names.len()).map(|turn| {
            assert_eq!(turn.iter().map(|(name, _)| *name).collect::<String>(), names);
            assert!(turn.iter().all(|(_, event)| *event == turn[0].1), "{turn:?}");
            turn[0].1.clone()
        });
        turns.collect()
    }

    #[test]
    fn add_up_and_hear_the_same_in_the_order_in_which_they_were_given() {
        let (heard, log) = (Heard::default(), Log::new());
        let mut schedule =
            Schedule::new(()).observe(hears('a', &heard)).observe(hears('b', &heard));
        let options = || RunOptions::new().observe(hears('x', &heard)).observe(hears('y', &heard));
        assert_eq!(schedule.run(healthy()), Ok(10));
        let alone = heard_by("ab", &heard);
        assert_eq!(schedule.run_with(options(), healthy()), Ok(10));
        assert_eq!(heard_by("abxy", &heard), alone);
        // One more, when there is warm memory.
        schedule = schedule.observe(hears('c', &heard));
        assert_eq!(smol::block_on(schedule.run_async_with(options(), healthy())), Ok(10));
        assert_eq!(heard_by("abcxy", &heard), alone);
        assert_eq!(schedule.run(healthy()), Ok(10));
        assert_eq!(heard_by("abc", &heard), alone);
        // And without any of the schedule.
        let mut unobserved = Schedule::new(());
        for _ in 0..2 {
            assert_eq!(unobserved.run(healthy()), Ok(10));
            assert_eq!(unobserved.run_with(options(), healthy()), Ok(10));
            assert_eq!(heard_by("xy", &heard), alone);
        }
        assert_eq!(
            unobserved.run_with(RunOptions::new().observe(log.verbose_observer()), healthy()),
            Ok(10)
        );
        assert_eq!(log.to_string().lines().collect::<Vec<_>>(), alone);
        assert!(heard.lock().unwrap().is_empty());
    }

    #[test]
    fn of_schedule_and_run_hear_of_the_panic_that_ends_it() {
        let heard = Heard::default();
        let mut schedule = Schedule::new(()).observe(hears('a', &heard));
        let options = RunOptions::new().observe(hears('x', &heard));
        assert_eq!(message(|| schedule.run_with(options, panics())), "it panics");
        let last = heard_by("ax", &heard).pop().unwrap();
        assert!(last.starts_with("Panicked { place: \"task `panics`\""), "{last}");
        assert_eq!(schedule.run(healthy()), Ok(10));
        heard_by("a", &heard);
    }

    #[corio::task]
    fn panics() {
        io!(double(1));
        panic!("it panics");
    }

    #[corio::dispatcher]
    fn panics_as_well(keys: &[u64]) -> Vec<u64> {
        panic!("with {keys:?}")
    }

    /// Observes, and holds something, as is seen by its count.
    fn holds(held: &Arc<()>) -> impl Observer + Send + use<> {
        let held = held.clone();
        move |_: &Event<'_>| assert!(Arc::strong_count(&held) > 1)
    }

    #[corio::task]
    fn count(held: &Arc<()>) -> usize {
        io!(double(1));
        Arc::strong_count(held)
    }

    #[test]
    fn of_a_run_are_dropped_when_it_is_over() {
        let held = Arc::new(());
        let options = || RunOptions::new().observe(holds(&held)).observe(holds(&held));
        let gone = |schedule: &mut Schedule<()>, how: &str| {
            assert_eq!(Arc::strong_count(&held), 1, "{how}");
            assert_eq!(schedule.run(count(&held)), Ok(1), "{how}");
        };
        let mut schedule = Schedule::new(()).clock(VirtualClock::new());

        assert_eq!(schedule.run_with(options(), count(&held)), Ok(3));
        gone(&mut schedule, "with a result");
        assert_eq!(time_limit(schedule.run_with(options().timeout(ms(1)), never(1))), ms(1));
        gone(&mut schedule, "with an error");
        assert_eq!(message(|| schedule.run_with(options(), panics())), "it panics");
        gone(&mut schedule, "with the panic of a task");
        assert_eq!(message(|| schedule.run_with(options(), panics_as_well(7))), "with [7]");
        gone(&mut schedule, "with the panic of a dispatcher");
        drop(options());
        gone(&mut schedule, "not even begun");
    }

    #[test]
    fn of_an_asynchronous_run_are_dropped_when_it_is_over_or_dropped() {
        let held = Arc::new(());
        let options = || RunOptions::new().observe(holds(&held)).observe(holds(&held));
        let mut schedule = Schedule::new(());

        let mut run = schedule.run_async_with(options(), count(&held));
        assert_eq!(smol::block_on(&mut run), Ok(3));
        assert_eq!(Arc::strong_count(&held), 1, "while the future is still there");
        drop(run);

        let mut run = schedule.run_async_with(options(), never(1));
        assert!(poll(&mut run).is_pending());
        assert_eq!(Arc::strong_count(&held), 3);
        drop(run);
        assert_eq!(Arc::strong_count(&held), 1, "half-way");
        assert_eq!(schedule.run(count(&held)), Ok(1));

        let run = schedule.run_async_with(options(), never(1));
        assert_eq!(Arc::strong_count(&held), 3);
        drop(run);
        assert_eq!(Arc::strong_count(&held), 1, "never polled");

        let mut run = schedule.run_async_with(options(), panics());
        assert_eq!(message(|| poll(&mut run)), "it panics");
        assert_eq!(Arc::strong_count(&held), 1, "after a panic");
        drop(run);
        assert_eq!(schedule.run(count(&held)), Ok(1));
    }

    #[test]
    fn of_a_run_are_dropped_after_the_panic_of_one_of_them() {
        let held = Arc::new(());
        let mut schedule = Schedule::new(());
        for at in 1.. {
            let mut heard = 0;
            let panics = move |_: &Event<'_>| {
                heard += 1;
                assert!(heard != at, "the observer panics");
            };
            let options =
                RunOptions::new().observe(holds(&held)).observe(panics).observe(holds(&held));
            let is_over = catch_unwind(AssertUnwindSafe(|| schedule.run_with(options, healthy())));
            assert_eq!(Arc::strong_count(&held), 1, "at event {at}");
            assert_eq!(schedule.run(count(&held)), Ok(1), "at event {at}");
            if is_over.is_ok() {
                assert!(at > 20, "{at} events");
                break;
            }
        }
    }

    /// Panics when it is first asked for the time: when a run with a time limit begins.
    #[derive(Default)]
    struct Panics(Number);

    impl Clock for Panics {
        fn now(&self) -> Duration {
            self.0.add(1);
            assert!(self.0.get() > 1, "the clock panics");
            Duration::ZERO
        }

        fn sleep_until(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            Box::pin(pending())
        }
    }

    #[test]
    fn of_a_run_are_dropped_when_it_cannot_begin() {
        let held = Arc::new(());
        let mut schedule = Schedule::new(()).clock(Panics::default());
        let options = || RunOptions::new().observe(holds(&held)).timeout(ms(1));
        assert_eq!(message(|| schedule.run_with(options(), count(&held))), "the clock panics");
        assert_eq!(Arc::strong_count(&held), 1);
        assert_eq!(schedule.run_with(options(), count(&held)), Ok(2));
        assert_eq!(schedule.run(count(&held)), Ok(1));
    }
}

mod errors {
    use super::*;
    use std::error::Error as StdError;
    use std::fmt;
    use std::num::ParseIntError;

    type AnyError = Box<dyn StdError + Send + Sync>;

    #[corio::dispatcher]
    fn too_few(_: &[u64]) -> Vec<u64> {
        Vec::new()
    }

    #[corio::dispatcher(faults = "error")]
    fn too_few_for_tasks(_: &[u64]) -> Vec<u64> {
        Vec::new()
    }

    #[corio::dispatcher]
    fn drops(_: Batch<u64, u64>) {}

    #[corio::dispatcher(faults = "error")]
    fn drops_for_tasks(_: Batch<u64, u64>) {}

    #[corio::dispatcher(timeout = "5ms")]
    async fn late(_: &[u64]) -> Vec<u64> {
        pending().await
    }

    #[corio::dispatcher(timeout = "5ms", faults = "error")]
    async fn late_for_tasks(_: &[u64]) -> Vec<u64> {
        pending().await
    }

    #[corio::dispatcher(retry(attempts = 2))]
    fn tries(batch: Batch<u64, u64>) {
        batch.into_iter().for_each(Slot::retry);
    }

    #[corio::dispatcher(retry(attempts = 2), faults = "error")]
    fn tries_for_tasks(batch: Batch<u64, u64>) {
        batch.into_iter().for_each(Slot::retry);
    }

    #[corio::dispatcher(faults = "error")]
    fn panics_for_tasks(_: &[u64]) -> Vec<u64> {
        panic!("it panics")
    }

    /// An error that has one more below it.
    #[derive(Debug)]
    struct Refused(ParseIntError);

    impl fmt::Display for Refused {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("refused")
        }
    }

    impl StdError for Refused {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }

    #[corio::dispatcher(faults = "error")]
    fn refuses(_: &[u64]) -> Result<Vec<u64>, Refused> {
        Err(Refused("one".parse::<u64>().unwrap_err()))
    }

    #[corio::task]
    fn locks_twice() {
        let mutex = corio::sync::Mutex::new(());
        let _guard = call!(mutex.lock());
        drop(call!(mutex.lock()));
    }

    fn end<T: fmt::Debug>(task: impl Task<(), Output = T>) -> Error {
        Schedule::new(()).clock(VirtualClock::new()).run(task).unwrap_err()
    }

    #[test]
    fn of_runs_say_what_kind_they_are() {
        let cancelled = CancellationToken::new();
        cancelled.cancel();
        let errors = [
            end(too_few(1)),
            end(drops(1)),
            end(late(1)),
            end(tries(1)),
            Schedule::new(()).timeout(Duration::ZERO).run(double(1)).unwrap_err(),
            Schedule::new(()).cancel_on(&cancelled).run(double(1)).unwrap_err(),
            end(locks_twice()),
            end(task_fn(async |_| pending::<()>().await)),
        ];
        let table = errors.map(|error| {
            assert!(error.source().is_none(), "the message says it all");
            let kind = format!("{error:?}")
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '(')
                .collect::<String>();
            format!(
                "{kind} of {:?}, timeout {}, cancelled {}\n",
                error.dispatcher(),
                error.is_timeout(),
                error.is_cancelled()
            )
        });
        expect![[r#"
            Batch(WrongCount of Some("too_few"), timeout false, cancelled false
            Batch(Unanswered of Some("drops"), timeout false, cancelled false
            Batch(TimedOut of Some("late"), timeout true, cancelled false
            Batch(RetriesExhausted of Some("tries"), timeout false, cancelled false
            TimedOut of None, timeout true, cancelled false
            Cancelled of None, timeout false, cancelled true
            Deadlock(Deadlock of None, timeout false, cancelled false
            ForeignFuture of None, timeout false, cancelled false
        "#]]
        .assert_eq(&table.concat());
    }

    #[test]
    fn of_requests_say_what_kind_they_are() {
        let mut schedule = Schedule::new(()).clock(VirtualClock::new());
        let errors = [
            schedule.run(too_few_for_tasks(1)),
            schedule.run(drops_for_tasks(1)),
            schedule.run(late_for_tasks(1)),
            schedule.run(tries_for_tasks(1)),
            schedule.run(panics_for_tasks(1)),
        ];
        let table = errors.map(|end| {
            let error = end.unwrap().unwrap_err();
            assert!(error.source().is_none() && error.failed().is_none());
            let kind = format!("{error:?}")
                .chars()
                .take_while(|c| c.is_alphanumeric())
                .collect::<String>();
            // For the run it is the same.
            let of_run = Error::from(error.clone());
            assert_eq!(
                (of_run.dispatcher(), of_run.is_timeout(), of_run.to_string()),
                (error.dispatcher(), error.is_timeout(), error.to_string())
            );
            format!("{kind} of {:?}, timeout {}\n", error.dispatcher(), error.is_timeout())
        });
        expect![[r#"
            WrongCount of Some("too_few_for_tasks"), timeout false
            Unanswered of Some("drops_for_tasks"), timeout false
            TimedOut of Some("late_for_tasks"), timeout true
            RetriesExhausted of Some("tries_for_tasks"), timeout false
            Panicked of Some("panics_for_tasks"), timeout false
        "#]]
        .assert_eq(&table.concat());
    }

    #[test]
    fn of_a_dispatcher_stand_for_themselves() {
        let error = Schedule::new(()).run(refuses(1)).unwrap().unwrap_err();
        assert_eq!(
            (error.dispatcher(), error.is_timeout(), error.to_string().as_str()),
            (None, false, "refused")
        );
        assert!(error.failed().is_some());
        // What is below theirs is below it: the message is not said twice.
        assert!(error.source().unwrap().is::<ParseIntError>());
        let error = RequestError::of_dispatcher(Refused("two".parse::<u64>().unwrap_err()));
        assert!(error.source().unwrap().is::<ParseIntError>());
        assert!(matches!(error, RequestError::Failed(error) if error.to_string() == "refused"));
    }

    #[test]
    fn become_any_error_by_a_question_mark() {
        #[corio::task]
        fn asks() -> Result<u64, AnyError> {
            Ok(io!(refuses(1))?)
        }

        fn of_a_run() -> Result<u64, AnyError> {
            Ok(Schedule::new(()).run(too_few(1))?)
        }

        fn of_a_request() -> Result<u64, AnyError> {
            Ok(Schedule::new(()).run(too_few_for_tasks(1))??)
        }

        fn of_a_task() -> Result<u64, AnyError> {
            Schedule::new(()).run(asks())?
        }

        let error = of_a_run().unwrap_err();
        assert_eq!(error.downcast_ref::<Error>().unwrap().dispatcher(), Some("too_few"));
        expect!["dispatcher `too_few` gave 0 answers to a batch of 1 request: there must be one for each, in order"].assert_eq(&error.to_string());
        let error = of_a_request().unwrap_err();
        assert_eq!(
            error.downcast_ref::<RequestError>().unwrap().dispatcher(),
            Some("too_few_for_tasks")
        );
        let error = of_a_task().unwrap_err();
        assert!(error.downcast_ref::<RequestError<Refused>>().unwrap().failed().is_some());
        assert!(error.source().unwrap().is::<ParseIntError>());
        // It goes where other threads are.
        assert_eq!(thread::spawn(move || error.to_string()).join().unwrap(), "refused");
    }
}
