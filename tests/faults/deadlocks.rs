//! A deadlock is told so that a person can act on it: each stuck task with its path, the line it
//! waits on, what it waits for, who holds it, and the circles among them.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use corio::sync::{
    ErrGroup, Mutex, Notify, OnceCell, RwLock, Semaphore, SingleFlight, WaitGroup, channel,
};
use corio::{Cx, Deadlock, Error, JoinHandle, Schedule, Task, task_fn};
use expect_test::{Expect, expect};
use support::{Counts, double, healthy};

fn deadlock_of<T>(task: impl Task<(), Output = T>) -> Deadlock {
    let mut schedule = Schedule::new(());
    let Err(Error::Deadlock(deadlock)) = schedule.run(task) else {
        panic!("it must be a deadlock")
    };
    assert_eq!(schedule.run(healthy()), Ok(10), "afterwards the schedule can be used again");
    deadlock
}

/// The text, with what stands at each line in place of its number.
#[track_caller]
fn check<T>(task: impl Task<(), Output = T>, text: Expect) {
    text.assert_eq(&with_sources(&deadlock_of(task).to_string()));
}

fn with_sources(text: &str) -> String {
    let lines: Vec<&str> = include_str!("deadlocks.rs").lines().collect();
    let mut parts = text.split(concat!(file!(), ":"));
    let mut shown = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let (line, rest) = part.split_once(':').unwrap();
        let (column, rest) =
            rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
        let (line, column): (usize, usize) = (line.parse().unwrap(), column.parse().unwrap());
        let source: String = lines[line - 1].chars().skip(column - 1).collect();
        shown.push_str(&format!("«{}»{rest}", source.trim_end_matches(';')));
    }
    shown
}

