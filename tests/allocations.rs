//! Once a schedule is warm, nothing is allocated per request, per spawned task, per call and per lock, and at most twice per set of children: the children, the results.
//! Each program runs twice; the second time counts. A run as such may take a few, however much it does.

#[path = "support/heap.rs"]
mod heap;

use std::rc::Rc;

use corio::sync::{ErrGroup, Mutex, Notify, OnceCell, RwLock, Semaphore, SingleFlight, WaitGroup, channel};
use corio::{Cx, Schedule, Task, task_fn};
use heap::{allocations_of, peak_of};

/// Fills the vector that it is given: no allocation of its own.
#[corio::dispatcher]
fn double(keys: &[u64], answers: &mut Vec<u64>) {
    answers.extend(keys.iter().map(|key| key * 2));
}

#[corio::dispatcher]
fn triple(keys: &[u64], answers: &mut Vec<u64>) {
    answers.extend(keys.iter().map(|key| key * 3));
}

/// What a run may allocate for itself. Less than it takes for one list to grow to a thousand entries: what a run needed is there for the next.
const A_FEW: usize = 8;

/// How many allocations the second of two runs made.
fn of_second_run<T: Task<()>>(task: impl Fn() -> T) -> usize {
    let mut schedule = Schedule::new(());
    schedule.run(task()).unwrap();
    let second = task();
    let (result, allocations) = allocations_of(|| schedule.run(second));
    result.unwrap();
    allocations
}

/// Not for each `what`, of which there are `times`: so a few at most.
#[track_caller]
fn check_none<T: Task<()>>(what: &str, times: usize, task: impl Fn() -> T) {
    let allocations = of_second_run(task);
    assert!(allocations <= A_FEW, "{allocations} allocations in a warm run with {times} × {what}: {A_FEW} are allowed");
}

#[track_caller]
fn check_at_most<T: Task<()>>(each: usize, what: &str, times: usize, task: impl Fn() -> T) {
    let allocations = of_second_run(task);
    assert!(
        allocations <= A_FEW + each * times,
        "{allocations} allocations in a warm run with {times} × {what}: {each} each are allowed, which makes {}",
        A_FEW + each * times
    );
}

#[corio::task]
fn ask(key: u64) -> u64 {
    io!(double(key))
}

#[test]
fn the_counter_counts() {
    #[corio::task]
    fn program() {
        for at in 0..1000 {
            drop(std::hint::black_box(Box::new(io!(double(at)))));
        }
    }

    assert!((1000..=1000 + A_FEW).contains(&of_second_run(program)), "a box for each of 1000 requests");
}

#[test]
fn none_per_request() {
    #[corio::task]
    fn program() {
        for key in 0..1000 {
            io!(double(key));
        }
    }

    #[corio::task]
    fn of_two_dispatchers() {
        for key in 0..1000 {
            io!(double(key));
            io!(triple(key));
        }
    }

    check_none("io!", 1000, program);
    check_none("io!", 2000, of_two_dispatchers);
}

#[test]
fn none_per_tuple_of_requests() {
    #[corio::task]
    fn program() {
        for key in 0..1000 {
            let (twice, thrice) = io!(double(key), triple(key));
            io!(double(twice), double(thrice), triple(key));
        }
    }

    check_none("io! of several", 2000, program);
}

#[test]
fn none_per_spawned_task() {
    #[corio::task]
    fn asks_four_times(key: u64) {
        for _ in 0..4 {
            io!(double(key));
        }
    }

    #[corio::task]
    fn program() {
        for key in 0..1000 {
            spawn!(asks_four_times(key));
        }
    }

    check_none("spawn!", 1000, program);
}

#[test]
fn none_per_handle() {
    #[corio::task]
    fn program() {
        for key in 0..1000 {
            let handle = spawn!(ask(key));
            assert_eq!(call!(handle), key * 2);
        }
    }

    #[corio::task]
    fn awaited_later() {
        for key in 0..100 {
            let handles = (spawn!(ask(key)), spawn!(double(key)), spawn!(ask(key)));
            wait!();
            assert_eq!(call!(handles.0) + call!(handles.1) + call!(handles.2), key * 6);
        }
    }

    check_none("call!(handle)", 1000, program);
    check_none("three handles", 100, awaited_later);
}

#[test]
fn none_per_call() {
    #[corio::task]
    fn spawns_and_waits(key: u64) -> u64 {
        spawn!(ask(key));
        wait!();
        call!(ask(key))
    }

    #[corio::task]
    fn program() {
        for key in 0..1000 {
            call!(ask(key));
            call!(double(key));
            call!(spawns_and_waits(key));
        }
    }

    check_none("call!", 3000, program);
}

