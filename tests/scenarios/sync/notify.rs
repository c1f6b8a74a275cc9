//! Notifications: who is woken, what is stored, and what becomes of a notification whose receiver
//! is dropped.

use std::cell::Cell;
use std::rc::Rc;

use corio::Schedule;
use corio::sync::Notify;
use expect_test::expect;
use support::{
    Diary, FOR_EVER, double, gated, message, poll, rounds, run, set_open, without_lines,
};

#[corio::task]
fn waits(notify: &Notify, diary: &Diary, name: &str) {
    call!(notify.notified());
    diary.say(name);
}

/// Waits for so many rounds only.
#[corio::task]
fn impatient(notify: &Notify, diary: &Diary, name: &str, count: u64) {
    race!(waits(notify, diary, name), rounds(count));
}

#[test]
fn one_wakes_the_one_that_waits_longest() {
    #[corio::task]
    fn program(notify: &Notify, diary: &Diary) {
        let notifies = task!({
            io!(double(1));
            notify.notify_one();
            notify.notify_one();
            io!(double(2));
            diary.say("now");
            notify.notify_one();
        });
        join!(
            waits(notify, diary, "a"),
            waits(notify, diary, "b"),
            waits(notify, diary, "c"),
            notifies
        );
    }

    let diary = Diary::default();
    run(program(&Notify::new(), &diary));
    expect!["a, b, now, c"].assert_eq(&diary.take());
}

#[test]
fn one_is_stored_if_nobody_waits_and_no_more_than_one() {
    #[corio::task]
    fn program(notify: &Notify, diary: &Diary) {
        notify.notify_one();
        notify.notify_one();
        call!(waits(notify, diary, "stored"));
        join!(
            waits(notify, diary, "woken"),
            task!({
                io!(double(1));
                diary.say("now");
                notify.notify_one();
            })
        );
    }

    let diary = Diary::default();
    run(program(&Notify::new(), &diary));
    expect!["stored, now, woken"].assert_eq(&diary.take());
}

#[test]
fn all_wakes_those_who_wait_now_and_stores_nothing() {
    #[corio::task]
    fn twice(notify: &Notify, diary: &Diary, name: &str) {
        call!(waits(notify, diary, name));
        call!(waits(notify, diary, &name.to_uppercase()));
    }

    #[corio::task]
    fn program(notify: &Notify, diary: &Diary) {
        notify.notify_waiters();
        let notifies = task!({
            io!(double(1));
            notify.notify_waiters();
            io!(double(2));
            diary.say("now");
            notify.notify_waiters();
        });
        join!(twice(notify, diary, "a"), twice(notify, diary, "b"), notifies);
    }

    let diary = Diary::default();
    run(program(&Notify::new(), &diary));
    expect!["a, b, now, A, B"].assert_eq(&diary.take());
}

#[test]
fn those_who_gave_up_are_passed_over_wherever_they_stood() {
    #[corio::task]
    fn program(notify: &Notify, diary: &Diary) {
        let notifies = task!({
            call!(rounds(4));
            notify.notify_one();
            notify.notify_one();
            notify.notify_one();
        });
        join!(
            impatient(notify, diary, "a", 1),
            impatient(notify, diary, "b", FOR_EVER),
            impatient(notify, diary, "c", 3),
            impatient(notify, diary, "d", FOR_EVER),
            impatient(notify, diary, "e", 2),
            notifies,
        );
        call!(waits(notify, diary, "stored"));
    }

    let diary = Diary::default();
    run(program(&Notify::new(), &diary));
    expect!["b, d, stored"].assert_eq(&diary.take());
}

#[test]
fn one_that_reaches_somebody_who_is_dropped_before_it_runs_goes_to_the_next() {
    #[corio::task]
    fn program(notify: &Notify, diary: &Diary) {
        // In the round in which the impatient ones give up, when all of them were woken.
        let notifies = task!({
            io!(double(1));
            (0..3).for_each(|_| notify.notify_one());
        });
        join!(
            notifies,
            impatient(notify, diary, "a", 1),
            impatient(notify, diary, "b", 1),
            impatient(notify, diary, "c", FOR_EVER),
            impatient(notify, diary, "d", FOR_EVER),
        );
        call!(waits(notify, diary, "stored"));
    }

    let diary = Diary::default();
    run(program(&Notify::new(), &diary));
    expect!["c, d, stored"].assert_eq(&diary.take());
}

