//! Very many, and very deep: nothing that corio does recurses, so nothing of this overflows the
//! stack, however small. Each runs with 512 KiB.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::thread;

use corio::sync::{Mutex, WaitGroup};
use corio::{Error, JoinHandle, Schedule, SendTask};
use support::Diary;

const MANY: u64 = 100_000;

fn on_a_small_stack(test: fn()) {
    thread::Builder::new().stack_size(512 << 10).spawn(test).unwrap().join().unwrap();
}

#[corio::dispatcher]
fn double(keys: &[u64], answers: &mut Vec<u64>) {
    answers.extend(keys.iter().map(|key| key * 2));
}

/// Never answers.
#[corio::dispatcher]
async fn never(_keys: &[u64]) -> Vec<u64> {
    std::future::pending().await
}

/// Runs until everything waits, and drops what is left.
fn drop_half_way(task: impl SendTask<()>) {
    let mut schedule = Schedule::new(()).yield_every(usize::MAX);
    let mut run = schedule.run_async(task);
    assert!(Pin::new(&mut run).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(run);
    assert_eq!(schedule.run(double(1)), Ok(2));
}

mod nested_spawns {
    use super::*;

    #[corio::task]
    fn spawns(left: u64, ended: Arc<AtomicU64>, last: bool) {
        if left > 0 {
            spawn!(spawns(left - 1, ended.clone(), last));
        } else if last {
            io!(never(1));
        } else {
            io!(double(1));
        }
        ended.fetch_add(1, Ordering::Relaxed);
    }

    #[test]
    fn end() {
        on_a_small_stack(|| {
            let ended = Arc::new(AtomicU64::new(0));
            assert_eq!(Schedule::new(()).run(spawns(MANY, ended.clone(), false)), Ok(()));
            assert_eq!(ended.load(Ordering::Relaxed), MANY + 1);
        });
    }

    #[test]
    fn are_dropped() {
        on_a_small_stack(|| {
            let ended = Arc::new(AtomicU64::new(0));
            drop_half_way(spawns(MANY, ended.clone(), true));
            assert_eq!((ended.load(Ordering::Relaxed), Arc::strong_count(&ended)), (MANY, 1));
        });
    }

    #[corio::task]
    fn waits(left: u64, group: Rc<WaitGroup>) {
        if left > 0 {
            spawn!(waits(left - 1, group.clone()));
            wait!();
        } else {
            call!(group.wait());
        }
    }

    #[test]
    fn end_when_each_waits_for_the_next() {
        #[corio::task]
        fn program() {
            let group = Rc::new(WaitGroup::new());
            group.add(1);
            spawn!(waits(MANY, group.clone()));
            io!(double(1));
            group.done();
        }

        on_a_small_stack(|| assert_eq!(Schedule::new(()).run(program()), Ok(())));
    }

    #[test]
    fn deadlock_with_the_end_of_their_path() {
        on_a_small_stack(|| {
            let group = Rc::new(WaitGroup::new());
            group.add(1);
            let Err(Error::Deadlock(deadlock)) = Schedule::new(()).run(waits(MANY, group)) else {
                panic!("the last one waits for ever")
            };
            assert_eq!(deadlock.tasks().len(), 1);
            let path = deadlock.tasks()[0].path();
            assert!(path.starts_with("… > waits > waits > "), "{path}");
        });
    }
}

mod nested_handles {
    use super::*;

    #[corio::task]
    fn sums(left: u64, before: Option<JoinHandle<u64>>) -> u64 {
        let sum = match before {
            Some(handle) => call!(handle),
            None => io!(double(1)),
        };
        if left.is_multiple_of(1000) {
            io!(double(1));
        }
        sum + 1
    }

    #[corio::task]
    fn program() -> u64 {
        let mut last = None;
        for left in 0..MANY {
            last = Some(spawn!(sums(left, last)));
        }
        match last {
            Some(handle) => call!(handle),
            None => 0,
        }
    }

    #[test]
    fn give_their_results_one_to_the_other() {
        on_a_small_stack(|| assert_eq!(Schedule::new(()).run(program()), Ok(MANY + 2)));
    }

    #[test]
    fn are_dropped_one_inside_the_other() {
        #[corio::task]
        fn holds(before: Option<JoinHandle<u64>>) -> u64 {
            let sum = io!(never(1));
            drop(before);
            sum
        }

        #[corio::task]
        fn program() {
            let mut last = None;
            for _ in 0..MANY {
                last = Some(spawn!(holds(last)));
            }
            drop(last);
        }

        on_a_small_stack(|| drop_half_way(program()));
    }
}

mod nested_sets {
    use super::*;

    #[corio::task]
    fn alls(left: u64, last: bool) -> u64 {
        if left > 0 {
            all!([alls(left - 1, last)])[0] + 1
        } else if last {
            io!(never(1))
        } else {
            io!(double(1))
        }
    }

    #[corio::task]
    fn mixed(left: u64, last: bool) -> u64 {
        match left % 3 {
            _ if left == 0 && last => io!(never(1)),
            _ if left == 0 => io!(double(1)),
            0 => join!(mixed(left - 1, last), double(1)).0 + 1,
            1 => try_all!([of_result(left - 1, last)]).unwrap()[0] + 1,
            _ => race!(mixed(left - 1, last)) + 1,
        }
    }

    #[corio::task]
    fn of_result(left: u64, last: bool) -> Result<u64, ()> {
        let handle = spawn!(mixed(left, last));
        Ok(call!(handle))
    }

    #[test]
    fn end() {
        on_a_small_stack(|| {
            assert_eq!(Schedule::new(()).run(alls(MANY, false)), Ok(MANY + 2));
            assert_eq!(Schedule::new(()).run(mixed(MANY, false)), Ok(MANY + 2));
        });
    }

    #[test]
    fn are_dropped() {
        on_a_small_stack(|| {
            drop_half_way(alls(MANY, true));
            drop_half_way(mixed(MANY, true));
        });
    }

    #[test]
    fn are_dropped_as_losers() {
        #[corio::task]
        fn program() {
            race!(alls(MANY, true), mixed(MANY, true), double(1));
            io!(double(2));
        }

        on_a_small_stack(|| assert_eq!(Schedule::new(()).run(program()), Ok(())));
    }
}

/// Each call is polled within the poll of its caller, but for those that the tree takes: see
/// `boxed`.
mod nested_calls {
    use super::*;
    use std::hint::black_box;
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
    use std::sync::Mutex;
    use std::time::Duration;

    use corio::testing::VirtualClock;
    use corio::{CancellationToken, Event, boxed};

    /// What is done at the bottom.
    #[derive(Clone, Copy)]
    enum Bottom {
        Asks,
        WaitsForEver,
        Panics,
    }

    /// Notes the order in which frames go.
    struct Frame<'a>(u64, &'a Mutex<Vec<u64>>);

    impl Drop for Frame<'_> {
        fn drop(&mut self) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    #[corio::task]
    fn bottom(bottom: Bottom) -> u64 {
        match bottom {
            Bottom::Asks => io!(double(1)),
            Bottom::WaitsForEver => io!(never(1)),
            Bottom::Panics => {
                io!(double(1));
                resume_unwind(Box::new("at the bottom"))
            }
        }
    }

    #[corio::task]
    fn by_its_name<'a>(left: u64, at: Bottom, gone: &'a Mutex<Vec<u64>>) -> u64 {
        let frame = Frame(left, gone);
        let below =
            if left == 0 { call!(bottom(at)) } else { call!(by_its_name(left - 1, at, frame.1)) };
        below + 1
    }

    #[corio::task]
    fn one(left: u64, at: Bottom, gone: &Mutex<Vec<u64>>) -> u64 {
        let _frame = Frame(left, gone);
        let below =
            if left == 0 { call!(bottom(at)) } else { call!(boxed(other(left - 1, at, gone))) };
        below + 1
    }

    #[corio::task]
    fn other(left: u64, at: Bottom, gone: &Mutex<Vec<u64>>) -> u64 {
        let _frame = Frame(left, gone);
        let below =
            if left == 0 { call!(bottom(at)) } else { call!(boxed(one(left - 1, at, gone))) };
        below + 1
    }

    #[track_caller]
    fn check_gone(gone: &Mutex<Vec<u64>>) {
        assert!(gone.lock().unwrap().drain(..).eq(0..=MANY), "every frame goes, the deepest first");
    }

    #[test]
    fn give_results() {
        on_a_small_stack(|| {
            let gone = Mutex::default();
            let mut schedule = Schedule::new(());
            assert_eq!(schedule.run(by_its_name(MANY, Bottom::Asks, &gone)), Ok(MANY + 3));
            check_gone(&gone);
            assert_eq!(schedule.run(one(MANY, Bottom::Asks, &gone)), Ok(MANY + 3));
            check_gone(&gone);
        });
    }

    #[test]
    fn are_dropped_in_every_way() {
        #[corio::task]
        fn ends(how: &str, gone: &Mutex<Vec<u64>>) {
            match how {
                "a race" => drop(race!(by_its_name(MANY, Bottom::WaitsForEver, gone), double(1))),
                "a time limit" => drop(timeout!(
                    Duration::from_secs(1),
                    boxed(one(MANY, Bottom::WaitsForEver, gone))
                )),
                _ => drop(call!(by_its_name(MANY, Bottom::WaitsForEver, gone))),
            }
        }

        on_a_small_stack(|| {
            for how in
                ["a race", "a time limit", "a run that is dropped", "a run that is cancelled"]
            {
                let gone = Mutex::default();
                let token = CancellationToken::new();
                let mut schedule = Schedule::new(())
                    .clock(VirtualClock::new())
                    .yield_every(usize::MAX)
                    .cancel_on(&token);
                match how {
                    "a run that is dropped" | "a run that is cancelled" => {
                        let mut run = schedule.run_async(ends(how, &gone));
                        let mut poll =
                            || Pin::new(&mut run).poll(&mut Context::from_waker(Waker::noop()));
                        assert!(poll().is_pending());
                        if how == "a run that is cancelled" {
                            token.cancel();
                            assert!(poll().is_ready());
                        }
                    }
                    _ => schedule.run(ends(how, &gone)).unwrap(),
                }
                check_gone(&gone);
            }
        });
    }

    #[test]
    fn panic_at_the_bottom() {
        on_a_small_stack(|| {
            let gone = Mutex::default();
            let panicked = catch_unwind(AssertUnwindSafe(|| {
                Schedule::new(()).run(one(MANY, Bottom::Panics, &gone))
            }));
            assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"at the bottom"));
            check_gone(&gone);
        });
    }

    #[test]
    fn panic_under_the_name_of_the_task_that_called_them() {
        let gone = Mutex::default();
        let told = Arc::new(Diary::default());
        let heard = told.clone();
        let mut schedule = Schedule::new(()).observe(move |event: &Event<'_>| {
            if let Event::Panicked { place, above, .. } = event {
                let above: Vec<&str> = above.iter().map(|(name, _)| *name).collect();
                heard.say(format!("{place}, below {}", above.join(", ")));
            }
        });
        assert!(
            catch_unwind(AssertUnwindSafe(|| schedule.run(by_its_name(
                100,
                Bottom::Panics,
                &gone
            ))))
            .is_err()
        );
        assert_eq!(told.take(), "task `by_its_name`, below by_its_name, by_its_name, by_its_name");
    }

    #[test]
    fn wait_on_the_way_down_and_up_and_for_what_they_spawned() {
        #[corio::task]
        fn counts(count: Rc<Cell<u64>>) {
            io!(double(1));
            count.set(count.get() + 1);
        }

        #[corio::task]
        fn walks(left: u64, count: Rc<Cell<u64>>) {
            if left > 0 {
                io!(double(left));
                spawn!(counts(count.clone()));
                let before = count.get();
                call!(walks(left - 1, count.clone()));
                assert!(count.get() >= before + left - 1, "a call ends after what it has spawned");
                io!(double(left));
            }
        }

        on_a_small_stack(|| {
            let count = Rc::new(Cell::new(0));
            assert_eq!(Schedule::new(()).run(walks(MANY, count.clone())), Ok(()));
            assert_eq!((count.get(), Rc::strong_count(&count)), (MANY, 1));
        });
    }

    #[test]
    fn take_no_more_stack_where_each_takes_much() {
        #[corio::task]
        fn large(left: u64) -> u64 {
            // Not kept while it waits, and so on the stack of the poll.
            let sum: u64 = black_box([left; 2000]).iter().sum();
            let below = if left == 0 { io!(double(1)) } else { call!(large(left - 1)) };
            let again: u64 = black_box([left; 2000]).iter().sum();
            below + sum - again + 1
        }

        let on_the_stack_of_a_thread =
            || assert_eq!(Schedule::new(()).run(large(10_000)), Ok(10_003));
        thread::Builder::new()
            .stack_size(2 << 20)
            .spawn(on_the_stack_of_a_thread)
            .unwrap()
            .join()
            .unwrap();
    }

    #[test]
    fn are_the_same_to_an_observer_and_in_a_deadlock_however_deep() {
        #[corio::task]
        fn down(left: u64, group: &WaitGroup) {
            if left == 0 {
                call!(group.wait());
            } else {
                call!(down(left - 1, group));
            }
        }

        let tell = |depth| {
            let events = Arc::new(Diary::default());
            let heard = events.clone();
            let group = WaitGroup::new();
            group.add(1);
            let mut schedule = Schedule::new(()).observe(move |event: &Event<'_>| {
                if let Event::Started { name, .. } | Event::Asked { dispatcher: name, .. } = event {
                    heard.say(*name);
                }
            });
            let Err(Error::Deadlock(deadlock)) = schedule.run(down(depth, &group)) else {
                panic!("nobody ends the group")
            };
            let tasks: Vec<String> = deadlock
                .tasks()
                .iter()
                .map(|task| format!("{} waits for {}", task.path(), task.waits_for()))
                .collect();
            (events.take(), tasks)
        };
        assert_eq!(tell(1000), tell(1));
        assert_eq!(tell(1).0, "down");
    }
}

