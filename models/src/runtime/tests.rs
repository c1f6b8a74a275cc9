//! Nothing that happens outside is lost: a run that sleeps is woken by it, or does not fall asleep.

use std::task::{Wake, Waker};

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Notify};
use loom::thread;
use std::sync::Arc as StdArc;

use super::inbox::Inbox;
use super::run_wake::RunWake;
use crate::dispatch::{InFlightId, Mailbox, MailboxReader, ReadMailbox, SlotOutcome, WakeRun};
use crate::executor::Id;
use crate::util::{CancellationToken, Nudge};

/// What the owner of a run sleeps on.
struct Owner(Notify);

impl Wake for Owner {
    fn wake(self: StdArc<Self>) {
        self.0.notify();
    }
}

/// Turns a run as its owner does: takes what has arrived, and sleeps when nothing has, until `turn`
/// says that it is over. Loom reports an owner that nobody wakes.
fn turn(inbox: &Inbox, mut turn: impl FnMut(&Inbox) -> bool) {
    let owner = StdArc::new(Owner(Notify::new()));
    let waker = Waker::from(owner.clone());
    while !turn(inbox) {
        if inbox.sleep(&waker) {
            owner.0.wait();
        }
    }
}

#[test]
fn a_future_that_is_woken_is_polled_again() {
    loom::model(|| {
        let inbox = StdArc::new(Inbox::default());
        inbox.begin_run(1);
        let wake = RunWake::of_future(7, inbox.clone());
        let is_ready = Arc::new(AtomicUsize::new(0));
        let (waker, ready) = (wake.waker(), is_ready.clone());
        let thread = thread::spawn(move || {
            // Twice, so that the second may be coalesced with the first.
            for step in 1..=2 {
                ready.store(step, Ordering::Relaxed);
                waker.wake_by_ref();
            }
        });
        let mut seen = 0;
        turn(&inbox, |inbox| {
            if let Some(mut arrivals) = inbox.take() {
                for future in arrivals.futures.drain(..) {
                    assert_eq!(future, 7);
                    wake.begin_poll();
                    seen = is_ready.load(Ordering::Relaxed);
                }
                inbox.put_back(arrivals);
            }
            seen == 2
        });
        thread.join().unwrap();
    });
}

#[test]
fn a_task_that_is_woken_goes_on() {
    loom::model(|| {
        let inbox = StdArc::new(Inbox::default());
        inbox.begin_run(1);
        let wake = RunWake::of_task(1, Id(3), inbox.clone());
        wake.begin_poll();
        let waker = wake.waker();
        let thread = thread::spawn(move || waker.wake());
        turn(&inbox, |inbox| inbox.take().is_some_and(|arrivals| arrivals.woken == [Id(3)]));
        thread.join().unwrap();
    });
}

#[test]
fn a_task_is_not_woken_in_the_run_after_its_own() {
    loom::model(|| {
        let inbox = StdArc::new(Inbox::default());
        inbox.begin_run(1);
        let waker = RunWake::of_task(1, Id(3), inbox.clone()).waker();
        let thread = thread::spawn(move || waker.wake());
        // As a run ends: what has arrived is thrown away, and then it is over.
        inbox.clear();
        inbox.end_run();
        inbox.clear();
        inbox.begin_run(2);
        thread.join().unwrap();
        assert!(inbox.take().is_none_or(|arrivals| arrivals.woken.is_empty()));
    });
}

#[test]
fn what_slots_leave_is_collected() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let inbox = StdArc::new(Inbox::default());
        inbox.begin_run(1);
        let ring: StdArc<dyn WakeRun> = inbox.clone();
        let mailbox = StdArc::new(Mailbox::<u32, u32>::new(2, ring, 4, InFlightId(5), None));
        let threads: Vec<_> = (0..2)
            .map(|position| {
                let mailbox = mailbox.clone();
                thread::spawn(move || {
                    let answer = position as u32;
                    mailbox.put(SlotOutcome::Answer { position, answer, key: None });
                })
            })
            .collect();
        let reader = MailboxReader { mailbox, wrap: |answer: u32| answer };
        let mut collected = 0;
        turn(&inbox, |inbox| {
            if let Some(mut arrivals) = inbox.take() {
                for (queue, flight) in arrivals.mailboxes.drain(..) {
                    assert_eq!((queue, flight), (4, InFlightId(5)));
                    reader.drain(&mut |_| collected += 1);
                }
                inbox.put_back(arrivals);
            }
            collected == 2
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_run_that_is_cancelled_does_not_sleep_on() {
    loom::model(|| {
        let inbox = StdArc::new(Inbox::default());
        inbox.begin_run(1);
        let token = CancellationToken::new();
        let sleeper: StdArc<dyn Nudge> = inbox.clone();
        let _nudging = token.nudge_when_cancelled(StdArc::downgrade(&sleeper));
        let flag = token.flag();
        let thread = thread::spawn(move || token.cancel());
        turn(&inbox, |inbox| {
            drop(inbox.take());
            flag.is_set()
        });
        thread.join().unwrap();
    });
}