#[test]
fn one_per_boxed_call() {
    #[corio::task]
    fn program() {
        for key in 0..1000 {
            call!(corio::boxed(ask(key)));
        }
    }

    check_at_most(1, "call!(boxed(..))", 1000, program);
}

#[test]
fn none_per_lock() {
    #[corio::task]
    fn locks(mutex: Rc<Mutex<u64>>) {
        for _ in 0..5 {
            let mut locked = call!(mutex.lock());
            *locked = io!(double(*locked));
        }
    }

    #[corio::task]
    fn program(mutex: Rc<Mutex<u64>>) {
        for _ in 0..200 {
            spawn!(locks(mutex.clone()));
        }
    }

    // The mutex serves both runs, and so is warm in the second.
    let mutex = Rc::new(Mutex::new(0));
    check_none("lock", 1000, || program(mutex.clone()));
}

#[test]
fn none_per_wait_for_a_group() {
    #[corio::task]
    fn waits(group: Rc<WaitGroup>) {
        call!(group.wait());
    }

    #[corio::task]
    fn program(group: Rc<WaitGroup>) {
        for _ in 0..10 {
            group.add(1);
            for _ in 0..100 {
                spawn!(waits(group.clone()));
            }
            io!(double(1));
            group.done();
            wait!();
        }
    }

    let group = Rc::new(WaitGroup::new());
    check_none("wait for a group", 1000, || program(group.clone()));
}

#[test]
fn none_per_lock_of_a_fresh_mutex_that_nobody_waits_for() {
    #[corio::task]
    fn program() {
        for key in 0..1000 {
            let (mutex, semaphore) = (Mutex::new(key), Semaphore::new(1));
            let (locked, _permit) = (call!(mutex.lock()), call!(semaphore.acquire()));
            io!(double(*locked));
        }
    }

    check_none("fresh mutex and semaphore", 1000, program);
}

#[test]
fn none_per_read_or_write() {
    #[corio::task]
    fn reads_and_writes(lock: Rc<RwLock<u64>>) {
        for _ in 0..5 {
            let read = call!(lock.read());
            io!(double(*read));
            drop(read);
            let mut write = call!(lock.write());
            *write = io!(double(*write));
        }
    }

    #[corio::task]
    fn program(lock: Rc<RwLock<u64>>) {
        for _ in 0..200 {
            spawn!(reads_and_writes(lock.clone()));
        }
    }

    let lock = Rc::new(RwLock::new(0));
    check_none("read and write", 1000, || program(lock.clone()));
}

#[test]
fn none_per_permit() {
    #[corio::task]
    fn acquires(semaphore: Rc<Semaphore>, permits: usize) {
        for key in 0..5 {
            let _permits = call!(semaphore.acquire_many(permits));
            io!(double(key));
        }
    }

    #[corio::task]
    fn program(semaphore: Rc<Semaphore>) {
        for at in 0..200 {
            spawn!(acquires(semaphore.clone(), at % 5));
        }
    }

    let semaphore = Rc::new(Semaphore::new(20));
    check_none("permits", 1000, || program(semaphore.clone()));
}

#[test]
fn none_per_notification() {
    #[corio::task]
    fn waits(notify: Rc<Notify>) {
        for _ in 0..5 {
            call!(notify.notified());
        }
    }

    #[corio::task]
    fn program(notify: Rc<Notify>) {
        for _ in 0..200 {
            spawn!(waits(notify.clone()));
        }
        for key in 0..4 {
            io!(double(key));
            notify.notify_all();
        }
        for key in 0..200 {
            io!(double(key));
            notify.notify_one();
        }
    }

    let notify = Rc::new(Notify::new());
    check_none("notification", 1000, || program(notify.clone()));
}

#[test]
fn none_per_value_of_a_once_cell() {
    #[corio::task]
    fn needs(cells: Rc<[OnceCell<u64>]>) {
        for cell in &*cells {
            call!(cell.get_or_init(double(2)));
        }
    }

    #[corio::task]
    fn program(cells: Rc<[OnceCell<u64>]>) {
        for _ in 0..200 {
            spawn!(needs(cells.clone()));
        }
    }

    // In the second run the values are there.
    let there: Rc<[OnceCell<u64>]> = (0..5).map(|_| OnceCell::new()).collect();
    check_none("value of a once-cell", 1000, || program(there.clone()));
    // In both runs they are made. A line of 200 is a few allocations for each of five cells.
    check_at_most(10, "cell with 200 who wait", 5, || program((0..5).map(|_| OnceCell::new()).collect()));
}

