//! What is pushed into a lane is in the hands of its driver, or handed back to the asker; what is
//! withdrawn from it or granted to it is seen by the driver. A driver that sleeps beside something
//! that has arrived is a deadlock, which loom reports.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use loom::sync::Notify;
use loom::thread;

use super::asker::{Asker, Entry, Outcomes, RunPacket, Seat, TakesBack, Withdrawn};
use super::lane::{Arrived, HubLane, Packet};
use super::lanes::{Found, LaneName, Lanes};
use super::places::{Places, WaitsForPlace};
use crate::dispatch::{InFlightId, Mailbox, Request, Waiter, WakeRun};

/// A request, which is answered with its key.
struct Echo;

impl Request for Echo {
    type Key = u32;
    type Answer = u32;

    fn name() -> &'static str {
        "echo"
    }
}

type Lane = HubLane<Echo>;
type Seats = Vec<Arc<Seat<Echo>>>;

/// A request of plain async code: where it gets its outcome, and what goes to a lane.
fn request(key: u32) -> (Arc<Seat<Echo>>, Entry<Echo>) {
    let seat = Seat::new(Waker::noop().clone(), None);
    (seat.clone(), Entry { key, asker: Asker::plain(seat) })
}

/// Requests of plain async code with these keys, a packet each.
fn packets(keys: &[u32]) -> (Seats, Vec<Packet<Echo>>) {
    keys.iter()
        .map(|key| request(*key))
        .map(|(seat, entry)| (seat, VecDeque::from([entry])))
        .unzip()
}

fn keys<'a>(packets: impl IntoIterator<Item = &'a Packet<Echo>>) -> Vec<u32> {
    packets.into_iter().flatten().map(|entry| entry.key).collect()
}

fn answer(packets: Vec<Packet<Echo>>) {
    let mut outcomes = Outcomes::default();
    packets.into_iter().flatten().for_each(|Entry { key, asker }| outcomes.add(asker, Ok(key)));
    outcomes.give();
}

fn assert_answered(seats: Seats) {
    for (seat, key) in seats.iter().zip(1..) {
        assert_eq!(seat.poll(&Context::from_waker(Waker::noop())), Poll::Ready(Ok(key)));
    }
}

/// What the task of a driver sleeps on.
struct Sleeper(Notify);

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// Drives a lane: takes what has arrived, and sleeps when it has seen all of it, until `turn` says
/// that it is over.
fn drive(lane: &Lane, mut turn: impl FnMut(Arrived<Echo>) -> bool) {
    let sleeper = Arc::new(Sleeper(Notify::new()));
    let waker = Waker::from(sleeper.clone());
    while !turn(lane.take()) {
        if lane.park(&waker) {
            sleeper.0.wait();
        }
    }
}

/// Drives a lane until these many packets have arrived.
fn drive_until(lane: &Lane, packets: usize) -> Vec<Packet<Echo>> {
    let mut taken = Vec::new();
    drive(lane, |arrived| {
        taken.extend(arrived.packets);
        taken.len() == packets
    });
    taken
}

// ── what is pushed ──

#[test]
fn what_askers_push_is_taken_and_wakes_a_driver_that_sleeps() {
    loom::model(|| {
        let lane = Lane::new();
        let (seats, packets) = packets(&[1, 2]);
        let threads = packets.into_iter().map(|packet| {
            let lane = lane.clone();
            thread::spawn(move || assert!(lane.push(packet).is_ok()))
        });
        let threads: Vec<_> = threads.collect();
        let taken = drive_until(&lane, 2);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        answer(taken);
        assert_answered(seats);
    });
}

#[test]
fn packets_of_one_asker_arrive_in_their_order() {
    loom::model(|| {
        let lane = Lane::new();
        let (seats, packets) = packets(&[1, 2, 3]);
        let to = lane.clone();
        let thread = thread::spawn(move || {
            packets.into_iter().for_each(|packet| assert!(to.push(packet).is_ok()));
        });
        let taken = drive_until(&lane, 3);
        thread.join().unwrap();
        assert_eq!(keys(&taken), [1, 2, 3]);
        answer(taken);
        assert_answered(seats);
    });
}

/// Pushes a packet on a thread, which returns it if it was handed back.
fn pushing(lane: &Arc<Lane>, packet: Packet<Echo>) -> thread::JoinHandle<Option<Packet<Echo>>> {
    let lane = lane.clone();
    thread::spawn(move || lane.push(packet).err())
}