#[test]
fn all_that_reaches_somebody_who_is_dropped_before_it_runs_goes_to_nobody() {
    #[corio::task]
    fn program(notify: &Notify, diary: &Diary) {
        let notifies = task!({
            io!(double(1));
            notify.notify_waiters();
            io!(double(2));
            diary.say("now");
            notify.notify_one();
        });
        let late = task!({
            io!(double(1));
            call!(waits(notify, diary, "late"));
        });
        join!(
            notifies,
            late,
            impatient(notify, diary, "a", 1),
            impatient(notify, diary, "b", FOR_EVER)
        );
    }

    let diary = Diary::default();
    run(program(&Notify::new(), &diary));
    expect!["b, now, late"].assert_eq(&diary.take());
}

#[test]
fn one_and_all_at_once_lose_nothing() {
    #[corio::task]
    fn program(notify: &Notify, diary: &Diary) {
        // `a` was notified by itself before all were, and is dropped: that notification is still
        // owed to somebody.
        let notifies = task!({
            io!(double(1));
            notify.notify_one();
            notify.notify_waiters();
        });
        join!(notifies, impatient(notify, diary, "a", 1), impatient(notify, diary, "b", FOR_EVER));
        call!(waits(notify, diary, "stored"));
    }

    let diary = Diary::default();
    run(program(&Notify::new(), &diary));
    expect!["b, stored"].assert_eq(&diary.take());
}

#[test]
fn a_wait_in_vain_is_a_deadlock_and_the_next_run_begins_anew() {
    let (notify, diary) = (Notify::new(), Diary::default());
    let mut schedule = Schedule::new(());
    for _ in 0..2 {
        let error = schedule.run(waits(&notify, &diary, "never")).unwrap_err();
        expect![[r#"
            deadlock: no task can run, nothing is queued and nothing in flight, but 1 task waits
              `waits` waits at LINE for a notification"#]]
        .assert_eq(&without_lines(&error.to_string()));
    }
    notify.notify_one();
    assert_eq!(schedule.run(waits(&notify, &diary, "stored")), Ok(()));
    assert_eq!(
        format!("{} {notify:?}", diary.take()),
        "stored Notify { stored: false, waiting: 0 }"
    );
}

#[test]
fn waited_for_in_another_run_says_so() {
    #[corio::task]
    fn program(notify: &Notify, diary: &Diary) -> String {
        let inner = task!({
            io!(double(1));
            let said = message(|| Schedule::new(()).run(waits(notify, diary, "inner")).is_ok());
            notify.notify_one();
            said
        });
        join!(waits(notify, diary, "outer"), inner).1
    }

    let diary = Diary::default();
    let said = run(program(&Notify::new(), &diary));
    assert_eq!(
        said,
        "corio: tasks of another run wait for this notification; a `Notify` belongs to one run at a time"
    );
    assert_eq!(diary.take(), "outer");
}

#[test]
fn from_outside_and_from_an_inner_run_it_wakes_those_who_wait() {
    #[corio::task]
    fn notifies(notify: &Notify) {
        notify.notify_one();
    }

    #[corio::task]
    fn program(notify: &Notify, diary: &Diary) {
        let inner = task!({
            io!(double(1));
            Schedule::new(()).run(notifies(notify)).unwrap();
        });
        join!(waits(notify, diary, "a"), inner);
        join!(waits(notify, diary, "b"), gated(1));
    }

    let (notify, diary) = (Notify::new(), Diary::default());
    let mut schedule = Schedule::new(());
    let mut pending = schedule.run_async(program(&notify, &diary));
    assert!(poll(&mut pending).is_pending());
    assert_eq!(diary.take(), "a");
    notify.notify_waiters();
    assert!(poll(&mut pending).is_pending());
    assert_eq!(diary.take(), "b");
    set_open(true);
    assert!(poll(&mut pending).is_ready());
    set_open(false);
}

#[test]
fn a_hundred_thousand_are_woken_one_by_one_and_all_at_once() {
    #[corio::task]
    fn counts_up(notify: Rc<Notify>, count: Rc<Cell<u64>>) {
        call!(notify.notified());
        count.set(count.get() + 1);
        call!(notify.notified());
        count.set(count.get() + 1);
    }

    #[corio::task]
    fn program(notify: Rc<Notify>, count: Rc<Cell<u64>>) {
        for _ in 0..100_000 {
            spawn!(counts_up(notify.clone(), count.clone()));
        }
        io!(double(1));
        (0..100_000).for_each(|_| notify.notify_one());
        io!(double(1));
        assert_eq!(count.get(), 100_000);
        notify.notify_waiters();
    }

    let count = Rc::default();
    run(program(Rc::default(), Rc::clone(&count)));
    assert_eq!(count.get(), 200_000);
}
