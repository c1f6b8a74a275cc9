//! Under a seed what may come in any order does: the order of tasks and of answers changes, and
//! nothing else.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use corio::sync::{
    ErrGroup, Mutex, Notify, OnceCell, Receiver, RwLock, Semaphore, Sender, SingleFlight,
    WaitGroup, channel,
};
use corio::testing::VirtualClock;
use corio::{Batch, Elapsed, Event, Log, RunOptions, Schedule, Task};
use support::{Counts, double, healthy};

const SEEDS: u64 = 200;

/// What happened, in order.
#[derive(Clone, Default)]
struct Notes(Rc<RefCell<Vec<String>>>);

impl Notes {
    fn add(&self, note: impl Into<String>) {
        self.0.borrow_mut().push(note.into());
    }

    fn take(&self) -> String {
        self.0.take().join(" ")
    }
}

/// What each of the seeds makes of a program.
fn under_all<O, T: Task<(), Output = O>>(program: impl Fn() -> T) -> impl Iterator<Item = O> {
    (1..=SEEDS).map(move |seed| Schedule::new(()).shuffle(seed).run(program()).unwrap())
}

/// The log of everything that a program does.
fn log_of(schedule: &mut Schedule<()>, program: impl Task<()>) -> String {
    let log = Log::new();
    schedule.run_with(RunOptions::new().observe(log.verbose_observer()), program).unwrap();
    log.take()
}

mod the_same {
    use super::*;

    /// The result is that of the order in which tasks became ready.
    #[track_caller]
    fn check<O: PartialEq + std::fmt::Debug, T: Task<(), Output = O>>(program: impl Fn() -> T) {
        let plain = Schedule::new(()).run(program()).unwrap();
        for (result, seed) in under_all(program).zip(1..) {
            assert_eq!(result, plain, "under seed {seed}");
        }
    }

    #[corio::task]
    fn quadruple(number: u64) -> u64 {
        let twice = io!(double(number));
        assert_eq!(twice, number * 2);
        io!(double(twice))
    }

    #[corio::task]
    fn fails_at(number: u64, at: u64) -> Result<u64, u64> {
        let four = call!(quadruple(number));
        if number == at { Err(number) } else { Ok(four) }
    }

    #[test]
    fn requests_of_a_task() {
        #[corio::task]
        fn program() -> (u64, u64, Vec<u64>) {
            let (one, two) = io!(double(1), double(2));
            (one, two, io_all!((0..50).map(double)))
        }
        check(program);
    }

    #[test]
    fn spawned_tasks_and_their_handles() {
        #[corio::task]
        fn program() -> (Vec<u64>, u64) {
            let sum = Rc::new(RefCell::new(0));
            let mut handles = Vec::new();
            for number in 0..20 {
                handles.push(spawn!(quadruple(number)));
                let sum = sum.clone();
                spawn!(task!(move {
                    let four = call!(quadruple(number));
                    *sum.borrow_mut() += four;
                }));
            }
            let mut results = Vec::new();
            for handle in handles {
                results.push(call!(handle));
            }
            wait!();
            (results, sum.take())
        }
        check(program);
        check(healthy);
    }

    #[test]
    fn sets_of_children() {
        #[corio::task]
        fn program() -> (Vec<u64>, (u64, u64), Result<Vec<u64>, u64>, Result<(u64, u64), u64>) {
            let all = all!((0..20).map(quadruple));
            let both = join!(quadruple(1), double(2));
            let none_fails = try_all!((0..20).map(|number| fails_at(number, 100)));
            let one_fails = try_join!(fails_at(1, 2), fails_at(2, 2));
            (all, both, none_fails, one_fails)
        }
        check(program);
    }

    #[test]
    fn the_first_where_only_one_can_be() {
        #[corio::task]
        fn program() -> (u64, Result<u64, Elapsed>) {
            let first = race!(quadruple(7), double(5));
            let in_time = timeout!(Duration::from_secs(1), quadruple(7));
            (first, in_time)
        }
        check(program);
    }

