//! `Schedule::max_tasks`: so many spawned tasks live at a time, and whoever spawns one too many
//! waits.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use corio::sync::WaitGroup;
use corio::{Error, Event, JoinHandle, Log, Schedule, Task};
use expect_test::expect;
use support::{Counted, Counts, Number, double, healthy};

/// Runs a program with room for so many; gives the batches.
#[track_caller]
fn batches<T>(most: usize, task: impl Task<(), Output = T>) -> (Result<T, Error>, String) {
    let log = Log::new();
    let mut schedule = Schedule::new(()).max_tasks(most).observe(log.observer());
    let result = schedule.run(task);
    let text = log.take();
    assert_eq!(schedule.run(healthy()), Ok(10), "the schedule runs the next task");
    (result, text)
}

/// The most tasks that live at a time, without the first one.
fn living() -> (Number, impl FnMut(&Event<'_>)) {
    let most = Number::default();
    let (tell, mut now) = (most.clone(), 0usize);
    let observer = move |event: &Event<'_>| match event {
        Event::Started { parent: Some(_), .. } => {
            now += 1;
            tell.set(tell.get().max(now));
        }
        Event::Ended { .. } => now = now.saturating_sub(1),
        _ => {}
    };
    (most, observer)
}

#[corio::task]
fn asks(key: u64) {
    io!(double(key));
}