#[test]
fn none_per_message() {
    #[corio::task]
    fn program(capacity: usize) {
        let (sender, mut receiver) = channel(capacity);
        let sends = task!({
            for key in 0..1000 {
                call!(sender.send(key)).unwrap();
                if key % 10 == 0 {
                    io!(double(key));
                }
            }
        });
        let receives = task!({
            for key in 0..1000 {
                assert_eq!(call!(receiver.recv()), Some(key));
            }
        });
        join!(sends, receives);
    }

    // The channel is new in each run, and grows to its capacity.
    for capacity in [1, 4, 16] {
        check_none("message", 1000, || program(capacity));
    }
}

#[test]
fn one_per_flight_and_none_per_follower() {
    #[corio::task]
    fn wants(flights: Rc<SingleFlight<u64, u64>>) {
        for round in 0..10 {
            call!(flights.run(round, double(round)));
        }
    }

    #[corio::task]
    fn program(flights: Rc<SingleFlight<u64, u64>>) {
        for _ in 0..100 {
            spawn!(wants(flights.clone()));
        }
    }

    let flights = Rc::new(SingleFlight::new());
    check_at_most(1, "flight with 100 who want it", 10, || program(flights.clone()));
}

#[test]
fn none_per_member_of_a_group() {
    #[corio::task]
    fn member(key: u64) -> Result<(), u64> {
        io!(double(key));
        Ok(())
    }

    #[corio::task]
    fn program(group: ErrGroup<u64>) {
        for key in 0..1000 {
            spawn!(group.run(member(key)));
        }
        assert_eq!(call!(group.wait()), Ok(()));
    }

    #[corio::task]
    fn fails(group: ErrGroup<u64>) {
        for key in 0..1000 {
            spawn!(group.run(member(key)));
        }
        call!(group.run(task!({ Err(1) })));
        assert_eq!(call!(group.wait()), Err(1));
    }

    let (all, few, failing) = (ErrGroup::new(), ErrGroup::with_limit(10), ErrGroup::new());
    check_none("member of a group", 1000, || program(all.clone()));
    check_none("member of a group with a limit", 1000, || program(few.clone()));
    // What was cancelled is listed, as its requests are to be withdrawn: a list of a thousand grows a few times.
    check_at_most(1, "a hundred members of a group that fails", 10, || fails(failing.clone()));
}

#[test]
fn none_per_join() {
    #[corio::task]
    fn program() {
        for key in 0..1000 {
            let (one, other, third) = join!(ask(key), double(key), ask(key));
            assert_eq!(one + other, third * 2);
        }
    }

    #[corio::task]
    fn races() {
        for key in 0..1000 {
            race!(ask(key), double(key));
        }
    }

    #[corio::task]
    fn fallible(key: u64) -> Result<u64, u64> {
        Ok(io!(double(key)))
    }

    #[corio::task]
    fn tries() {
        for key in 0..1000 {
            assert!(try_join!(fallible(key), fallible(key)).is_ok());
        }
    }

    check_none("join!", 1000, program);
    check_none("try_join!", 1000, tries);
    // The losers are looked at, and that may take a list.
    check_at_most(2, "race!", 1000, races);
}

#[test]
fn at_most_two_per_set_of_children() {
    #[corio::task]
    fn alls(children: u64) {
        for _ in 0..100 {
            assert_eq!(all!((0..children).map(ask)).len() as u64, children);
        }
    }

    #[corio::task]
    fn requests(children: u64) {
        for _ in 0..100 {
            assert_eq!(io_all!((0..children).map(double)).len() as u64, children);
        }
    }

    #[corio::task]
    fn none() {
        for _ in 0..100 {
            assert!(all!((0..0).map(ask)).is_empty());
        }
    }

    // 20,000 children do not fit into what the pool keeps; each of the two is allocated then.
    for children in [1, 10, 1000, 20_000] {
        check_at_most(2, &format!("all! of {children}"), 100, || alls(children));
        check_at_most(2, &format!("io_all! of {children}"), 100, || requests(children));
    }
    check_none("all! of none", 100, none);
}

#[test]
fn at_most_two_per_set_of_children_that_may_fail() {
    #[corio::task]
    fn fallible(key: u64) -> Result<u64, u64> {
        Ok(io!(double(key)))
    }

    #[corio::task]
    fn tries(children: u64) {
        for _ in 0..100 {
            assert_eq!(try_all!((0..children).map(fallible)).unwrap().len() as u64, children);
        }
    }

    // An iterator that gives `Result`s does not say how many come: collecting it as it is would allocate again and again.
    for children in [1, 10, 1000] {
        check_at_most(2, &format!("try_all! of {children}"), 100, || tries(children));
    }
}