    #[test]
    fn what_a_lock_protects() {
        #[corio::task]
        fn add(sum: Rc<Mutex<u64>>, number: u64) {
            let mut sum = call!(sum.lock());
            let before = *sum;
            *sum = before + io!(double(number));
        }

        #[corio::task]
        fn program() -> u64 {
            let sum = Rc::new(Mutex::new(0));
            for number in 0..20 {
                spawn!(add(sum.clone(), number));
            }
            wait!();
            *call!(sum.lock())
        }
        check(program);
    }

    #[test]
    fn a_group_that_is_waited_for() {
        #[corio::task]
        fn program() -> usize {
            let group = Rc::new(WaitGroup::new());
            group.add(5);
            let done = Rc::new(RefCell::new(0));
            for number in 0..5 {
                let (group, done) = (group.clone(), done.clone());
                spawn!(task!(move {
                    io!(double(number));
                    *done.borrow_mut() += 1;
                    group.done();
                }));
            }
            call!(group.wait());
            done.take()
        }
        check(program);
    }

    #[test]
    fn readers_and_writers_and_places_for_a_few() {
        #[corio::task]
        fn add(sum: &RwLock<u64>, few: &Semaphore, number: u64) -> bool {
            let _permit = call!(few.acquire());
            let read = *call!(sum.read());
            let mut sum = call!(sum.write());
            let before = *sum;
            *sum = before + io!(double(number));
            *sum >= read
        }

        #[corio::task]
        fn program() -> (Vec<bool>, u64) {
            let (sum, few) = (RwLock::new(0), Semaphore::new(3));
            (all!((0..20).map(|number| add(&sum, &few, number))), sum.into_inner())
        }
        check(program);
    }

    #[test]
    fn what_is_sent_made_once_and_shared() {
        #[corio::task]
        fn produce(numbers: Sender<u64>, first: u64, changed: Rc<Notify>) {
            for number in first..first + 5 {
                call!(numbers.send(io!(double(number)))).unwrap();
            }
            changed.notify_one();
        }

        #[corio::task]
        fn add_all(mut numbers: Receiver<u64>) -> u64 {
            let mut sum = 0;
            while let Some(number) = call!(numbers.recv()) {
                sum += number;
            }
            sum
        }

        #[corio::task]
        fn share(
            once: &OnceCell<u64>,
            flights: &SingleFlight<u64, u64>,
            number: u64,
        ) -> (u64, u64) {
            (
                *call!(once.get_or_init(double(7))),
                call!(flights.run(number % 3, double(number % 3))),
            )
        }

        #[corio::task]
        fn program() -> (u64, Vec<(u64, u64)>) {
            let (sender, receiver) = channel(2);
            let changed = Rc::new(Notify::new());
            spawn!(produce(sender.clone(), 10, changed.clone()));
            spawn!(produce(sender, 20, changed.clone()));
            let sum = spawn!(add_all(receiver));
            call!(changed.notified());
            let (once, flights) = (OnceCell::new(), SingleFlight::new());
            let shared = all!((0..10).map(|number| share(&once, &flights, number)));
            (call!(sum), shared)
        }
        check(program);
    }

    #[test]
    fn a_group_of_which_one_fails() {
        #[corio::task]
        fn member(number: u64) -> Result<(), u64> {
            call!(fails_at(number, 3)).map(|_| ())
        }

        #[corio::task]
        fn program() -> Result<(), u64> {
            let group = ErrGroup::with_limit(4);
            for number in 0..10 {
                spawn!(group.run(member(number)));
            }
            call!(group.wait())
        }
        check(program);
    }

