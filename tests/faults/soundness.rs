//! Traps for memory safety that trials of the engine met, each as a program that would show it;
//! most telling under AddressSanitizer and valgrind (see `.ci`). What must not compile is in
//! `ui/sound`, what is forgotten in `forgotten.rs`, and what is carried from one run into another
//! in `scenarios/runs/nested.rs`.

use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use corio::sync::{Mutex, WaitGroup};
use corio::{
    Batch, Cx, Dispatch, DispatcherId, Request, Requests, Schedule, SendTask, Slot, task_fn,
};
use support::heap::allocations_of_size_zero;
use support::{Number, double, healthy};

/// How often what is random is tried, or what reuses memory. Miri is slow, and sees more in less.
const ROUNDS: u64 = if cfg!(miri) { 2 } else { 30 };

/// The bytes of a large frame.
const LARGE: usize = if cfg!(miri) { 1 << 10 } else { 1 << 17 };

thread_local! {
    static SLOTS: RefCell<Vec<Slot<u64, u64>>> = const { RefCell::new(Vec::new()) };
}

/// Answered by the test, or never.
#[corio::dispatcher]
fn kept(batch: Batch<u64, u64>) {
    SLOTS.with_borrow_mut(|slots| slots.extend(batch));
}

fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

mod children_that_borrow {
    use super::*;

    /// Reads what it borrows when it is dropped: gone by then, it would be a use after free.
    struct ReadsOnDrop<'a> {
        lent: &'a Lent,
        read: &'a Number,
    }

    struct Lent(Vec<u64>);

    impl Drop for Lent {
        fn drop(&mut self) {
            self.0.fill(u64::MAX);
        }
    }

    impl Drop for ReadsOnDrop<'_> {
        fn drop(&mut self) {
            assert!(
                self.lent.0.iter().all(|&number| number == 7),
                "the frame that is borrowed from was dropped first"
            );
            self.read.add(1);
        }
    }

    #[corio::task]
    fn child<'a>(lent: &'a Lent, read: &'a Number) {
        let _argument = ReadsOnDrop { lent, read };
        join!(grandchild(lent, read), kept(1));
    }

    #[corio::task]
    fn grandchild<'a>(lent: &'a Lent, read: &'a Number) {
        let own = Lent(vec![7; 10]);
        let _of_parent = ReadsOnDrop { lent, read };
        race!(last(&own, read), last(lent, read));
    }

    #[corio::task]
    fn last<'a>(lent: &'a Lent, read: &'a Number) {
        let _here = ReadsOnDrop { lent, read };
        io!(kept(2));
        io!(double(3));
    }

    #[corio::task]
    fn lends(read: &Number) {
        // Declared after what holds it, and so dropped before: but the set that is being awaited
        // goes first of all.
        let lent = Lent(vec![7; 1000]);
        all!((0..3).map(|_| child(&lent, read)));
    }

    #[test]
    fn go_before_the_frame_when_a_run_is_dropped() {
        let read = Number::default();
        let mut schedule = Schedule::new(());
        let mut run = schedule.run_async(lends(&read));
        assert!(poll(&mut run).is_pending());
        drop(run);
        assert_eq!(read.get(), 12);
        SLOTS.take();
        assert_eq!(schedule.run(healthy()), Ok(10));
    }

    #[test]
    fn go_before_the_frame_when_they_lose() {
        #[corio::task]
        fn program(read: &Number) {
            race!(
                lends(read),
                task!({
                    io!(double(1));
                })
            );
            assert_eq!(read.get(), 12);
        }

        Schedule::new(()).run(program(&Number::default())).unwrap();
        SLOTS.take();
    }

    #[test]
    fn go_before_the_frame_when_another_task_panics() {
        #[corio::task]
        fn program(read: &Number) {
            join!(
                lends(read),
                task!({
                    io!(double(1));
                    resume_unwind(Box::new("away"))
                })
            );
        }

        let read = Number::default();
        assert!(catch_unwind(AssertUnwindSafe(|| Schedule::new(()).run(program(&read)))).is_err());
        assert_eq!(read.get(), 12);
        SLOTS.take();
    }

    #[test]
    fn do_not_run_any_more_once_a_sibling_is_dropped() {
        struct Unlocks<'a>(&'a WaitGroup);

        impl Drop for Unlocks<'_> {
            fn drop(&mut self) {
                self.0.done();
            }
        }

        // Dropping the first makes the second ready, and that one unlocks the third: none of them
        // may be resumed, as all lose together.
        #[corio::task]
        fn loser<'a>(waits_for: &'a WaitGroup, unlocks: &'a WaitGroup) {
            let _unlocks = Unlocks(unlocks);
            call!(waits_for.wait());
            unreachable!("a loser was resumed while it was dropped");
        }

        #[corio::task]
        fn program() {
            let groups: Vec<WaitGroup> = (0..5).map(|_| WaitGroup::new()).collect();
            groups.iter().for_each(|group| group.add(1));
            groups[0].add(1);
            race!(
                loser(&groups[0], &groups[1]),
                loser(&groups[1], &groups[2]),
                loser(&groups[2], &groups[3]),
                loser(&groups[3], &groups[4]),
                task!({
                    io!(double(1));
                })
            );
            // Each of the four was dropped.
            assert!(
                groups[1..].iter().all(|group| format!("{group:?}").contains("left: 0")),
                "{groups:?}"
            );
            io!(double(2));
        }

        Schedule::new(()).run(program()).unwrap();
    }
}