mod waiters_of_one_mutex {
    use super::*;

    #[corio::task]
    fn adds(mutex: &Mutex<u64>) {
        *call!(mutex.lock()) += 1;
    }

    #[corio::task]
    fn all(mutex: &Mutex<u64>) {
        all!((0..MANY).map(|_| adds(mutex)));
    }

    #[corio::task]
    fn holds(mutex: &Mutex<u64>) {
        let _locked = call!(mutex.lock());
        io!(double(1));
    }

    #[test]
    fn get_it_one_after_the_other() {
        #[corio::task]
        fn program(mutex: &Mutex<u64>) {
            join!(holds(mutex), all(mutex));
        }

        on_a_small_stack(|| {
            let mutex = Mutex::new(0);
            assert_eq!(Schedule::new(()).run(program(&mutex)), Ok(()));
            assert_eq!(mutex.into_inner(), MANY);
        });
    }

    #[test]
    fn are_dropped_with_the_run() {
        #[corio::task]
        fn program(mutex: &Mutex<u64>) {
            let _locked = call!(mutex.lock());
            join!(never(1), all(mutex));
        }

        on_a_small_stack(|| {
            let mutex = Mutex::new(0);
            drop_half_way(program(&mutex));
            assert_eq!(*mutex.try_lock().unwrap(), 0);
        });
    }