    #[test]
    fn children_by_and_by() {
        #[corio::task]
        fn program() -> Vec<u64> {
            all!(limit = 3, (0..20).map(quadruple))
        }
        check(program);

        #[corio::task]
        fn many() -> u64 {
            let sum = Rc::new(std::cell::Cell::new(0));
            for number in 0..50 {
                let sum = sum.clone();
                spawn!(task!(move {
                    let four = call!(quadruple(number));
                    sum.set(sum.get() + four);
                }));
            }
            wait!();
            sum.get()
        }
        for seed in 1..=SEEDS {
            assert_eq!(
                Schedule::new(())
                    .shuffle(seed)
                    .max_tasks(5)
                    .max_resumes_per_phase(3)
                    .run(many())
                    .unwrap(),
                50 * 49 / 2 * 4,
                "under seed {seed}"
            );
        }
    }

    #[test]
    fn answers_by_futures_slots_and_maps() {
        #[corio::dispatcher(max_batch = 3)]
        async fn later(keys: &[u64]) -> Vec<u64> {
            let mut polls = keys.len() as u64 + keys[0] % 3;
            std::future::poll_fn(|context| {
                polls -= 1;
                context.waker().wake_by_ref();
                if polls == 0 { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
            })
            .await;
            keys.to_vec()
        }

        #[corio::dispatcher(max_batch = 4)]
        fn slots(batch: Batch<u64, u64>) {
            batch.into_iter().rev().for_each(|slot| {
                let key = *slot.key();
                slot.answer(key);
            });
        }

        #[corio::dispatcher(cache)]
        fn named(keys: &[u64]) -> HashMap<u64, String> {
            keys.iter().filter(|key| *key % 2 == 0).map(|key| (*key, key.to_string())).collect()
        }

        #[corio::task]
        fn one(number: u64) -> (u64, u64, Option<String>, Option<String>) {
            let first = io!(named(number / 4));
            (io!(later(number)), io!(slots(number)), first, io!(named(number / 3)))
        }

        #[corio::task]
        fn program() -> Vec<(u64, u64, Option<String>, Option<String>)> {
            all!((0..20).map(one))
        }
        check(program);
    }

    #[test]
    fn answers_that_come_after_several_tries() {
        #[corio::dispatcher(retry(attempts = 4, backoff = "10ms..1s", jitter, when = |_: &u64| true))]
        fn flaky(keys: &[u64]) -> Vec<Result<u64, u64>> {
            let turn = CALLS.replace(CALLS.get() + 1);
            keys.iter().map(|key| if turn % 3 == key % 3 { Ok(*key) } else { Err(turn) }).collect()
        }

        thread_local! {
            static CALLS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
        }

        #[corio::task]
        fn program() -> Vec<u64> {
            io_all!((0..9).map(flaky)).into_iter().map(Result::unwrap).collect()
        }

        for seed in 1..=SEEDS {
            CALLS.set(0);
            let mut schedule = Schedule::new(()).clock(VirtualClock::new()).shuffle(seed);
            assert!(schedule.run(program()).unwrap().into_iter().eq(0..9), "under seed {seed}");
        }
    }

    #[test]
    fn the_order_without_a_seed() {
        #[corio::task]
        fn note(notes: Notes, number: u64) {
            notes.add(format!("{number}"));
            io!(double(number));
            notes.add(format!("-{number}"));
        }

        #[corio::task]
        fn program(notes: Notes) {
            for number in 1..=5 {
                spawn!(note(notes.clone(), number));
            }
        }

        let notes = Notes::default();
        Schedule::new(()).seed(7).run(program(notes.clone())).unwrap();
        assert_eq!(notes.take(), "1 2 3 4 5 -1 -2 -3 -4 -5");
    }
}

mod any_order {
    use super::*;

    /// The orders that some seed leads to.
    fn orders<T: Task<(), Output = ()>>(program: impl Fn(Notes) -> T) -> BTreeSet<String> {
        let notes = Notes::default();
        let of_program = notes.clone();
        under_all(move || program(of_program.clone())).map(|()| notes.take()).collect()
    }

    #[corio::task]
    fn note(notes: Notes, name: &'static str) {
        notes.add(name);
    }