mod a_frame {
    use super::*;

    /// Miri takes long for what is large and moved.
    const LONG: usize = if cfg!(miri) { 40 } else { 2000 };

    /// Refers to itself across every request: whoever moved it would be seen.
    #[corio::task]
    fn refers_to_itself<const N: usize>(seed: u64) -> u64 {
        let mut here = [seed; N];
        let (left, right) = here.split_at_mut(N / 2);
        for round in 0..5 {
            left[0] += io!(double(round));
            right[0] += 1;
            let address = &raw const left[0];
            io_all!((0..round).map(double));
            assert_eq!(address, &raw const left[0]);
        }
        here[0] + here[N / 2]
    }

    #[test]
    fn stays_where_it_is_and_belongs_to_one_task() {
        #[corio::task]
        fn program() -> u64 {
            let mut sum = 0;
            for seed in 0..ROUNDS {
                let handles = (
                    spawn!(refers_to_itself::<2>(seed)),
                    spawn!(refers_to_itself::<20>(seed)),
                    spawn!(refers_to_itself::<{ LONG / 10 }>(seed)),
                );
                let (a, b) = join!(refers_to_itself::<3>(seed), refers_to_itself::<LONG>(seed));
                let all: Vec<u64> = all!((0..seed).map(refers_to_itself::<30>));
                let (c, d, e) = handles;
                sum += a + b + call!(c) + call!(d) + call!(e) + all.iter().sum::<u64>();
            }
            sum
        }

        // A task of seed `s` gives `s + 0 + 2 + 4 + 6 + 8` and `s + 5`.
        let one = |seed: u64| 2 * seed + 25;
        let expected: u64 =
            (0..ROUNDS).map(|seed| 5 * one(seed) + (0..seed).map(one).sum::<u64>()).sum();
        let mut schedule = Schedule::new(());
        for _ in 0..3 {
            // The schedule moves between runs; what it keeps must not mind.
            let mut moved = Box::new(schedule);
            assert_eq!(moved.run(program()), Ok(expected));
            schedule = *moved;
        }
    }

    #[derive(Clone, Copy)]
    #[repr(align(128))]
    struct Wide(u64);

    impl Wide {
        #[track_caller]
        fn check(&self, number: u64) {
            assert_eq!((self as *const Wide as usize % 128, self.0), (0, number));
        }
    }

    #[corio::task]
    fn wide(wide: Wide) -> Wide {
        let local = Wide(wide.0 + 1);
        wide.check(io!(double(wide.0)) / 2);
        local.check(wide.0 + 1);
        local
    }

    #[test]
    fn is_aligned_as_its_contents_ask_for() {
        #[corio::dispatcher]
        fn widen(keys: &[Wide]) -> Vec<Wide> {
            keys.iter().map(|key| Wide(key.0 * 2)).collect()
        }

        #[corio::task]
        fn program() {
            call!(wide(Wide(1))).check(2);
            call!(spawn!(wide(Wide(2)))).check(3);
            let (a, b, narrow) = join!(wide(Wide(3)), wide(Wide(4)), double(1));
            a.check(4);
            b.check(5);
            assert_eq!(narrow, 2);
            for (at, one) in (0..9).zip(all!((0..9).map(|at| wide(Wide(at))))) {
                one.check(at + 1);
            }
            let (c, d) = io!(widen(Wide(5)), widen(Wide(6)));
            c.check(10);
            d.check(12);
            for (at, one) in (0..9).zip(io_all!((0..9).map(|at| widen(Wide(at))))) {
                one.check(at * 2);
            }
        }

        let mut schedule = Schedule::new(());
        schedule.run(program()).unwrap();
        schedule.run(program()).unwrap();
    }