    #[test]
    fn are_dropped_as_losers_while_others_still_wait() {
        // To look for each of them in the queue would take hours.
        #[corio::task]
        fn program(mutex: &Mutex<u64>) {
            let locked = call!(mutex.lock());
            let (_, ()) = join!(
                adds(mutex),
                task!({
                    race!(
                        all(mutex),
                        task!({
                            io!(double(1));
                        })
                    );
                    drop(locked);
                })
            );
        }

        on_a_small_stack(|| {
            let mutex = Mutex::new(0);
            assert_eq!(Schedule::new(()).run(program(&mutex)), Ok(()));
            assert_eq!(mutex.into_inner(), 1);
        });
    }
}

#[test]
fn waiters_of_one_wait_group() {
    #[corio::task]
    fn waits(group: &WaitGroup, woken: &Cell<u64>) {
        call!(group.wait());
        woken.set(woken.get() + 1);
    }

    #[corio::task]
    fn program(group: &WaitGroup, woken: &Cell<u64>) {
        group.add(1);
        join!(
            task!({
                all!((0..MANY).map(|_| waits(group, woken)));
            }),
            task!({
                io!(double(1));
                group.done();
            })
        );
    }

    on_a_small_stack(|| {
        let woken = Cell::new(0);
        assert_eq!(Schedule::new(()).run(program(&WaitGroup::new(), &woken)), Ok(()));
        assert_eq!(woken.get(), MANY);
    });
}