    #[test]
    fn of_tasks_that_were_spawned() {
        #[corio::task]
        fn program(notes: Notes) {
            for name in ["a", "b", "c"] {
                spawn!(note(notes.clone(), name));
            }
        }
        assert_eq!(
            orders(program),
            ["a b c", "a c b", "b a c", "b c a", "c a b", "c b a"].map(String::from).into()
        );
    }

    #[corio::dispatcher]
    fn together(keys: &[&'static str]) -> Vec<&'static str> {
        keys.to_vec()
    }

    #[corio::dispatcher(max_batch = 1)]
    fn alone(keys: &[&'static str]) -> Vec<&'static str> {
        keys.to_vec()
    }

    /// Notes the answers in the order in which they come. They are asked in this one: who asks
    /// first has spawned the others.
    #[corio::task]
    fn note_answers(notes: Notes, names: &'static [&'static str], in_one_batch: bool) {
        let [name, others @ ..] = names else { return };
        spawn!(note_answers(notes.clone(), others, in_one_batch));
        notes.add(if in_one_batch { io!(together(name)) } else { io!(alone(name)) });
    }

    #[test]
    fn of_answers_of_one_batch() {
        let orders = orders(|notes| note_answers(notes, &["a", "b", "c"], true));
        assert_eq!(
            orders,
            ["a b c", "a c b", "b a c", "b c a", "c a b", "c b a"].map(String::from).into()
        );
    }

    #[test]
    fn of_answers_of_several_batches() {
        let orders = orders(|notes| note_answers(notes, &["a", "b", "c"], false));
        assert_eq!(
            orders,
            ["a b c", "a c b", "b a c", "b c a", "c a b", "c b a"].map(String::from).into()
        );
    }

    #[test]
    fn of_answers_and_of_tasks_that_those_before_have_woken() {
        #[corio::task]
        fn note_parent(notes: Notes) {
            io!(double(1));
            spawn!(note(notes.clone(), "child"));
            notes.add("parent");
        }

        #[corio::task]
        fn program(notes: Notes) {
            spawn!(note_answers(notes.clone(), &["a", "b"], true));
            spawn!(note_parent(notes));
        }

        // Every order of the four in which a child comes after its parent, also before answers that
        // were there before it.
        let orders = orders(program);
        assert_eq!(orders.len(), 12, "{orders:?}");
        assert!(orders.contains("parent child b a"));
    }

    #[test]
    fn of_futures_that_can_go_on() {
        #[corio::dispatcher(max_batch = 1)]
        async fn noted(notes: &Notes, keys: &[&'static str]) -> Vec<&'static str> {
            let mut pending = true;
            std::future::poll_fn(|context| {
                context.waker().wake_by_ref();
                if std::mem::take(&mut pending) {
                    std::task::Poll::Pending
                } else {
                    std::task::Poll::Ready(())
                }
            })
            .await;
            notes.add(keys[0]);
            keys.to_vec()
        }

        #[corio::task(Notes)]
        fn program() {
            io_all!(["a", "b", "c"].map(noted));
        }

        let orders: BTreeSet<String> = (1..=SEEDS)
            .map(|seed| {
                let notes = Notes::default();
                Schedule::new(&notes).shuffle(seed).run(program()).unwrap();
                notes.take()
            })
            .collect();
        assert_eq!(orders.len(), 6, "{orders:?}");
    }

    #[test]
    fn of_who_comes_first_in_a_race_and_those_that_lose_run_no_more() {
        thread_local! {
            static WINNERS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
        }

        #[corio::task]
        fn runner(number: u64, counts: Counts) -> u64 {
            let _counted = counts.one();
            io!(double(number));
            WINNERS.with_borrow_mut(|winners| winners.push(number));
            number
        }

        #[corio::task]
        fn program(counts: Counts) -> u64 {
            race!(runner(1, counts.clone()), runner(2, counts.clone()), runner(3, counts.clone()))
        }

        let counts = Counts::default();
        let mut seen = BTreeSet::new();
        for winner in under_all(|| program(counts.clone())) {
            assert_eq!(WINNERS.take(), [winner]);
            seen.insert(winner);
        }
        assert_eq!(seen, [1, 2, 3].into());
        counts.check();
    }
}

mod promised {
    use super::*;

    /// Under every seed tasks get what they wait for in the order in which they ask.
    fn check_in_the_order_of_asking<T: Task<(), Output = ()> + 'static>(
        hold: impl Fn(Notes, Notes, u64) -> T,
    ) {
        let mut orders = BTreeSet::new();
        for seed in 1..=SEEDS {
            let (asked, got) = (Notes::default(), Notes::default());
            let tasks: Vec<T> =
                (0..5).map(|number| hold(asked.clone(), got.clone(), number)).collect();
            Schedule::new(()).shuffle(seed).run(all_of(tasks)).unwrap();
            let asked = asked.take();
            assert_eq!(got.take(), asked, "under seed {seed}");
            orders.insert(asked);
        }
        assert!(orders.len() > 50, "{orders:?}");
    }

    #[corio::task(())]
    fn all_of<T: Task<(), Output = ()>>(tasks: Vec<T>) {
        all!(tasks);
    }

    #[test]
    fn a_lock_is_handed_on_in_the_order_of_asking() {
        #[corio::task]
        fn mutex(asked: Notes, got: Notes, lock: Rc<Mutex<()>>, number: u64) {
            asked.add(number.to_string());
            let _guard = call!(lock.lock());
            got.add(number.to_string());
            io!(double(number));
        }

        #[corio::task]
        fn writer(asked: Notes, got: Notes, lock: Rc<RwLock<()>>, number: u64) {
            asked.add(number.to_string());
            let _guard = call!(lock.write());
            got.add(number.to_string());
            io!(double(number));
        }

        #[corio::task]
        fn semaphore(asked: Notes, got: Notes, lock: Rc<Semaphore>, number: u64) {
            asked.add(number.to_string());
            let _permits = call!(lock.acquire_many(2));
            got.add(number.to_string());
            io!(double(number));
        }

        let lock = Rc::new(Mutex::new(()));
        check_in_the_order_of_asking(|asked, got, number| mutex(asked, got, lock.clone(), number));
        let lock = Rc::new(RwLock::new(()));
        check_in_the_order_of_asking(|asked, got, number| writer(asked, got, lock.clone(), number));
        let lock = Rc::new(Semaphore::new(3));
        check_in_the_order_of_asking(|asked, got, number| {
            semaphore(asked, got, lock.clone(), number)
        });
    }

    #[test]
    fn batches_leave_when_no_task_can_run_with_their_keys_in_the_order_asked_and_the_dispatcher_first_asked_first()
     {
        #[corio::dispatcher(show_keys)]
        fn half(keys: &[u64]) -> Vec<u64> {
            keys.iter().map(|key| key / 2).collect()
        }

        #[corio::task]
        fn ask(asked: Notes, number: u64) {
            asked.add(format!("double {number}"));
            io!(double(number));
            asked.add(format!("half {number}"));
            io!(half(number));
        }

        #[corio::task]
        fn program(asked: Notes) {
            for number in 0..5 {
                spawn!(ask(asked.clone(), number));
            }
            asked.add("half 9");
            io!(half(9));
        }

        for seed in 1..=SEEDS {
            let (log, asked) = (Log::new(), Notes::default());
            Schedule::new(())
                .shuffle(seed)
                .observe(log.observer())
                .run(program(asked.clone()))
                .unwrap();
            let asked = asked.take();
            // The first task runs first: nobody else is there. What it asks, it asks before all
            // others; and those that are spawned are answered before they ask again.
            let (first, second) =
                asked.split_at(asked.match_indices("double").last().unwrap().0 + "double 0 ".len());
            let keys = |of: &str, text: &str| {
                text.split(' ')
                    .collect::<Vec<_>>()
                    .chunks(2)
                    .filter(|pair| pair[0] == of)
                    .map(|pair| pair[1].to_owned())
                    .collect::<Vec<_>>()
                    .join(", ")
            };
            let expected = format!(
                "round 1: half[9]\nround 1: double[{}]\nround 2: half[{}]\n",
                keys("double", first),
                keys("half", second)
            );
            assert_eq!(log.take(), expected, "under seed {seed}");
        }
    }

    #[test]
    fn an_interrupted_run_does_the_same() {
        let plain = log_of(&mut Schedule::new(()).shuffle(5), healthy());
        let mut schedule = Schedule::new(());
        let log = Log::new();
        schedule = schedule.shuffle(5).yield_every(1).observe(log.verbose_observer());
        smol::block_on(schedule.run_async(healthy())).unwrap();
        assert_eq!(log.take(), plain);
    }
}

mod the_seed {
    use super::*;

    #[corio::task]
    fn crud(number: u64) -> u64 {
        let mut sum = 0;
        for _ in 0..3 {
            sum += io!(double(number));
        }
        sum
    }

    #[corio::task]
    fn program() -> u64 {
        let handle = spawn!(crud(100));
        all!((0..10).map(crud)).iter().sum::<u64>() + call!(handle)
    }

    #[test]
    fn gives_the_same_log_byte_for_byte() {
        let mut schedule = Schedule::new(()).shuffle(17);
        let first = log_of(&mut schedule, program());
        // A run between, of something else, and another schedule.
        schedule.run(healthy()).unwrap();
        assert_eq!(log_of(&mut schedule, program()), first);
        let log = Log::new();
        schedule = schedule.observe(log.verbose_observer());
        for _ in 0..3 {
            schedule.run(program()).unwrap();
            assert_eq!(log.take(), first);
        }
        assert_eq!(log_of(&mut Schedule::new(()).shuffle(17), program()), first);
    }

    #[test]
    fn gives_another_log_than_other_seeds() {
        let mut schedule = Schedule::new(());
        let plain = log_of(&mut schedule, program());
        let mut logs = BTreeSet::new();
        for seed in 1..=SEEDS {
            schedule = schedule.shuffle(seed);
            logs.insert(log_of(&mut schedule, program()));
        }
        assert_eq!(logs.len() as u64, SEEDS);
        assert!(!logs.contains(&plain));
    }

    #[test]
    fn is_that_of_the_jitter_too() {
        #[corio::dispatcher(retry(attempts = 3, backoff = "10ms..1s", jitter, when = |_: &u64| true))]
        fn never(keys: &[u64]) -> Vec<Result<u64, u64>> {
            keys.iter().map(|key| Err(*key)).collect()
        }

        let took = |set: fn(Schedule<()>) -> Schedule<()>| {
            let clock = VirtualClock::new();
            let mut schedule = set(Schedule::new(()).clock(clock.clone()));
            schedule.run(never(1)).unwrap().unwrap_err();
            clock.now()
        };
        assert_eq!(took(|schedule| schedule.shuffle(3)), took(|schedule| schedule.seed(3)));
        assert_ne!(took(|schedule| schedule.shuffle(3)), took(|schedule| schedule.shuffle(4)));
    }
}

#[test]
fn a_batch_is_answered_once_in_whatever_order_its_tasks_go_on() {
    #[corio::task]
    fn program() {
        io_all!((0..10).map(double));
    }

    for seed in 1..=SEEDS {
        let answered = Arc::new(std::sync::Mutex::new(Vec::new()));
        let of_observer = answered.clone();
        Schedule::new(())
            .shuffle(seed)
            .observe(move |event: &Event<'_>| {
                if let Event::BatchAnswered { batch, len, .. } = event {
                    of_observer.lock().unwrap().push((*batch, *len));
                }
            })
            .run(program())
            .unwrap();
        assert_eq!(*answered.lock().unwrap(), [(1, 10)], "under seed {seed}");
    }
}