    #[test]
    fn of_no_children_of_wide_alignment_allocates_nothing_of_no_size() {
        #[corio::task]
        fn program() -> usize {
            let none = all!((0..0).map(|at| wide(Wide(at))));
            // Says nothing of its size beforehand.
            let some = all!((0..9).filter(|at| at % 2 == 0).map(|at| wide(Wide(at))));
            none.len() + some.len()
        }

        let before = allocations_of_size_zero();
        assert_eq!(Schedule::new(()).run(program()), Ok(5));
        assert_eq!(
            allocations_of_size_zero() - before,
            0,
            "`alloc` was called with a size of zero, which is undefined behaviour"
        );
    }

    #[test]
    fn of_a_megabyte_and_sets_of_many() {
        #[corio::task]
        fn large(seed: u8) -> usize {
            let large = [seed; LARGE];
            io!(double(1));
            large.iter().filter(|byte| **byte == seed).count()
        }

        #[corio::task]
        fn program() -> usize {
            let all: Vec<usize> = all!((0..12).map(large));
            all.iter().sum::<usize>() + call!(spawn!(large(3)))
        }

        // Moving such a task takes stack, a multiple of it where nothing is optimised.
        let on_a_large_stack = || assert_eq!(Schedule::new(()).run(program()), Ok(13 * LARGE));
        std::thread::Builder::new()
            .stack_size(64 << 20)
            .spawn(on_a_large_stack)
            .unwrap()
            .join()
            .unwrap();
    }

    #[test]
    fn whose_destructor_panics_is_not_dropped_again() {
        struct Once {
            dropped: Rc<Cell<u32>>,
            text: String,
        }

        impl Drop for Once {
            fn drop(&mut self) {
                assert_eq!(self.text, "owned");
                self.dropped.set(self.dropped.get() + 1);
                resume_unwind(Box::new("in a destructor"));
            }
        }

        #[corio::task]
        fn ends(once: Once, _beside: Rc<Cell<u32>>) {
            io!(double(1));
            assert_eq!(once.text, "owned");
        }

        #[corio::task]
        fn gives(once: Once) -> Once {
            io!(double(1));
            once
        }

        #[corio::task]
        fn program(form: u32, dropped: Rc<Cell<u32>>) {
            let once = Once { dropped: dropped.clone(), text: String::from("owned") };
            match form {
                0 => drop(spawn!(ends(once, dropped))),
                1 => drop(spawn!(gives(once))),
                2 => drop(all!([ends(once, dropped)])),
                3 => drop(join!(ends(once, dropped), double(1))),
                4 => {
                    let handle = spawn!(gives(once));
                    wait!();
                    drop(handle);
                }
                _ => call!(ends(once, dropped)),
            }
            wait!();
        }

        for form in 0..6 {
            let dropped = Rc::new(Cell::new(0));
            let mut schedule = Schedule::new(());
            assert!(
                catch_unwind(AssertUnwindSafe(|| schedule.run(program(form, dropped.clone()))))
                    .is_err(),
                "form {form}"
            );
            assert_eq!((dropped.get(), Rc::strong_count(&dropped)), (1, 1), "form {form}");
            assert_eq!(schedule.run(healthy()), Ok(10));
        }
    }
}

mod one_static_for_several_types {
    use super::*;

    struct Echo<T>(T);

    impl<T: Clone + 'static> Request for Echo<T> {
        type Key = T;
        type Answer = (TypeId, T);

        fn into_key(self) -> T {
            self.0
        }

