//! Read-write locks and semaphores: who gets in with whom, in which order, and what becomes of
//! those who give up.

use std::cell::Cell;
use std::rc::Rc;

use corio::sync::{Permit, RwLock, Semaphore};
use corio::{Error, Schedule};
use expect_test::expect;
use support::{
    Counts, Diary, FOR_EVER, double, gated, message, poll, rounds, run, set_open, without_lines,
};

/// The text of the deadlock that the run ends with.
#[track_caller]
fn deadlock(task: impl corio::Task<(), Output = ()>) -> String {
    let error = Schedule::new(()).run(task).unwrap_err();
    assert!(matches!(error, Error::Deadlock(_)));
    without_lines(&error.to_string())
}

mod a_read_write_lock {
    use super::*;

    /// Says when it comes in and when it goes, so many rounds later.
    #[corio::task]
    fn reads(lock: &RwLock<u64>, diary: &Diary, name: &str, stays: u64) -> u64 {
        let read = call!(lock.read());
        diary.say(format!("+{name}"));
        call!(rounds(stays));
        diary.say(format!("-{name}"));
        *read
    }

    #[corio::task]
    fn writes(lock: &RwLock<u64>, diary: &Diary, name: &str, stays: u64) {
        let mut write = call!(lock.write());
        *write += 1;
        diary.say(format!("+{name}"));
        call!(rounds(stays));
        diary.say(format!("-{name}"));
    }

    #[test]
    fn lets_readers_in_together_and_writers_alone_in_the_order_they_came() {
        #[corio::task]
        fn program(lock: &RwLock<u64>, diary: &Diary) -> (u64, u64, u64, u64, u64) {
            let (a, b, _, c, _, d, e) = join!(
                reads(lock, diary, "a", 2),
                reads(lock, diary, "b", 1),
                writes(lock, diary, "W", 1),
                reads(lock, diary, "c", 1),
                writes(lock, diary, "X", 1),
                reads(lock, diary, "d", 2),
                reads(lock, diary, "e", 1),
            );
            (a, b, c, d, e)
        }

        let (lock, diary) = (RwLock::new(0), Diary::default());
        // c came after a writer that waits, and does not get in with a and b.
        assert_eq!(run(program(&lock, &diary)), (0, 0, 1, 2, 2));
        expect!["+a, +b, -b, -a, +W, -W, +c, -c, +X, -X, +d, +e, -e, -d"].assert_eq(&diary.take());
        assert_eq!(lock.into_inner(), 2);
    }

    #[test]
    fn is_not_held_up_by_a_writer_that_gave_up() {
        #[corio::task]
        fn program(lock: &RwLock<u64>, diary: &Diary) {
            join!(
                reads(lock, diary, "a", 3),
                task!({ race!(writes(lock, diary, "W", 0), rounds(1)) }),
                task!({
                    race!(
                        task!({
                            call!(reads(lock, diary, "b", 0));
                        }),
                        rounds(FOR_EVER)
                    )
                }), // gets in when W has left, while a is still there
                task!({ race!(writes(lock, diary, "X", 0), rounds(FOR_EVER)) }),
            );
        }

        let (lock, diary) = (RwLock::new(0), Diary::default());
        run(program(&lock, &diary));
        expect!["+a, +b, -b, -a, +X, -X"].assert_eq(&diary.take());
    }

    #[test]
    fn handed_to_readers_of_whom_one_gives_up_before_it_runs_is_free_afterwards() {
        #[corio::task]
        fn program(lock: &RwLock<u64>, diary: &Diary) {
            join!(
                writes(lock, diary, "W", 1),
                task!({
                    race!(
                        task!({
                            call!(reads(lock, diary, "a", 5));
                        }),
                        rounds(1)
                    )
                }),
                task!({
                    race!(
                        task!({
                            call!(reads(lock, diary, "b", 1));
                        }),
                        rounds(FOR_EVER)
                    )
                }),
                task!({ race!(writes(lock, diary, "X", 1), rounds(FOR_EVER)) }),
            );
            assert!(lock.try_write().is_some());
        }

        let (lock, diary) = (RwLock::new(0), Diary::default());
        run(program(&lock, &diary));
        expect!["+W, -W, +b, -b, +X, -X"].assert_eq(&diary.take());
    }