#[test]
fn at_most_two_per_set_of_children_that_does_not_say_how_many_come() {
    #[corio::task]
    fn filtered() {
        for _ in 0..100 {
            assert_eq!(all!((0..1000).filter(|key| key % 2 == 0).map(ask)).len(), 500);
            assert_eq!(io_all!((0..1000).filter(|key| key % 2 == 0).map(double)).len(), 500);
        }
    }

    check_at_most(2, "set of a filtered iterator", 200, filtered);
}

#[test]
fn none_for_a_tree_but_its_results() {
    #[corio::task]
    fn tree(depth: u32) -> u64 {
        let own = io!(double(1));
        if depth == 0 {
            return own;
        }
        own + all!((0..10).map(|_| tree(depth - 1))).iter().sum::<u64>()
    }

    // 1111 nodes with children.
    check_at_most(1, "all! of ten in a tree", 1111, || tree(4));
}

#[test]
fn none_per_split_of_a_batch() {
    #[corio::dispatcher(max_batch = 10)]
    fn split(keys: &[u64], answers: &mut Vec<u64>) {
        answers.extend_from_slice(keys);
    }

    #[corio::task]
    fn asks(key: u64) {
        for _ in 0..10 {
            io!(split(key));
        }
    }

    #[corio::task]
    fn program() {
        for key in 0..100 {
            spawn!(asks(key));
        }
    }

    // Ten times a batch of 100 leaves in ten parts; a list of the parts is one for each time.
    check_at_most(1, "split batch", 10, program);
}

#[test]
fn none_per_request_after_a_run_that_failed() {
    #[corio::task]
    fn stuck(group: &WaitGroup) {
        call!(group.wait());
    }

    #[corio::task]
    fn program() {
        for key in 0..1000 {
            spawn!(ask(key));
        }
    }

    let mut schedule = Schedule::new(());
    schedule.run(program()).unwrap();
    let group = WaitGroup::new();
    group.add(1);
    assert!(schedule.run(stuck(&group)).is_err());
    let (result, allocations) = allocations_of(|| schedule.run(program()));
    result.unwrap();
    assert!(allocations <= A_FEW, "{allocations} allocations in a warm run after one that failed: {A_FEW} are allowed");
}

#[test]
fn none_to_make_a_schedule() {
    let (schedule, allocations) = allocations_of(|| Schedule::new(()));
    drop(schedule);
    assert!(allocations <= 1, "{allocations} allocations to make a schedule that runs nothing: at most one is allowed");
}

#[test]
fn none_per_request_without_macros() {
    fn program() -> impl Task<()> {
        task_fn(async |cx: Cx<'_, ()>| {
            for key in 0..1000 {
                cx.io(double(key)).await;
                cx.call(ask(key)).await;
                cx.spawn(ask(key));
            }
        })
    }

    check_none("Cx::io, Cx::call and Cx::spawn", 1000, program);
}

mod windows {
    use super::*;

    /// Gives nothing, so that a million results take no room.
    #[corio::task]
    fn asks(key: u64) {
        io!(double(key));
    }

    #[corio::task]
    fn fallible(key: u64) -> Result<(), u64> {
        io!(double(key));
        Ok(())
    }

    #[corio::task]
    fn window(children: u64, limit: usize) {
        assert_eq!(all!(limit = limit, (0..children).map(asks)).len() as u64, children);
    }

    #[corio::task]
    fn try_window(children: u64, limit: usize) {
        assert_eq!(try_all!(limit = limit, (0..children).map(fallible)).unwrap().len() as u64, children);
    }

    #[corio::task]
    fn windows(children: u64, limit: usize) {
        for _ in 0..100 {
            call!(window(children, limit));
            call!(try_window(children, limit));
        }
    }

    #[test]
    fn none_per_child() {
        for (children, limit) in [(1, 1), (10, 3), (100, 10), (100, 1000)] {
            check_at_most(2, &format!("all! of {children} within {limit}"), 200, || windows(children, limit));
        }
        check_at_most(2, "all! of a million within 10", 1, || window(1_000_000, 10));
        check_at_most(2, "try_all! of a million within 10", 1, || try_window(1_000_000, 10));
    }

    #[test]
    fn of_a_million_children_take_the_memory_of_a_few() {
        let (result, bytes) = peak_of(|| Schedule::new(()).run(window(1_000_000, 10)));
        result.unwrap();
        // A byte for each that tells that it has ended.
        let results = 1_000_000;
        assert!(bytes < results + 20_000, "{bytes} bytes");
    }
}