        fn dispatcher_id() -> Option<&'static DispatcherId> {
            // The mistake that the docs of `DispatcherId` warn of: all types share this static.
            static ID: DispatcherId = DispatcherId::new();
            Some(&ID)
        }
    }

    impl<S, T: Clone + 'static> Dispatch<S> for Echo<T> {
        fn dispatch<'r>(_: &'r S, requests: Requests<'_, 'r, Self>) {
            requests.answer(|keys| {
                keys.iter().map(|key| (TypeId::of::<T>(), key.clone())).collect::<Vec<_>>()
            });
        }
    }

    #[corio::task(())]
    fn asks<T: Clone + PartialEq + 'static>(key: T) {
        for _ in 0..3 {
            let (of, answer) = io!(Echo(key.clone()));
            assert!(of == TypeId::of::<T>() && answer == key);
            let (one, other) = io!(Echo(key.clone()), Echo(key.clone()));
            assert!(one.1 == key && other.1 == key);
        }
    }

    #[test]
    fn is_no_confusion() {
        #[corio::task(())]
        fn program() {
            join!(
                asks(String::from("text")),
                asks(7_u8),
                asks(vec![String::from("a"); 3]),
                asks(()),
                asks([9_u64; 20]),
                asks(Some(Box::new(1)))
            );
        }

        let mut schedule = Schedule::new(());
        schedule.run(program()).unwrap();
        schedule.run(program()).unwrap();
    }
}

mod an_answer {
    use super::*;

    #[corio::dispatcher]
    fn text(keys: &[u64]) -> Vec<String> {
        keys.iter().map(u64::to_string).collect()
    }

    #[corio::dispatcher]
    fn again(keys: &[u64]) -> Vec<String> {
        keys.iter().map(|key| format!("again {key}")).collect()
    }

    #[test]
    fn of_a_type_that_others_give_too_reaches_who_asked() {
        #[corio::task]
        fn program() {
            for key in 0..10 {
                let (a, b, c, d) = join!(text(key), again(key), text(key + 1), again(key + 1));
                assert_eq!(
                    [a, b, c, d],
                    [
                        key.to_string(),
                        format!("again {key}"),
                        (key + 1).to_string(),
                        format!("again {}", key + 1)
                    ]
                );
                race!(text(key), again(key), text(key));
                assert_eq!(io!(again(key)), format!("again {key}"));
            }
        }

        Schedule::new(()).run(program()).unwrap();
    }

    #[test]
    fn that_comes_late_finds_nobody_in_the_place_of_who_asked() {
        // Children are dropped while their answers are on the way, and others get their memory,
        // over and over.
        #[corio::task]
        fn slow(key: u64) -> u64 {
            io!(kept(key))
        }

        #[corio::task]
        fn program() {
            for key in 0..ROUNDS {
                race!(slow(key), slow(key), task!({ io!(double(key)) }));
                let own = [key + 1000; 4];
                let handle = spawn!(double(key));
                assert_eq!(call!(handle), key * 2);
                assert_eq!(own, [key + 1000; 4]);
                if key % 7 == 0 {
                    for slot in SLOTS.take() {
                        slot.answer(u64::MAX);
                    }
                }
            }
        }

        Schedule::new(()).run(program()).unwrap();
        SLOTS.take();
    }
}

mod a_lock_handed_over {
    use super::*;

    #[test]
    fn to_one_who_is_dropped_before_it_runs_is_passed_on_however_many_there_are() {
        #[corio::task]
        fn locks(mutex: &Mutex<u64>) {
            *call!(mutex.lock()) += 1;
        }

        // All of them are woken or wait at the moment when their rivals, asked in the same round,
        // have their answers.
        #[corio::task]
        fn impatient(mutex: &Mutex<u64>) {
            race!(
                locks(mutex),
                task!({
                    io!(double(1));
                })
            );
        }

        #[corio::task]
        fn holds(mutex: &Mutex<u64>) {
            let _locked = call!(mutex.lock());
            io!(double(1));
        }

        #[corio::task]
        fn program(mutex: &Mutex<u64>) {
            join!(
                holds(mutex),
                task!({
                    all!((0..10).map(|_| impatient(mutex)));
                }),
                locks(mutex)
            );
        }

        let mutex = Mutex::new(0);
        Schedule::new(()).run(program(&mutex)).unwrap();
        assert_eq!(mutex.into_inner(), 1);
    }
}

mod everything_together {
    use super::*;

    /// Fills its memory with its own number, and looks at it again after each wait.
    struct Filled<const N: usize> {
        number: u64,
        content: Box<[u64; 4]>,
        inline: [u64; N],
        alive: Arc<AtomicI64>,
    }