#[test]
fn what_is_pushed_while_a_driver_retires_is_taken_or_handed_back() {
    loom::model(|| {
        let lane = Lane::new();
        let (seats, packets) = packets(&[1, 2]);
        let threads: Vec<_> = packets.into_iter().map(|packet| pushing(&lane, packet)).collect();
        let mut held = Vec::new();
        drive(&lane, |arrived| {
            held.extend(arrived.packets);
            lane.close_if_empty()
        });
        // As its seat does when it is dropped.
        assert!(lane.close().is_empty());
        held.extend(threads.into_iter().filter_map(|thread| thread.join().unwrap()));
        assert!(lane.is_closed() && lane.take().is_empty());
        answer(held);
        assert_answered(seats);
    });
}

#[test]
fn what_is_pushed_while_a_driver_is_dropped_is_its_own_or_handed_back() {
    loom::model(|| {
        let lane = Lane::new();
        let (mut seats, packets) = packets(&[1, 2]);
        let goes = seats.pop().unwrap();
        let threads: Vec<_> = packets
            .into_iter()
            .zip([None, Some(goes)])
            .map(|(packet, goes)| {
                let lane = lane.clone();
                thread::spawn(move || {
                    packet.iter().for_each(|entry| assert!(entry.asker.enter(&lane)));
                    let back = lane.push(packet).err();
                    goes.iter().for_each(|seat| seat.leave());
                    back
                })
            })
            .collect();
        // Polled once, which is enough to be woken, and dropped.
        let mut held = lane.take().packets;
        lane.park(Waker::noop());
        held.extend(lane.close().packets);
        held.extend(threads.into_iter().filter_map(|thread| thread.join().unwrap()));
        assert!(lane.is_closed() && lane.take().is_empty());
        let mut keys = keys(&held);
        keys.sort_unstable();
        assert_eq!(keys, [1, 2]);
        answer(held);
        assert_answered(seats);
    });
}

// ── what is withdrawn ──

const DRIVER: u64 = 5;
const WAITER: Waiter = Waiter(7);

/// Boards what arrives, until the one request is not to be waited for: its asker was gone when it
/// boarded, or it was withdrawn afterwards.
fn drive_until_nobody_waits(lane: &Lane) {
    let mut aboard = Vec::new();
    drive(lane, |arrived| {
        // As a driver does: what is withdrawn before it boards has no waiter yet.
        let waiters = arrived.withdrawn.into_iter().flat_map(|it| it.take_aboard(DRIVER).waiters);
        let is_withdrawn = waiters.eq([WAITER]);
        let mut is_found_gone = false;
        for entry in arrived.packets.into_iter().flatten() {
            is_found_gone = !entry.asker.board(DRIVER, WAITER);
            aboard.push(entry);
        }
        is_withdrawn || is_found_gone
    });
    assert!(aboard.iter().all(|entry| entry.asker.is_gone()));
}

#[test]
fn who_leaves_while_its_request_boards_is_found_gone_or_withdrawn() {
    loom::model(|| {
        let lane = Lane::new();
        let (seat, entry) = request(1);
        assert!(entry.asker.enter(&lane));
        assert!(lane.push(VecDeque::from([entry])).is_ok());
        let thread = thread::spawn(move || seat.leave());
        drive_until_nobody_waits(&lane);
        thread.join().unwrap();
    });
}

/// A run that nobody wakes.
struct Nobody;

impl WakeRun for Nobody {
    fn ring(&self, _: u32, _: InFlightId) {}
}

#[test]
fn a_run_that_ends_while_its_request_boards_is_found_gone_or_withdrawn() {
    loom::model(|| {
        let lane = Lane::new();
        let mailbox = Arc::new(Mailbox::new(1, Arc::new(Nobody), 0, InFlightId(0), None));
        let packet = RunPacket::<Echo>::new(mailbox, 1);
        let entry = Entry { key: 1, asker: Asker::of_run(packet.clone(), 0) };
        assert!(lane.push(VecDeque::from([entry])).is_ok());
        let of_run = lane.clone();
        let thread = thread::spawn(move || {
            if packet.leave() {
                of_run.withdraw(Withdrawn::Run(packet));
            }
        });
        drive_until_nobody_waits(&lane);
        thread.join().unwrap();
    });
}

// ── what is granted ──