#[test]
fn spawn_waits_at_the_limit_and_batches_are_as_large_as_it() {
    #[corio::task]
    fn program() {
        for key in 0..10 {
            spawn!(asks(key));
        }
    }

    let (result, batches) = batches(4, program());
    assert_eq!(result, Ok(()));
    expect![[r#"
        round 1: double[0, 1, 2, 3]
        round 2: double[4, 5, 6, 7]
        round 3: double[8, 9]
    "#]]
    .assert_eq(&batches);
}

#[test]
fn tasks_of_different_length_make_room_one_by_one() {
    #[corio::task]
    fn asks_often(times: u64) {
        for _ in 0..times {
            io!(double(times));
        }
    }

    #[corio::task]
    fn program() {
        for times in 1..=6 {
            spawn!(asks_often(times));
        }
    }

    let (result, batches) = batches(3, program());
    assert_eq!(result, Ok(()));
    expect![[r#"
        round 1: double[1, 2, 3]
        round 2: double[2, 3, 4]
        round 3: double[3, 4, 5]
        round 4: double[4, 5, 6]
        round 5: double[4, 5, 6]
        round 6: double[5, 6]
        round 7: double[5, 6]
        round 8: double[6]
        round 9: double[6]
    "#]]
    .assert_eq(&batches);
}

#[test]
fn no_more_than_that_ever_live() {
    #[corio::task]
    fn program() {
        for key in 0..100 {
            spawn!(asks(key));
            if key % 7 == 0 {
                io!(double(key));
            }
        }
    }

    for most in [1, 2, 10, 99, 100, 1000] {
        let (living, observer) = living();
        let mut schedule = Schedule::new(()).max_tasks(most).observe(observer);
        assert_eq!(schedule.run(program()), Ok(()));
        assert!(living.get() <= most, "{} of {most}", living.get());
        assert!(living.get() >= most.min(10), "{} of {most}", living.get());
    }
}

#[test]
fn a_million_short_tasks_run_in_the_memory_of_a_few() {
    const TASKS: u64 = if cfg!(debug_assertions) { 1_000_000 } else { 10_000_000 };

    #[corio::dispatcher]
    fn count(keys: &[u64], answers: &mut Vec<u64>) {
        assert!(keys.len() <= 100);
        answers.extend_from_slice(keys);
    }

    #[corio::task]
    fn short(key: u64, sum: Rc<Cell<u64>>) {
        let key = io!(count(key));
        sum.set(sum.get() + key);
    }

    #[corio::task]
    fn program(sum: Rc<Cell<u64>>) {
        for key in 0..TASKS {
            spawn!(short(key, sum.clone()));
        }
    }

    let sum = Rc::new(Cell::new(0));
    let mut schedule = Schedule::new(()).max_tasks(100);
    let (result, bytes) = support::heap::peak_of(|| schedule.run(program(sum.clone())));
    assert_eq!(result, Ok(()));
    assert_eq!(sum.get(), TASKS * (TASKS - 1) / 2);
    assert!(bytes < 100_000, "{bytes} bytes at a time");
}

#[test]
fn tasks_that_never_wait_end_as_well() {
    #[corio::task]
    fn program(counts: Counts) {
        for _ in 0..1000 {
            spawn!(keeps(counts.one()));
        }
    }

    #[corio::task]
    fn keeps(_argument: Counted) {}

    let counts = Counts::default();
    let (result, batches) = batches(3, program(counts.clone()));
    assert_eq!((result, &*batches), (Ok(()), ""));
    counts.check_built(1000);
}

#[test]
fn children_of_sets_are_not_counted() {
    #[corio::task]
    fn program() -> usize {
        spawn!(asks(100));
        let (all, ()) = join!(children(), asks(1));
        all + all!(limit = 3, (0..5).map(asks)).len()
    }

    #[corio::task]
    fn children() -> usize {
        all!((2..10).map(asks)).len()
    }

    let (result, batches) = batches(1, program());
    assert_eq!(result, Ok(13));
    assert!(batches.starts_with("round 1: double[100, 1, 2, 3, 4, 5, 6, 7, 8, 9]\n"), "{batches}");
}

mod tasks_that_spawn_in_turn {
    use super::*;

    #[corio::task]
    fn spawns(left: u64) {
        if left > 0 {
            spawn!(spawns(left - 1));
        }
        io!(double(left));
    }

    #[test]
    fn count_until_all_below_them_have_ended() {
        let (result, batches) = batches(3, spawns(3));
        assert_eq!(result, Ok(()));
        expect![[r#"
            round 1: double[3, 2, 1, 0]
        "#]]
        .assert_eq(&batches);
    }

    #[test]
    fn go_on_in_one_line_when_others_make_room() {
        #[corio::task]
        fn parent(key: u64) {
            io!(double(key));
            spawn!(asks(key + 100));
        }

        #[corio::task]
        fn program() {
            for key in 0..6 {
                spawn!(parent(key));
            }
        }

        // Room for all twelve: with less, parents that wait for room could hold all of it.
        let (result, batches) = batches(12, program());
        assert_eq!(result, Ok(()));
        expect![[r#"
            round 1: double[0, 1, 2, 3, 4, 5]
            round 2: double[100, 101, 102, 103, 104, 105]
        "#]]
        .assert_eq(&batches);
    }

    #[test]
    fn all_waiting_for_room_are_a_deadlock_that_says_the_limit() {
        #[corio::task]
        fn program() {
            spawn!(spawns(10)); // and it 9, and that 8
        }

        let (result, batches) = batches(3, program());
        let Err(Error::Deadlock(deadlock)) = result else { panic!("nobody can spawn") };
        let line = deadlock.tasks()[0].location().unwrap().to_string();
        expect![[r#"
            deadlock: no task can run, nothing is queued and nothing in flight, but 1 task waits
              `program > spawns > spawns > spawns` waits at FILE:LINE for room for one more task: the schedule is limited to 3"#]]
        .assert_eq(&deadlock.to_string().replace(&line, "FILE:LINE"));
        assert_eq!(batches, "round 1: double[10, 9]\n");
    }

    #[test]
    fn are_a_deadlock_only_when_nothing_is_in_flight_that_may_make_room() {
        #[corio::task]
        fn program() {
            spawn!(asks(1));
            spawn!(asks(2));
            spawn!(spawns(1));
        }

        assert_eq!(batches(2, program()).0, Ok(()));
    }

    #[test]
    fn a_hundred_thousand_of_them_may_wait_in_line() {
        // To look for each in the line would take minutes.
        #[corio::task]
        fn parent(key: u64) {
            spawn!(asks(key));
        }

        #[corio::task]
        fn program() -> usize {
            all!((0..100_000).map(parent)).len()
        }

        assert_eq!(Schedule::new(()).max_tasks(10).run(program()), Ok(100_000));
    }
}

#[test]
fn a_task_that_waits_for_room_can_be_cancelled() {
    #[corio::task]
    fn stuck(group: Rc<WaitGroup>, _argument: Counted) {
        call!(group.wait());
    }

    #[corio::task]
    fn wants_room(group: Rc<WaitGroup>, counts: &Counts) {
        let _local = counts.one();
        loop {
            spawn!(stuck(group.clone(), counts.one()));
        }
    }

    #[corio::task]
    fn program(group: Rc<WaitGroup>, counts: Counts) {
        race!(wants_room(group.clone(), &counts), wants_room(group.clone(), &counts), asks(1));
        counts.check_built(5);
        // All the room is there again, and nobody is before the next in line.
        for key in 10..17 {
            spawn!(asks(key));
        }
    }

    let group = Rc::new(WaitGroup::new());
    group.add(1);
    let (result, batches) = batches(3, program(group, Counts::default()));
    assert_eq!(result, Ok(()));
    expect![[r#"
        round 1: double[1]
        round 2: double[10, 11, 12]
        round 3: double[13, 14, 15]
        round 4: double[16]
    "#]]
    .assert_eq(&batches);
}

#[test]
fn ended_tasks_whose_results_are_held_by_handles_do_not_count() {
    #[corio::task]
    fn gives(key: u64, counts: Counts) -> (u64, Counted) {
        (io!(double(key)), counts.one())
    }

    #[corio::task]
    fn program(counts: Counts) -> u64 {
        let mut handles: Vec<JoinHandle<(u64, Counted)>> = Vec::new();
        for key in 0..10 {
            handles.push(spawn!(gives(key, counts.clone())));
        }
        wait!();
        assert_eq!(counts.alive(), 10);
        let mut sum = 0;
        // Half of them are let go of.
        for handle in handles.drain(..5) {
            sum += call!(handle).0;
        }
        drop(handles);
        assert_eq!(counts.alive(), 0);
        for key in 0..4 {
            spawn!(asks(key));
        }
        sum
    }

    let (result, batches) = batches(2, program(Counts::default()));
    assert_eq!(result, Ok(20));
    expect![[r#"
        round 1: double[0, 1]
        round 2: double[2, 3]
        round 3: double[4, 5]
        round 4: double[6, 7]
        round 5: double[8, 9]
        round 6: double[0, 1]
        round 7: double[2, 3]
    "#]]
    .assert_eq(&batches);
}

#[test]
fn a_handle_that_is_awaited_does_not_count_its_task_any_more() {
    #[corio::task]
    fn program() -> u64 {
        let mut sum = 0;
        for key in 0..10 {
            sum += call!(spawn!(double(key)));
        }
        sum
    }

    assert_eq!(batches(1, program()).0, Ok(90));
}

mod after_a_panic {
    use super::*;

    #[corio::task]
    fn panics_at_seven(key: u64, _argument: Counted) {
        io!(double(key));
        if key == 7 {
            resume_unwind(Box::new(key));
        }
    }

    #[corio::task]
    fn program(counts: Counts) {
        for key in 0..100 {
            spawn!(panics_at_seven(key, counts.one()));
        }
    }

    #[test]
    fn the_room_is_all_there_again() {
        let counts = Counts::default();
        let log = Log::new();
        let mut schedule = Schedule::new(()).max_tasks(3);
        for _ in 0..3 {
            let payload = catch_unwind(AssertUnwindSafe(|| schedule.run(program(counts.clone()))))
                .unwrap_err();
            assert_eq!(*payload.downcast::<u64>().unwrap(), 7);
            counts.check();
        }
        schedule = schedule.observe(log.observer());
        #[corio::task]
        fn fills() {
            for key in 0..5 {
                spawn!(asks(key));
            }
        }
        assert_eq!(schedule.run(fills()), Ok(()));
        assert_eq!(log.take(), "round 1: double[0, 1, 2]\nround 2: double[3, 4]\n");
    }

    #[test]
    fn a_task_above_that_waits_for_room_does_not_go_on() {
        // One child ends and makes room, and the next panics before that room is given out.
        #[corio::task]
        fn ends() {
            io!(double(1));
        }

        #[corio::task]
        fn panics() {
            io!(double(2));
            resume_unwind(Box::new(7u64));
        }

        #[corio::task]
        fn program(went_on: Rc<RefCell<Vec<&'static str>>>) {
            spawn!(ends());
            spawn!(panics());
            went_on.borrow_mut().push("two are there");
            spawn!(ends());
            went_on.borrow_mut().push("after the panic");
        }

        let went_on = Rc::default();
        let mut schedule = Schedule::new(()).max_tasks(2);
        assert!(
            catch_unwind(AssertUnwindSafe(|| schedule.run(program(Rc::clone(&went_on))))).is_err()
        );
        assert_eq!(*went_on.borrow(), ["two are there"]);
        assert_eq!(schedule.run(healthy()), Ok(10));
    }
}

#[test]
#[should_panic(expected = "max_tasks must be at least 1")]
fn of_none_is_refused() {
    let _ = Schedule::new(()).max_tasks(0);
}

#[test]
fn those_who_wait_for_room_take_turns() {
    #[corio::task]
    fn child(name: char, ran: Rc<RefCell<String>>) {
        ran.borrow_mut().push(name);
        io!(double(1));
    }

    #[corio::task]
    fn spawner(name: char, ran: &Rc<RefCell<String>>) {
        for _ in 0..6 {
            spawn!(child(name, ran.clone()));
        }
    }

    #[corio::task]
    fn program(ran: &Rc<RefCell<String>>) {
        join!(spawner('a', ran), spawner('b', ran));
    }

    let ran = Rc::default();
    Schedule::new(()).max_tasks(2).run(program(&ran)).unwrap();
    expect!["aaaabbaabbbb"].assert_eq(&ran.borrow());
}