    impl<const N: usize> Filled<N> {
        fn new(number: u64, alive: &Arc<AtomicI64>) -> Self {
            alive.fetch_add(1, Ordering::Relaxed);
            Filled {
                number,
                content: Box::new([number; 4]),
                inline: [number; N],
                alive: alive.clone(),
            }
        }

        #[track_caller]
        fn check(&self) {
            let all_of_it = self.inline.iter().chain(self.content.iter());
            assert!(
                all_of_it.into_iter().all(|&word| word == self.number),
                "the memory of task {} is another's",
                self.number
            );
        }
    }

    impl<const N: usize> Drop for Filled<N> {
        fn drop(&mut self) {
            self.check();
            self.alive.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A generator of numbers that look random, the same in each run.
    fn next(state: &AtomicU64) -> u64 {
        let mut next = state.load(Ordering::Relaxed);
        next ^= next << 13;
        next ^= next >> 7;
        next ^= next << 17;
        state.store(next, Ordering::Relaxed);
        next >> 8
    }

    #[corio::task]
    fn lives<const N: usize>(
        random: Arc<AtomicU64>,
        alive: Arc<AtomicI64>,
        depth: u32,
    ) -> Filled<N> {
        let own = Filled::<N>::new(next(&random), &alive);
        for _ in 0..next(&random) % 4 {
            match next(&random) % if depth == 0 { 4 } else { 10 } {
                0 => assert_eq!(io!(double(5)), 10),
                1 => assert_eq!(io_all!((0..3).map(double)), [0, 2, 4]),
                2 => drop(race!(double(1), double(2))),
                3 => drop(race!(kept(1), double(2))),
                4 => drop(spawn!(lives::<1>(random.clone(), alive.clone(), depth - 1))),
                5 => {
                    let handle = spawn!(lives::<17>(random.clone(), alive.clone(), depth - 1));
                    io!(double(1));
                    call!(handle).check();
                }
                6 => all!((0..next(&random) % 4).map(|_| lives::<5>(
                    random.clone(),
                    alive.clone(),
                    depth - 1
                )))
                .iter()
                .for_each(Filled::check),
                7 => {
                    let (one, other) = join!(
                        lives::<3>(random.clone(), alive.clone(), depth - 1),
                        lives::<40>(random.clone(), alive.clone(), depth - 1)
                    );
                    one.check();
                    other.check();
                }
                8 => race!(
                    lives::<9>(random.clone(), alive.clone(), depth - 1),
                    lives::<9>(random.clone(), alive.clone(), depth - 1)
                )
                .check(),
                _ => drop(try_all!((0..4_u32).map(|at| fails(
                    random.clone(),
                    alive.clone(),
                    depth - 1,
                    at == 2
                )))),
            }
            own.check();
        }
        own
    }

    #[corio::task]
    fn fails(
        random: Arc<AtomicU64>,
        alive: Arc<AtomicI64>,
        depth: u32,
        fails: bool,
    ) -> Result<Filled<2>, Filled<2>> {
        let gives = call!(lives::<2>(random, alive, depth));
        if fails { Err(gives) } else { Ok(gives) }
    }

    #[test]
    fn nobodys_memory_is_anothers_and_nothing_is_left() {
        let alive = Arc::new(AtomicI64::new(0));
        let mut schedule = Schedule::new(());
        for seed in 1..=ROUNDS {
            let random = Arc::new(AtomicU64::new(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed)));
            let task = lives::<8>(random.clone(), alive.clone(), 5);
            if seed % 3 == 0 {
                // Dropped in the middle.
                let mut run = schedule.run_async(task);
                let _ = poll(&mut run);
            } else {
                let mut run = schedule.run_async(task);
                // Only those wait for slots who lost their race before.
                while poll(&mut run).is_pending() {
                    for slot in SLOTS.take() {
                        slot.answer(u64::MAX);
                    }
                }
            }
            SLOTS.take();
            assert_eq!(
                (
                    alive.load(Ordering::Relaxed),
                    Arc::strong_count(&alive),
                    Arc::strong_count(&random)
                ),
                (0, 1, 1),
                "seed {seed}"
            );
            assert_eq!(schedule.run(healthy()), Ok(10));
        }
    }
}

/// Once a task has been dropped nothing can be done in its name, although its locals are still
/// there and hold its `Cx` and futures of it.
mod a_destructor_of_a_dropped_task {
    use super::*;
    use std::sync::Mutex;