#[test]
fn a_place_that_is_granted_while_a_driver_parks_is_seen() {
    loom::model(|| {
        let (places, has, waits) = (Arc::new(Places::new(1)), Lane::new(), Lane::new());
        assert!(places.take(&has));
        let of_other = places.clone();
        let gives = thread::spawn(move || of_other.give(1));
        let mut has_place = false;
        drive(&waits, |_| {
            // As a driver does before each batch.
            has_place |= waits.claim().take_granted() > 0 || places.take(&waits);
            has_place
        });
        gives.join().unwrap();
        assert!(!places.take(&has));
    });
}

// ── wakers ──

/// A task whose waker is code of the user's, which uses the lane.
struct UsesLane {
    lane: Arc<Lane>,
    woken: Notify,
}

impl Wake for UsesLane {
    fn wake(self: Arc<Self>) {
        assert!(!self.lane.is_closed());
        self.woken.notify();
    }
}

impl Drop for UsesLane {
    fn drop(&mut self) {
        self.lane.is_closed();
    }
}

#[test]
fn wakers_are_woken_and_dropped_without_the_lock() {
    loom::model(|| {
        let lane = Lane::new();
        let task = || Arc::new(UsesLane { lane: lane.clone(), woken: Notify::new() });
        assert!(lane.park(&Waker::from(task())));
        // Drops the waker before.
        let sleeps = task();
        assert!(lane.park(&Waker::from(sleeps.clone())));
        let (seats, mut packets) = packets(&[1]);
        let thread = pushing(&lane, packets.remove(0));
        sleeps.woken.wait();
        drop(sleeps);
        assert!(thread.join().unwrap().is_none());
        answer(lane.take().packets);
        assert_answered(seats);
        assert!(lane.park(&Waker::from(task())));
        assert!(lane.close().is_empty());
    });
}

// ── the table of lanes ──

type Table = Lanes<(), Echo>;

/// Finds the lane of requests, which is new if it is given its name.
fn find(lanes: &Table, entries: Vec<Entry<Echo>>) -> Found<(), Echo> {
    let ((), mut found, failed) = lanes.find((), entries);
    assert!(failed.is_empty() && found.len() == 1);
    found.remove(0)
}

/// Pushes a request, and drives its lane if that is new, until it is idle.
fn ask(lanes: &Table, entry: Entry<Echo>) {
    let mut entries = vec![entry];
    while !entries.is_empty() {
        let Found { lane, is_new, packet } = find(lanes, std::mem::take(&mut entries));
        let back = lane.push(packet).err();
        entries.extend(back.into_iter().flatten());
        if let Some(name) = is_new {
            drive(&lane, |arrived| {
                answer(arrived.packets);
                // Only its driver closes it.
                assert!(Arc::ptr_eq(&find(lanes, Vec::new()).lane, &lane));
                lanes.retire(&name, &lane, |_| false)
            });
            assert!(lane.close().is_empty());
        }
    }
}

#[test]
fn a_request_whose_lane_retires_meanwhile_has_a_lane_with_a_driver() {
    loom::model(|| {
        let lanes = Arc::new(Table::new(None));
        let ((one, first), (other, second)) = (request(1), request(2));
        let of_other = lanes.clone();
        let thread = thread::spawn(move || ask(&of_other, second));
        ask(&lanes, first);
        thread.join().unwrap();
        assert_answered(vec![one, other]);
        assert!(find(&lanes, Vec::new()).is_new.is_some());
    });
}

#[test]
fn a_driver_that_is_dropped_leaves_the_lane_that_has_replaced_its_own() {
    loom::model(|| {
        let lanes = Arc::new(Table::new(None));
        let Found { lane, is_new, .. } = find(&lanes, Vec::new());
        let of_other = lanes.clone();
        let thread = thread::spawn(move || find(&of_other, Vec::new()));
        lane.close();
        lanes.remove(&is_new.unwrap(), &lane);
        let other = thread.join().unwrap();
        assert_eq!(other.is_new.is_none(), Arc::ptr_eq(&other.lane, &lane));
        // If it was found before its driver was dropped, there is none now.
        let last = find(&lanes, Vec::new());
        assert_eq!(last.is_new.is_none(), other.is_new.is_some());
        assert_eq!(last.is_new.is_none(), Arc::ptr_eq(&last.lane, &other.lane));
        // One that is closed is replaced before it is taken out.
        last.lane.close();
        assert!(find(&lanes, Vec::new()).is_new.is_some());
    });
}
