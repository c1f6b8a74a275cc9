//! What a drive has asked is sent when no member of it is active, whoever is woken meanwhile; and no
//! place of a hub is lost.

use std::any::{Any, TypeId};
use std::sync::Arc as StdArc;
use std::task::{Wake, Waker};

use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::sync::{Arc, Notify};
use loom::thread;

use super::group::{Group, Unsent};
use super::member::Member;
use super::places::{Claim, Places, WaitsForPlace};

/// Counts how often something was sent.
struct Asked(Arc<AtomicUsize>);

impl Unsent for Asked {
    fn request(&self) -> TypeId {
        TypeId::of::<()>()
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn send(self: Box<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn ask(group: &Group, sent: &Arc<AtomicUsize>) {
    group.with_unsent(|unsent| unsent.push(Box::new(Asked(sent.clone()))));
}

/// Polls a member until it is idle; it asks once.
fn poll_and_ask(member: &Member, sent: &Arc<AtomicUsize>) {
    let mut has_asked = false;
    poll(member, || {
        if !std::mem::replace(&mut has_asked, true) {
            ask(member.group(), sent);
        }
    });
}

/// Polls a member until it is idle.
fn poll(member: &Member, mut poll: impl FnMut()) {
    member.begin_poll(Waker::noop());
    loop {
        poll();
        if member.becomes_idle() {
            return;
        }
        member.begin_round();
    }
}

#[test]
fn what_is_asked_leaves_whoever_wakes_and_polls_meanwhile() {
    loom::model(|| {
        let sent = Arc::new(AtomicUsize::new(0));
        let member = Member::new(Group::new(None));
        poll(&member, || {});
        // Woken by another thread, and polled without having been woken, by its own task.
        let waker = member.waker().clone();
        let wakes = thread::spawn(move || waker.wake_by_ref());
        poll_and_ask(&member, &sent);
        wakes.join().unwrap();
        // The poll that the wake-up asks for.
        poll(&member, || {});
        assert_eq!(sent.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn of_two_members_that_become_idle_the_later_sends_for_both() {
    loom::model(|| {
        let sent = Arc::new(AtomicUsize::new(0));
        let group = Group::new(None);
        group.begin();
        let (one, other) = (Member::new(group.clone()), Member::new(group.clone()));
        let of_other = sent.clone();
        let thread = thread::spawn(move || {
            poll_and_ask(&other, &of_other);
            other
        });
        poll_and_ask(&one, &sent);
        drop(thread.join().unwrap());
        assert_eq!(sent.load(Ordering::SeqCst), 2);
    });
}

#[test]
fn a_member_that_is_dropped_while_it_is_woken_leaves_the_group_to_the_others() {
    loom::model(|| {
        let sent = Arc::new(AtomicUsize::new(0));
        let group = Group::new(None);
        group.begin();
        let (stays, goes) = (Member::new(group.clone()), Member::new(group));
        poll(&goes, || {});
        let waker = goes.waker().clone();
        let wakes = thread::spawn(move || waker.wake_by_ref());
        poll_and_ask(&stays, &sent);
        drop(goes);
        wakes.join().unwrap();
        assert_eq!(sent.load(Ordering::SeqCst), 1);
    });
}

/// A lane that sleeps until it is granted a place.
struct Lane {
    claim: Claim,
    woken: Notify,
}

impl WaitsForPlace for Lane {
    fn claim(&self) -> &Claim {
        &self.claim
    }

    fn wake(&self) {
        self.woken.notify();
    }
}

/// Takes a place, has a batch in flight, and gives the place back.
fn one_batch(places: &Places) {
    let lane = StdArc::new(Lane { claim: Claim::default(), woken: Notify::new() });
    if !places.take(&lane) {
        while lane.claim.take_granted() == 0 {
            lane.woken.wait();
        }
    }
    places.give(1);
}

#[test]
fn whoever_waits_for_a_place_is_granted_one() {
    loom::model(|| {
        let places = StdArc::new(Places::new(1));
        let threads = [(); 2].map(|()| {
            let places = places.clone();
            thread::spawn(move || one_batch(&places))
        });
        one_batch(&places);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn a_lane_that_goes_while_it_is_granted_a_place_loses_none() {
    loom::model(|| {
        let places = StdArc::new(Places::new(1));
        let goes = StdArc::new(Lane { claim: Claim::default(), woken: Notify::new() });
        let has = StdArc::new(Lane { claim: Claim::default(), woken: Notify::new() });
        assert!(places.take(&has));
        assert!(!places.take(&goes));
        let of_other = places.clone();
        let gives = thread::spawn(move || of_other.give(1));
        places.leave(&goes);
        places.give(goes.claim.take_granted());
        gives.join().unwrap();
        assert!(places.take(&has));
    });
}