    const REFUSED: &str = "corio: a `Cx` can only be used by its own task, and not by a destructor when the task has been dropped";

    type Started<'r> = Vec<(&'static str, Pin<Box<dyn Future<Output = ()> + Send + 'r>>)>;

    /// Uses all that it holds when it is dropped, and notes what became of it.
    struct UsesAll<'r> {
        cx: Cx<'r, ()>,
        started: Started<'r>,
        log: &'r Mutex<Vec<String>>,
    }

    impl UsesAll<'_> {
        fn note<T>(log: &Mutex<Vec<String>>, what: &str, used: impl FnOnce() -> T) {
            let became = match catch_unwind(AssertUnwindSafe(|| drop(used()))) {
                Ok(()) => "done".to_string(),
                Err(panic) => panic
                    .downcast_ref::<&str>()
                    .map_or(
                        "another panic",
                        |message| if *message == REFUSED { "refused" } else { message },
                    )
                    .to_string(),
            };
            log.lock().unwrap().push(format!("{what}: {became}"));
        }
    }

    impl Drop for UsesAll<'_> {
        fn drop(&mut self) {
            let (cx, log) = (self.cx, self.log);
            for (what, future) in &mut self.started {
                Self::note(log, what, || poll(future));
            }
            Self::note(log, "spawn", || cx.spawn(healthy()));
            Self::note(log, "io", || cx.io(double(1)));
            Self::note(log, "io_all", || cx.io_all([double(1)]));
            Self::note(log, "call", || cx.call(healthy()));
            Self::note(log, "all", || cx.all([healthy()]));
            Self::note(log, "wait", || cx.wait());
            cx.context();
        }
    }

    fn unit<'r, F: Future + Send + 'r>(future: F) -> Pin<Box<dyn Future<Output = ()> + Send + 'r>> {
        Box::pin(async { drop(future.await) })
    }

    /// Waits for ever, with futures that have begun and such that have not.
    fn holds(log: &Mutex<Vec<String>>) -> impl SendTask<(), Output = Result<(), ()>> {
        task_fn(async move |cx: Cx<'_, ()>| {
            let mut started: Started<'_> = vec![
                ("io, begun", unit(cx.io(kept(1)))),
                ("io_all, begun", unit(cx.io_all([kept(2), kept(3)]))),
                ("call, begun", unit(cx.call(kept(4)))),
                ("all, begun", unit(cx.all([kept(5), kept(6)]))),
            ];
            started.iter_mut().for_each(|(_, future)| assert!(poll(future).is_pending()));
            started.push(("io, not begun", unit(cx.io(kept(7)))));
            let _uses_all = UsesAll { cx, started, log };
            cx.io(kept(8)).await;
            Ok(())
        })
    }

    #[corio::task]
    fn ends() -> Result<(), ()> {
        io!(double(1));
        Ok(())
    }

    #[corio::task]
    fn fails() -> Result<(), ()> {
        io!(double(1));
        Err(())
    }

    #[corio::task]
    fn panics() -> Result<(), ()> {
        io!(double(1));
        resume_unwind(Box::new("away"))
    }

    #[corio::task(())]
    fn loses(how: &str, log: &Mutex<Vec<String>>) {
        match how {
            "a race" => drop(race!(holds(log), ends())),
            "a set with an error" => drop(try_join!(holds(log), fails())),
            "a time limit" => drop(timeout!(Duration::from_secs(1), holds(log))),
            "a run that panics" => drop(join!(holds(log), panics())),
            "a run that is dropped" => drop(call!(holds(log))),
            other => unreachable!("{other}"),
        }
        // Whoever comes now gets the entries that have become free.
        let (text, numbers) = (spawn!(gives_text()), spawn!(gives_numbers()));
        assert_eq!(call!(text), "a text of some length, on the heap");
        assert_eq!(call!(numbers), [1, 2, 3]);
    }

    #[corio::task]
    fn gives_text() -> String {
        io!(double(1));
        String::from("a text of some length, on the heap")
    }

    #[corio::task]
    fn gives_numbers() -> [usize; 3] {
        io!(double(1));
        [1, 2, 3]
    }

    #[test]
    fn is_refused_whatever_it_does_with_its_cx() {
        let all = [
            "io, begun",
            "io_all, begun",
            "call, begun",
            "all, begun",
            "io, not begun",
            "spawn",
            "io",
            "io_all",
            "call",
            "all",
            "wait",
        ];
        let refused: Vec<String> = all.iter().map(|what| format!("{what}: refused")).collect();
        for how in [
            "a race",
            "a set with an error",
            "a time limit",
            "a run that panics",
            "a run that is dropped",
        ] {
            let log = Mutex::default();
            let mut schedule = Schedule::new(()).clock(corio::testing::VirtualClock::new());
            let ended = catch_unwind(AssertUnwindSafe(|| match how {
                "a run that is dropped" => {
                    assert!(poll(&mut schedule.run_async(loses(how, &log))).is_pending())
                }
                _ => schedule.run(loses(how, &log)).unwrap(),
            }));
            assert_eq!(ended.is_err(), how == "a run that panics", "{how}");
            assert_eq!(log.into_inner().unwrap(), refused, "{how}");
            assert_eq!(schedule.run(healthy()), Ok(10), "{how}");
            SLOTS.take();
        }
    }

    /// Its task goes on, or ends after this: the child has a parent.
    #[test]
    fn is_none_as_long_as_the_task_runs_and_may_spawn() {
        struct Spawns<'r>(Cx<'r, ()>, Arc<AtomicU64>);

        impl Drop for Spawns<'_> {
            fn drop(&mut self) {
                drop(self.0.spawn(adds(self.1.clone())));
            }
        }

        #[corio::task]
        fn adds(sum: Arc<AtomicU64>) {
            sum.fetch_add(io!(double(1)), Ordering::Relaxed);
        }

        let sum = Arc::new(AtomicU64::new(0));
        let of_task = sum.clone();
        let task = task_fn(async move |cx: Cx<'_, ()>| {
            drop(Spawns(cx, of_task.clone()));
            let _at_the_end = Spawns(cx, of_task);
            cx.io(double(1)).await;
        });
        Schedule::new(()).run(task).unwrap();
        assert_eq!((sum.load(Ordering::Relaxed), Arc::strong_count(&sum)), (4, 1));
    }

    /// Aligned so that its block comes from the global allocator, where tools see what becomes of
    /// it.
    #[repr(align(64))]
    struct Wide(Arc<Mutex<Vec<u64>>>, u64);

    impl Drop for Wide {
        fn drop(&mut self) {
            self.0.lock().unwrap().push(self.1);
        }
    }

    #[test]
    fn that_would_leave_a_branch_to_nobody_leaves_none() {
        #[corio::task]
        fn child(own: Wide) {
            io!(kept(1));
            drop(own);
        }

        #[corio::task]
        fn orphan(dropped: Arc<Mutex<Vec<u64>>>) {
            all!((0..3).map(|n| child(Wide(dropped.clone(), n))));
        }

        struct SpawnsWhenDropped<'r>(Cx<'r, ()>, Arc<Mutex<Vec<u64>>>);

        impl Drop for SpawnsWhenDropped<'_> {
            fn drop(&mut self) {
                drop(self.0.spawn(orphan(self.1.clone())));
            }
        }

        #[corio::task(())]
        fn program(dropped: Arc<Mutex<Vec<u64>>>) {
            let loser = task_fn(async move |cx: Cx<'_, ()>| {
                let _spawns = SpawnsWhenDropped(cx, dropped);
                cx.io(kept(2)).await
            });
            race!(loser, double(1));
            io!(double(2));
        }

        let dropped = Arc::default();
        let mut schedule = Schedule::new(());
        assert_eq!(support::message(|| schedule.run(program(Arc::clone(&dropped)))), REFUSED);
        assert_eq!((&*dropped.lock().unwrap(), Arc::strong_count(&dropped)), (&vec![], 1));
        assert_eq!(schedule.run(healthy()), Ok(10));
        SLOTS.take();
    }
}