    #[test]
    fn costs_no_round_when_it_is_free_and_try_says_whether_it_is() {
        #[corio::task]
        fn program(lock: &RwLock<u64>) {
            let (one, other) = (call!(lock.read()), call!(lock.read()));
            assert!(lock.try_read().is_some() && lock.try_write().is_none());
            drop((one, other));
            let mut write = call!(lock.write());
            *write += 1;
            assert!(lock.try_read().is_none() && lock.try_write().is_none());
            drop(write);
            *lock.try_write().unwrap() += 1;
        }

        let log = corio::Log::new();
        let mut lock = RwLock::new(0);
        Schedule::new(()).observe(log.observer()).run(program(&lock)).unwrap();
        assert_eq!((log.to_string().as_str(), *lock.get_mut()), ("", 2));
    }

    #[test]
    fn a_writer_that_reads_and_readers_that_write_are_told_apart() {
        #[corio::task]
        fn upgrades(lock: &RwLock<u64>) {
            let _read = call!(lock.read());
            io!(double(1));
            drop(call!(lock.write()));
        }

        #[corio::task]
        fn program(lock: &RwLock<u64>) {
            join!(upgrades(lock), upgrades(lock));
        }

        expect![[r#"
            deadlock: no task can run, nothing is queued and nothing in flight, but 2 tasks wait
              cycle: #1 → #1
              cycle: #2 → #1 → #2
              cycle: #2 → #2
              #1 `program > upgrades` waits at LINE for a read-write lock, to write, held by #1, #2
              #2 `program > upgrades` waits at LINE for a read-write lock, to write, held by #1, #2"#]]
        .assert_eq(&deadlock(program(&RwLock::new(0))));
    }

    #[test]
    fn in_use_in_another_run_says_so() {
        #[corio::task]
        fn reads_it(lock: &RwLock<u64>) {
            drop(call!(lock.read()));
        }

        #[corio::task]
        fn program(lock: &RwLock<u64>) -> String {
            let _read = call!(lock.read());
            io!(double(1));
            message(|| Schedule::new(()).run(reads_it(lock)).is_ok())
        }

        let lock = RwLock::new(0);
        assert_eq!(
            run(program(&lock)),
            "corio: this lock is in use in another run; a lock belongs to one run at a time"
        );
        run(reads_it(&lock));
    }

    #[test]
    fn hands_over_to_a_hundred_thousand_readers_at_once() {
        #[corio::task]
        fn adds(lock: &RwLock<u64>, sum: &Cell<u64>, counts: &Counts) {
            let _one = counts.one();
            let read = call!(lock.read());
            io!(double(1));
            sum.set(sum.get() + *read);
        }

        #[corio::task]
        fn program(lock: &RwLock<u64>, sum: &Cell<u64>, counts: &Counts) {
            let writes = task!({
                let mut write = call!(lock.write());
                io!(double(1));
                *write = 1;
            });
            join!(
                writes,
                task!({
                    all!((0..100_000).map(|_| adds(lock, sum, counts)));
                })
            );
        }

        let (lock, sum, counts) = (RwLock::new(0), Cell::new(0), Counts::default());
        run(program(&lock, &sum, &counts));
        assert_eq!(sum.get(), 100_000);
        counts.check_built(100_000);
    }

    #[test]
    fn shows_its_value_unless_it_is_written() {
        let lock = RwLock::new(7);
        let read = lock.try_read().unwrap();
        assert_eq!(format!("{lock:?} {read:?}"), "RwLock(7) 7");
        drop(read);
        let write = lock.try_write().unwrap();
        assert_eq!(format!("{lock:?} {write:?}"), "RwLock(<locked>) 7");
    }
}

mod a_semaphore {
    use super::*;

    #[corio::task]
    fn takes(semaphore: &Semaphore, diary: &Diary, wants: usize, stays: u64) {
        let _permits = call!(semaphore.acquire_many(wants));
        diary.say(format!("+{wants}"));
        call!(rounds(stays));
        diary.say(format!("-{wants}"));
    }

    #[test]
    fn lets_so_many_in_at_a_time() {
        #[corio::task]
        fn program(semaphore: &Semaphore) {
            all!((0..10).map(|key| task!(move {
                let _permit = call!(semaphore.acquire());
                io!(double(key));
            })));
        }

        let log = corio::Log::new();
        let semaphore = Semaphore::new(4);
        Schedule::new(()).observe(log.observer()).run(program(&semaphore)).unwrap();
        expect![[r#"
            round 1: double[0, 1, 2, 3]
            round 2: double[4, 5, 6, 7]
            round 3: double[8, 9]
        "#]]
        .assert_eq(&log.to_string());
        assert_eq!(semaphore.available_permits(), 4);
    }

    #[test]
    fn lets_nobody_overtake_a_large_wish() {
        #[corio::task]
        fn program(semaphore: &Semaphore, diary: &Diary) {
            join!(
                takes(semaphore, diary, 2, 1),
                takes(semaphore, diary, 4, 1),
                takes(semaphore, diary, 1, 1),
                task!({
                    io!(double(1));
                    assert!(semaphore.try_acquire().is_none(), "one is free, and somebody waits");
                })
            );
        }

        let (semaphore, diary) = (Semaphore::new(5), Diary::default());
        join_and_check(&semaphore, program(&semaphore, &diary));
        expect!["+2, -2, +4, +1, -4, -1"].assert_eq(&diary.take());
    }

    fn join_and_check(semaphore: &Semaphore, task: impl corio::Task<(), Output = ()>) {
        // Two are held, and four wanted: three are free meanwhile.
        run(task);
        assert_eq!(semaphore.available_permits(), 5);
    }

    #[test]
    fn serves_those_behind_a_large_wish_that_gave_up() {
        #[corio::task]
        fn program(semaphore: &Semaphore, diary: &Diary) {
            join!(
                takes(semaphore, diary, 2, 5),
                task!({ race!(takes(semaphore, diary, 4, 1), rounds(1)) }),
                task!({ race!(takes(semaphore, diary, 1, 1), rounds(FOR_EVER)) }),
                task!({ race!(takes(semaphore, diary, 5, 1), rounds(2)) }),
                task!({ race!(takes(semaphore, diary, 2, 1), rounds(FOR_EVER)) })
            );
        }

        let (semaphore, diary) = (Semaphore::new(5), Diary::default());
        join_and_check(&semaphore, program(&semaphore, &diary));
        expect!["+2, +1, -1, +2, -2, -2"].assert_eq(&diary.take());
    }

    #[test]
    fn handed_over_to_one_who_gives_up_before_it_runs_serves_those_behind() {
        #[corio::task]
        fn program(semaphore: &Semaphore, diary: &Diary) {
            join!(
                takes(semaphore, diary, 5, 1),
                task!({ race!(takes(semaphore, diary, 4, 9), rounds(1)) }),
                task!({ race!(takes(semaphore, diary, 3, 1), rounds(FOR_EVER)) }),
                task!({ race!(takes(semaphore, diary, 2, 1), rounds(FOR_EVER)) })
            );
        }

        let (semaphore, diary) = (Semaphore::new(5), Diary::default());
        join_and_check(&semaphore, program(&semaphore, &diary));
        expect!["+5, -5, +3, +2, -3, -2"].assert_eq(&diary.take());
    }

    #[test]
    fn gains_and_loses_permits_for_good() {
        #[corio::task]
        fn program(semaphore: &Semaphore, diary: &Diary) {
            join!(
                takes(semaphore, diary, 3, 0),
                task!({
                    io!(double(1));
                    semaphore.add_permits(1);
                    io!(double(2));
                    semaphore.add_permits(1);
                })
            );
            call!(semaphore.acquire_many(2)).forget();
            assert_eq!(
                (semaphore.available_permits(), semaphore.try_acquire_many(2).is_none()),
                (1, true)
            );
            drop(call!(semaphore.acquire_many(0)));
        }

        let (semaphore, diary) = (Semaphore::new(1), Diary::default());
        run(program(&semaphore, &diary));
        assert_eq!((semaphore.available_permits(), diary.take().as_str()), (1, "+3, -3"));
        let full = Semaphore::new(usize::MAX);
        assert_eq!(message(|| full.add_permits(1)), "corio: more permits than fit in a usize");
    }

    #[test]
    fn handed_out_again_and_again_before_anybody_runs_may_be_more_than_fit_in_a_usize() {
        #[corio::task]
        fn takes_for_good(semaphore: &Semaphore, wants: usize) {
            call!(semaphore.acquire_many(wants)).forget();
        }

        #[corio::task]
        fn adds(semaphore: &Semaphore) {
            io!(double(1));
            semaphore.add_permits(10);
            semaphore.add_permits(usize::MAX);
            semaphore.add_permits(usize::MAX);
        }

        #[corio::task]
        fn program(semaphore: &Semaphore) {
            let most = || takes_for_good(semaphore, usize::MAX);
            join!(takes_for_good(semaphore, 10), most(), most(), adds(semaphore));
        }

        let semaphore = Semaphore::new(0);
        run(program(&semaphore));
        assert_eq!(semaphore.available_permits(), 0);
    }

    #[test]
    fn with_too_few_permits_is_a_deadlock_that_says_how_many_there_are() {
        #[corio::task]
        fn keeps(semaphore: &Semaphore) {
            let _permit = call!(semaphore.acquire());
            drop(call!(semaphore.acquire_many(5)));
        }

        expect![[r#"
            deadlock: no task can run, nothing is queued and nothing in flight, but 1 task waits
              cycle: #1 → #1
              #1 `keeps` waits at LINE for 5 permits of a semaphore, 2 are free, held by #1"#]]
        .assert_eq(&deadlock(keeps(&Semaphore::new(3))));
        expect![[r#"
            deadlock: no task can run, nothing is queued and nothing in flight, but 1 task waits
              `takes` waits at LINE for 2 permits of a semaphore, 1 is free"#]]
        .assert_eq(&deadlock(takes(&Semaphore::new(1), &Diary::default(), 2, 0)));
        expect![[r#"
            deadlock: no task can run, nothing is queued and nothing in flight, but 1 task waits
              `takes` waits at LINE for a permit of a semaphore, 0 are free"#]]
        .assert_eq(&deadlock(takes(&Semaphore::new(0), &Diary::default(), 1, 0)));
    }

    #[test]
    fn can_be_used_in_the_run_after_one_that_waited_for_it_in_vain() {
        let (semaphore, diary) = (Semaphore::new(2), Diary::default());
        let mut schedule = Schedule::new(());
        for _ in 0..3 {
            assert!(schedule.run(takes(&semaphore, &diary, 3, 1)).is_err());
            assert_eq!(schedule.run(takes(&semaphore, &diary, 2, 1)), Ok(()));
        }
        assert_eq!(
            (semaphore.available_permits(), diary.take().as_str()),
            (2, "+2, -2, +2, -2, +2, -2")
        );
    }

    #[test]
    fn in_use_in_another_run_says_so() {
        #[corio::task]
        fn program(semaphore: &Semaphore) -> String {
            let _permit = call!(semaphore.acquire());
            io!(double(1));
            message(|| Schedule::new(()).run(takes(semaphore, &Diary::default(), 1, 0)).is_ok())
        }

        let semaphore = Semaphore::new(2);
        assert_eq!(
            run(program(&semaphore)),
            "corio: this semaphore is in use in another run; a semaphore belongs to one run at a time"
        );
        assert_eq!(semaphore.available_permits(), 2);
    }

    #[test]
    fn given_back_outside_the_run_wakes_those_who_wait() {
        #[corio::task]
        fn program(semaphore: &Semaphore, diary: &Diary) {
            join!(takes(semaphore, diary, 2, 0), gated(1));
        }

        let (semaphore, diary) = (Semaphore::new(2), Diary::default());
        let held: Permit<'_> = semaphore.try_acquire().unwrap();
        let mut schedule = Schedule::new(());
        let mut pending = schedule.run_async(program(&semaphore, &diary));
        assert!(poll(&mut pending).is_pending());
        drop(held);
        assert!(poll(&mut pending).is_pending());
        assert_eq!(diary.take(), "+2, -2");
        set_open(true);
        assert!(poll(&mut pending).is_ready());
        set_open(false);
    }

    #[test]
    fn hands_over_to_a_hundred_thousand_who_wait() {
        #[corio::task]
        fn counts_up(semaphore: Rc<Semaphore>, count: Rc<Cell<u64>>) {
            let _permit = call!(semaphore.acquire());
            count.set(count.get() + 1);
        }

        #[corio::task]
        fn program(semaphore: Rc<Semaphore>, count: Rc<Cell<u64>>) {
            let all = call!(semaphore.acquire_many(3));
            for _ in 0..100_000 {
                spawn!(counts_up(semaphore.clone(), count.clone()));
            }
            io!(double(1));
            drop(all);
        }

        let (semaphore, count) = (Rc::new(Semaphore::new(3)), Rc::default());
        run(program(semaphore.clone(), Rc::clone(&count)));
        assert_eq!((count.get(), semaphore.available_permits()), (100_000, 3));
    }

    #[test]
    fn shows_how_many_are_free() {
        let semaphore = Semaphore::new(3);
        let permit = semaphore.try_acquire_many(2).unwrap();
        assert_eq!(
            format!("{semaphore:?} {permit:?}"),
            "Semaphore { available: 1, waiting: 0 } Permit(2)"
        );
    }
}