#[test]
fn a_mutex_locked_twice() {
    #[corio::task]
    fn greedy(mutex: &Mutex<u64>) {
        let _first = call!(mutex.lock());
        let _second = call!(mutex.lock());
    }

    #[corio::task]
    fn program(mutex: &Mutex<u64>) {
        join!(healthy(), greedy(mutex));
    }

    let mutex = Mutex::new(0);
    check(
        program(&mutex),
        expect![[r#"
        deadlock: no task can run, nothing is queued and nothing in flight, but 1 task waits
          cycle: #1 → #1
          #1 `program > greedy` waits at «call!(mutex.lock())» for a mutex, held by #1"#]],
    );
    assert!(mutex.try_lock().is_some(), "the guard was dropped with its task");
}

#[test]
fn two_tasks_and_two_mutexes_crosswise() {
    #[corio::task]
    fn left(a: &Mutex<u64>, b: &Mutex<u64>) {
        let _a = call!(a.lock());
        io!(double(1));
        let _b = call!(b.lock());
    }

    #[corio::task]
    fn right(a: &Mutex<u64>, b: &Mutex<u64>) {
        let _b = call!(b.lock());
        io!(double(1));
        let _a = call!(a.lock());
    }

    #[corio::task]
    fn program(a: &Mutex<u64>, b: &Mutex<u64>) {
        join!(left(a, b), right(a, b));
    }

    let (a, b) = (Mutex::new(0), Mutex::new(0));
    check(
        program(&a, &b),
        expect![[r#"
        deadlock: no task can run, nothing is queued and nothing in flight, but 2 tasks wait
          cycle: #1 → #2 → #1
          #1 `program > right` waits at «call!(a.lock())» for a mutex, held by #2
          #2 `program > left` waits at «call!(b.lock())» for a mutex, held by #1"#]],
    );
    assert!(a.try_lock().is_some() && b.try_lock().is_some());
}

#[test]
fn three_philosophers() {
    #[corio::task]
    fn philosopher(left: &Mutex<()>, right: &Mutex<()>) {
        let _left = call!(left.lock());
        io!(double(1));
        call!(eats(right));
    }

    #[corio::task]
    fn eats(right: &Mutex<()>) {
        let _right = call!(right.lock());
    }

    #[corio::task]
    fn program(forks: &[Mutex<()>; 3]) {
        all!((0..3).map(|n| philosopher(&forks[n], &forks[(n + 1) % 3])));
    }

    check(
        program(&Default::default()),
        expect![[r#"
        deadlock: no task can run, nothing is queued and nothing in flight, but 3 tasks wait
          cycle: #1 → #2 → #3 → #1
          #1 `program > philosopher` waits at «call!(right.lock())» for a mutex, held by #2
            in `eats`, called at «call!(eats(right))»
          #2 `program > philosopher` waits at «call!(right.lock())» for a mutex, held by #3
            in `eats`, called at «call!(eats(right))»
          #3 `program > philosopher` waits at «call!(right.lock())» for a mutex, held by #1
            in `eats`, called at «call!(eats(right))»"#]],
    );
}

#[test]
fn a_parent_that_holds_what_its_child_waits_for() {
    #[corio::task]
    fn child(mutex: Rc<Mutex<u64>>) {
        *call!(mutex.lock()) += 1;
    }

    #[corio::task]
    fn program(mutex: Rc<Mutex<u64>>) {
        let _guard = call!(mutex.lock());
        spawn!(child(mutex.clone()));
        wait!();
    }

    check(
        program(Rc::default()),
        expect![[r#"
        deadlock: no task can run, nothing is queued and nothing in flight, but 2 tasks wait
          cycle: #1 → #2 → #1
          #1 `program` waits at «wait!()» for its children: #2
          #2 `program > child` waits at «call!(mutex.lock()) += 1» for a mutex, held by #1"#]],
    );
}

#[test]
fn a_wait_group_that_nobody_finishes() {
    #[corio::task]
    fn program(group: &WaitGroup) {
        group.add(3);
        group.done();
        call!(group.wait());
    }

    check(
        program(&WaitGroup::new()),
        expect![[r#"
        deadlock: no task can run, nothing is queued and nothing in flight, but 1 task waits
          `program` waits at «call!(group.wait())» for a wait group: 2 things are not done"#]],
    );
}

#[test]
fn a_channel_that_nobody_sends_to_and_one_that_nobody_reads() {
    #[corio::task]
    fn program() {
        let (sender, mut receiver) = channel::<u64>(1);
        let (full, _unread) = channel::<u64>(1);
        join!(receiver.recv(), sends_two(&full));
        drop(sender);
    }

    #[corio::task]
    fn sends_two(full: &corio::sync::Sender<u64>) {
        call!(full.send(1)).unwrap();
        call!(full.send(2)).unwrap();
    }

    check(
        program(),
        expect![[r#"
        deadlock: no task can run, nothing is queued and nothing in flight, but 2 tasks wait
          `program > Receiving` waits at «join!(receiver.recv(), sends_two(&full))» for a message: 1 sender is there
          `program > sends_two` waits at «call!(full.send(2)).unwrap()» for room in a channel of 1"#]],
    );
}

#[test]
fn a_join_of_oneself() {
    #[corio::task]
    fn itself(own: Rc<RefCell<Option<JoinHandle<()>>>>) {
        let own = own.take().unwrap();
        call!(own);
    }

    #[corio::task]
    fn program() {
        let own = Rc::new(RefCell::new(None));
        let handle = spawn!(itself(own.clone()));
        own.replace(Some(handle));
    }

    check(
        program(),
        expect![[r#"
        deadlock: no task can run, nothing is queued and nothing in flight, but 1 task waits
          cycle: #1 → #1
          #1 `program > itself` waits at «call!(own)» for the end of a task: #1"#]],
    );
}

#[test]
fn the_key_of_a_single_flight_from_within_itself() {
    #[corio::task]
    fn inner(flights: &SingleFlight<u64, u64>) -> u64 {
        call!(flights.run(7, double(7)))
    }

    #[corio::task]
    fn program(flights: &SingleFlight<u64, u64>) -> u64 {
        call!(flights.run(7, inner(flights)))
    }

    check(
        program(&SingleFlight::new()),
        expect![[r#"
        deadlock: no task can run, nothing is queued and nothing in flight, but 1 task waits
          cycle: #1 → #1
          #1 `program` waits at «call!(flights.run(7, double(7)))» for the single-flight of a key, which it leads itself: #1
            in `inner`, called at «call!(flights.run(7, inner(flights)))»"#]],
    );
}

#[test]
fn the_other_primitives() {
    #[corio::task]
    fn reads(lock: &RwLock<u64>) {
        let _one = call!(lock.read());
        io!(double(1));
        let _write = call!(lock.write());
    }

    #[corio::task]
    fn acquires(semaphore: &Semaphore) {
        let _permit = call!(semaphore.acquire());
        let _more = call!(semaphore.acquire_many(5));
    }

    #[corio::task]
    fn makes(cell: &OnceCell<u64>) -> u64 {
        *call!(cell.get_or_init(makes_again(cell)))
    }

    #[corio::task]
    fn makes_again(cell: &OnceCell<u64>) -> u64 {
        *call!(cell.get_or_init(double(1)))
    }

    #[corio::task]
    fn waits(group: ErrGroup<()>) -> Result<(), ()> {
        call!(group.wait())
    }

    #[corio::task]
    fn program(
        lock: &RwLock<u64>,
        semaphore: &Semaphore,
        cell: &OnceCell<u64>,
        group: ErrGroup<()>,
        notify: &Notify,
    ) {
        spawn!(group.run(waits(group.clone())));
        join!(reads(lock), reads(lock), acquires(semaphore), makes(cell), notify.notified());
    }

    check(
        program(
            &RwLock::default(),
            &Semaphore::new(3),
            &OnceCell::new(),
            ErrGroup::new(),
            &Notify::new(),
        ),
        expect![[r#"
        deadlock: no task can run, nothing is queued and nothing in flight, but 6 tasks wait
          cycle: #1 → #1
          cycle: #2 → #2
          cycle: #3 → #3
          cycle: #4 → #4
          cycle: #5 → #4 → #5
          cycle: #5 → #5
          #1 `program > waits` waits at «call!(group.wait())» for the end of an error group, of which 1 member is left: #1
          #2 `program > makes` waits at «call!(cell.get_or_init(double(1)))» for the value of a once-cell, held by #2
            in `makes_again`, called at «call!(cell.get_or_init(makes_again(cell)))»
          #3 `program > acquires` waits at «call!(semaphore.acquire_many(5))» for 5 permits of a semaphore, 2 are free, held by #3
          #4 `program > reads` waits at «call!(lock.write())» for a read-write lock, to write, held by #4, #5
          #5 `program > reads` waits at «call!(lock.write())» for a read-write lock, to write, held by #4, #5
          `program > Notified` waits at «join!(reads(lock), reads(lock), acquires(semaphore), makes(cell), notify.notified())» for a notification"#]],
    );
}

#[test]
fn a_thousand_tasks_alike_take_one_line() {
    #[corio::task]
    fn holds(mutex: &Mutex<u64>, group: &WaitGroup) {
        let _guard = call!(mutex.lock());
        call!(group.wait());
    }

    #[corio::task]
    fn program(mutex: &Mutex<u64>, group: &WaitGroup) {
        group.add(1);
        all!((0..1000).map(|_| holds(mutex, group)));
    }

    check(
        program(&Mutex::default(), &WaitGroup::new()),
        expect![[r#"
        deadlock: no task can run, nothing is queued and nothing in flight, but 1000 tasks wait
          `program > holds` waits at «call!(group.wait())» for a wait group: 1 thing is not done
          `program > holds` waits at «call!(mutex.lock())» for a mutex, held by `program > holds` (and 998 more like it)"#]],
    );
}

#[test]
fn a_task_by_hand_tells_its_lines_too() {
    let mutex = Arc::new(Mutex::new(0));
    let program = {
        let mutex = mutex.clone();
        task_fn(async move |cx: Cx<'_, ()>| {
            let _guard = mutex.try_lock();
            let waits = {
                let mutex = mutex.clone();
                task_fn(async move |cx: Cx<'_, ()>| {
                    cx.io(double(1)).await;
                    cx.call(locks(mutex)).await;
                })
            };
            cx.all([waits]).await;
        })
    };

    #[corio::task]
    fn locks(mutex: Arc<Mutex<u64>>) {
        let _guard = call!(mutex.lock());
    }

    check(
        program,
        expect![[r#"
        deadlock: no task can run, nothing is queued and nothing in flight, but 3 tasks wait
          cycle: #1 → #2 → #3 → #1
          #1 `a_task_by_hand_tells_its_lines_too` waits at «all([waits]).await» for its children: #2
          #2 `a_task_by_hand_tells_its_lines_too > a_task_by_hand_tells_its_lines_too` waits at «call(locks(mutex)).await» for its children: #3
          #3 `a_task_by_hand_tells_its_lines_too > a_task_by_hand_tells_its_lines_too > locks` waits at «call!(mutex.lock())» for a mutex, held by #1"#]],
    );
}

#[test]
fn one_that_has_returned_waits_for_its_children() {
    #[corio::task]
    fn child(other: Rc<RefCell<Option<JoinHandle<()>>>>) {
        let parent = other.take().unwrap();
        call!(parent);
    }

    #[corio::task]
    fn parent(own: Rc<RefCell<Option<JoinHandle<()>>>>) {
        spawn!(child(own));
    }

    #[corio::task]
    fn program() {
        let own = Rc::new(RefCell::new(None));
        let handle = spawn!(parent(own.clone()));
        own.replace(Some(handle));
    }

    check(
        program(),
        expect![[r#"
        deadlock: no task can run, nothing is queued and nothing in flight, but 2 tasks wait
          cycle: #1 → #2 → #1
          #1 `program > parent` waits for its children, having returned: #2
          #2 `program > parent > child` waits at «call!(parent)» for the end of a task: #1"#]],
    );
}

#[test]
fn the_parts_are_there_as_data() {
    #[corio::task]
    fn outer(mutex: &Mutex<u64>) {
        call!(inner(mutex));
    }

    #[corio::task]
    fn inner(mutex: &Mutex<u64>) {
        let _first = call!(mutex.lock());
        let _second = call!(mutex.lock());
    }

    let deadlock = deadlock_of(outer(&Mutex::new(0)));
    assert_eq!(deadlock.cycles(), [[0]]);
    let [stuck] = deadlock.tasks() else { panic!("one task is stuck") };
    assert_eq!((stuck.path(), stuck.waits_for()), ("outer", &corio::WaitCause::MutexHeld));
    assert_eq!(stuck.waits_on().collect::<Vec<_>>(), ["outer"]);
    let calls: Vec<_> =
        stuck.calls().map(|(called, at)| (called, at.file(), at.line() > 100)).collect();
    assert_eq!(calls, [(None, file!(), true), (Some("inner"), file!(), true)]);
    assert_eq!(stuck.location(), stuck.calls().next().map(|(_, at)| at));
}

#[test]
fn to_tell_where_tasks_stand_drops_and_runs_nothing() {
    #[corio::task]
    fn stuck(counted: support::Counted, steps: &RefCell<Vec<&'static str>>, group: &WaitGroup) {
        steps.borrow_mut().push("before");
        call!(group.wait());
        steps.borrow_mut().push("after");
        drop(counted);
    }

    let (counts, steps, group) = (Counts::default(), RefCell::default(), WaitGroup::new());
    group.add(1);
    assert_eq!(deadlock_of(stuck(counts.one(), &steps, &group)).tasks().len(), 1);
    counts.check_built(1);
    assert_eq!(*steps.borrow(), ["before"]);
}