/// What a panic carries may panic itself when it is dropped. Whoever was to be dropped after it is
/// dropped nevertheless: something pinned is never freed without its destructor.
mod a_payload_that_panics_when_dropped {
    use super::*;
    use std::pin::pin;
    use tokio::sync::Notify;

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "a payload panics when it is dropped");
        }
    }

    struct Throws;

    impl Drop for Throws {
        fn drop(&mut self) {
            std::panic::panic_any(Bomb);
        }
    }

    /// Its future is in a list of the notify's from the first poll on, and takes itself out when it
    /// is dropped.
    fn listed(notify: Arc<Notify>) -> impl SendTask<(), Output = ()> {
        task_fn(async move |cx: Cx<'_, ()>| {
            let mut notified = pin!(notify.notified());
            poll_fn(|context| Poll::Ready(notified.as_mut().poll(context).is_pending())).await;
            cx.io(double(1)).await;
            cx.io(double(1)).await;
            notified.await;
        })
    }

    fn throws() -> impl SendTask<(), Output = ()> {
        task_fn(async |cx: Cx<'_, ()>| {
            let _throws = Throws;
            cx.io(kept(1)).await;
        })
    }

    fn throws_twice_and_is_listed(notify: Arc<Notify>) -> impl SendTask<(), Output = ()> {
        task_fn(async move |cx: Cx<'_, ()>| {
            drop([cx.spawn(throws()), cx.spawn(throws()), cx.spawn(listed(notify))]);
            cx.io(kept(1)).await;
        })
    }

    #[corio::task(())]
    fn panics_meanwhile() {
        io!(double(1));
        resume_unwind(Box::new("away"));
    }

    #[corio::task(())]
    fn program(how: &str, notify: Arc<Notify>) {
        match how {
            "lose" => race!(
                throws_twice_and_is_listed(notify),
                task!({
                    io!(double(1));
                })
            ),
            "end with the run" => {
                join!(throws_twice_and_is_listed(notify), panics_meanwhile());
            }
            _ => call!(throws_twice_and_is_listed(notify)),
        }
    }

    #[test]
    fn keeps_nothing_from_being_dropped() {
        for how in ["lose", "end with the run", "are dropped with the run"] {
            let notify = Arc::new(Notify::new());
            let mut schedule = Schedule::new(());
            let ended = catch_unwind(AssertUnwindSafe(|| match how {
                "are dropped with the run" => {
                    drop(poll(&mut schedule.run_async(program(how, notify.clone()))))
                }
                _ => drop(schedule.run(program(how, notify.clone()))),
            }));
            std::mem::forget(ended.expect_err("the first panic goes on"));
            drop(schedule);
            SLOTS.take();
            assert_eq!(Arc::strong_count(&notify), 1, "{how}");
            notify.notify_waiters();
        }
    }
}