#[test]
fn children_of_one_all() {
    #[corio::task]
    fn child(key: u64) -> u64 {
        io!(double(key))
    }

    #[corio::task]
    fn program() -> u64 {
        let sum: u64 = all!((0..MANY).map(child)).iter().sum();
        sum + io_all!((0..MANY).map(double)).iter().sum::<u64>()
    }

    on_a_small_stack(|| assert_eq!(Schedule::new(()).run(program()), Ok(2 * MANY * (MANY - 1))));
}

#[test]
fn a_million_spawned_tasks() {
    #[corio::task]
    fn child(key: u64, sum: Rc<Cell<u64>>) {
        let twice = io!(double(key));
        sum.set(sum.get() + twice);
    }

    #[corio::task]
    fn program(sum: Rc<Cell<u64>>) {
        for key in 0..1_000_000 {
            spawn!(child(key, sum.clone()));
        }
    }

    on_a_small_stack(|| {
        let sum = Rc::new(Cell::new(0));
        assert_eq!(Schedule::new(()).run(program(sum.clone())), Ok(()));
        assert_eq!(sum.get(), 999_999 * 1_000_000);
    });
}

#[test]
fn a_million_requests_one_after_the_other() {
    #[corio::task]
    fn program() -> u64 {
        let mut sum = 0;
        for key in 0..1_000_000 {
            sum += io!(double(key));
        }
        sum
    }

    on_a_small_stack(|| assert_eq!(Schedule::new(()).run(program()), Ok(999_999 * 1_000_000)));
}

#[test]
fn a_hundred_thousand_children_dropped_one_race_at_a_time() {
    // A parent with very many children loses one of them at a time: to look through all for each
    // would take hours.
    #[corio::task]
    fn stays(group: Rc<WaitGroup>) {
        call!(group.wait());
    }

    #[corio::task]
    fn races() {
        race!(never(1), task!({ 0 }));
    }

    #[corio::task]
    fn program() {
        let group = Rc::new(WaitGroup::new());
        group.add(1);
        for _ in 0..MANY {
            spawn!(stays(group.clone()));
            call!(races());
        }
        group.done();
    }

    on_a_small_stack(|| assert_eq!(Schedule::new(()).run(program()), Ok(())));
}