#[test]
fn handles_of_one_type_do_not_take_each_others_results() {
    #[corio::task]
    fn gives(number: u64) -> Box<u64> {
        for key in 0..number % 3 {
            io!(double(key));
        }
        Box::new(number)
    }

    #[corio::task]
    fn program() {
        for round in 0..ROUNDS {
            let mut handles = Vec::new();
            for number in (0..10).map(|at| round * 10 + at) {
                handles.push((number, spawn!(gives(number))));
            }
            handles.rotate_left(3);
            // Every third is let go of, and those behind it get the places that are free.
            for (number, handle) in handles {
                if number % 3 != 0 {
                    assert_eq!(*call!(handle), number);
                }
            }
        }
    }

    Schedule::new(()).run(program()).unwrap();
}

#[test]
fn futures_of_a_cx_come_and_go_in_any_order() {
    let task = task_fn(async |cx: Cx<'_, ()>| {
        let mut asked: Vec<Pin<Box<dyn Future<Output = u64>>>> = Vec::new();
        for key in 0..2 * ROUNDS {
            asked.push(Box::pin(cx.io(double(key))));
            asked.push(Box::pin(async move {
                cx.all((0..key % 4).map(|_| healthy())).await.iter().sum()
            }));
            poll_fn(|context| {
                for one in asked.iter_mut().skip(usize::try_from(key).unwrap() % 5).step_by(3) {
                    let _ = one.as_mut().poll(context);
                }
                Poll::Ready(())
            })
            .await;
            let gone = usize::try_from(key * 7).unwrap() % asked.len();
            drop(asked.swap_remove(gone));
            cx.io(double(key)).await;
            asked.truncate(20);
        }
    });
    // Futures that were ready are polled again, which async blocks answer with a panic; nothing
    // worse may come of it.
    let mut schedule = Schedule::new(());
    let _ = catch_unwind(AssertUnwindSafe(|| schedule.run(task)));
    assert_eq!(schedule.run(healthy()), Ok(10));
}
