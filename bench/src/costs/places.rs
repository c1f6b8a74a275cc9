//! Every place where something can wait: who holds it, and who waits there. `ways` has n come there.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use corio::sync::{
    ErrGroup, Mutex, Notify, OnceCell, Receiver, RwLock, Semaphore, Sender, SingleFlight,
    WaitGroup, channel,
};
use corio::testing::VirtualClock;
use corio::{Batch, Slot};

use super::{LONG, SHORT, Time, nap};

// ── what is waited for ──

/// One of each. The programs of a row use one of them.
pub(super) struct Shared {
    mutex: Mutex<()>,
    lock: RwLock<()>,
    semaphore: Semaphore,
    things: WaitGroup,
    notify: Notify,
    cell: OnceCell<u64>,
    flights: SingleFlight<u64, u64>,
    group: ErrGroup<()>,
    one_at_a_time: ErrGroup<()>,
    sender: Sender<u64>,
    receiver: Mutex<Receiver<u64>>,
}

pub(super) type World = Rc<Shared>;

pub(super) fn world() -> World {
    let (sender, receiver) = channel(1);
    Rc::new(Shared {
        mutex: Mutex::default(),
        lock: RwLock::default(),
        semaphore: Semaphore::new(4),
        things: WaitGroup::new(),
        notify: Notify::new(),
        cell: OnceCell::new(),
        flights: SingleFlight::new(),
        group: ErrGroup::new(),
        one_at_a_time: ErrGroup::with_limit(1),
        sender,
        receiver: Mutex::new(receiver),
    })
}

/// Of who holds a place, and of the one who stays in it.
const HOLDER: u64 = u64::MAX;
pub(super) const STAYS: u64 = u64::MAX - 1;

// ── requests ──

#[corio::dispatcher]
async fn slow(clock: &VirtualClock, keys: &[u64]) -> Vec<u64> {
    clock.sleep(LONG).await;
    keys.to_vec()
}

#[corio::dispatcher(max_in_flight = usize::MAX)]
async fn unlimited(clock: &VirtualClock, keys: &[u64]) -> Vec<u64> {
    clock.sleep(LONG).await;
    keys.to_vec()
}

#[corio::dispatcher(dedup)]
async fn hot(clock: &VirtualClock, keys: &[u64]) -> Vec<u64> {
    clock.sleep(LONG).await;
    keys.to_vec()
}

/// Fails until its time has come.
#[corio::dispatcher(retry(attempts = 2, backoff = "1000000s", when = |_: &u64| true))]
fn pausing(clock: &VirtualClock, keys: &[u64]) -> Vec<Result<u64, u64>> {
    let answer = if clock.now() < LONG { Err } else { Ok };
    keys.iter().copied().map(answer).collect()
}

#[corio::dispatcher(dedup, retry(attempts = 2, backoff = "1000000s", when = |_: &u64| true))]
fn pausing_dedup(clock: &VirtualClock, keys: &[u64]) -> Vec<Result<u64, u64>> {
    let answer = if clock.now() < LONG { Err } else { Ok };
    keys.iter().copied().map(answer).collect()
}

thread_local! {
    static KEPT: RefCell<Option<Slot<u64, u64>>> = const { RefCell::new(None) };
}

/// Has every request tried again but that of the holder, which keeps the place of the batch
/// meanwhile: so they stand in front.
#[corio::dispatcher]
fn again(batch: Batch<u64, u64>) {
    for slot in batch {
        match *slot.key() {
            HOLDER => KEPT.set(Some(slot)),
            _ if KEPT.with_borrow(Option::is_some) => slot.retry(),
            key => slot.answer(key),
        }
    }
}

#[corio::task]
pub(super) fn nobody(_world: World) {}

#[corio::task(Time)]
pub(super) fn asks_slow(_world: World, key: u64) {
    io!(slow(key));
}

#[corio::task(Time)]
pub(super) fn holds_slow(_world: World) {
    io!(slow(HOLDER));
}

#[corio::task(Time)]
pub(super) fn asks_unlimited(_world: World, key: u64) {
    io!(unlimited(key));
}

#[corio::task(Time)]
pub(super) fn holds_hot(_world: World) {
    io!(hot(HOLDER));
}

/// The key that is on its way.
#[corio::task(Time)]
pub(super) fn joins_on_its_way(_world: World, _key: u64) {
    io!(hot(HOLDER));
}

/// A key that is not, and behind the limit.
#[corio::task(Time)]
pub(super) fn joins_queued(_world: World, _key: u64) {
    io!(hot(0));
}

#[corio::task(Time)]
pub(super) fn asks_hot(_world: World, key: u64) {
    io!(hot(key));
}

#[corio::task(Time)]
pub(super) fn asks_pausing(_world: World, key: u64) {
    let _ = io!(pausing(key));
}

#[corio::task(Time)]
pub(super) fn asks_pausing_dedup(_world: World, key: u64) {
    let _ = io!(pausing_dedup(key));
}

#[corio::task(Time)]
pub(super) fn joins_pausing(_world: World, _key: u64) {
    let _ = io!(pausing_dedup(0));
}

#[corio::task(Time)]
pub(super) fn holds_again(_world: World) {
    io!(again(HOLDER));
}

#[corio::task(Time)]
pub(super) fn opens_again(_world: World) {
    call!(nap(LONG));
    if let Some(slot) = KEPT.take() {
        slot.answer(0);
    }
}

#[corio::task(Time)]
pub(super) fn asks_again(_world: World, key: u64) {
    io!(again(key));
}

#[corio::task(Time)]
pub(super) fn sleeps(_world: World, _key: u64) {
    call!(nap(LONG));
}

/// Each at a time of its own.
#[corio::task(Time)]
pub(super) fn sleeps_differently(_world: World, key: u64) {
    call!(nap(LONG.saturating_sub(Duration::from_millis(key % 1_000_000))));
}

#[corio::task(Time)]
pub(super) fn has_an_alarm(_world: World, key: u64) {
    let _ = timeout!(LONG.saturating_sub(Duration::from_millis(key % 1_000_000)), nap(2 * LONG));
}

#[corio::task(Time)]
pub(super) fn opens_and_holds_again(world: World) {
    join!(opens_again(world.clone()), holds_again(world));
}

// ── locks and the like ──

#[corio::task(Time)]
pub(super) fn holds_mutex(world: World) {
    let _guard = call!(world.mutex.lock());
    call!(nap(LONG));
}

#[corio::task(Time)]
pub(super) fn locks(world: World, _key: u64) {
    let _guard = call!(world.mutex.lock());
}

#[corio::task(Time)]
pub(super) fn holds_lock(world: World) {
    let _guard = call!(world.lock.write());
    call!(nap(LONG));
}

#[corio::task(Time)]
pub(super) fn reads(world: World, _key: u64) {
    let _guard = call!(world.lock.read());
}

#[corio::task(Time)]
pub(super) fn writes(world: World, _key: u64) {
    let _guard = call!(world.lock.write());
}

#[corio::task(Time)]
pub(super) fn reads_or_writes(world: World, key: u64) {
    if key.is_multiple_of(2) {
        let _guard = call!(world.lock.read());
    } else {
        let _guard = call!(world.lock.write());
    }
}

#[corio::task(Time)]
pub(super) fn holds_permits(world: World) {
    let _permits = call!(world.semaphore.acquire_many(4));
    call!(nap(LONG));
}

#[corio::task(Time)]
pub(super) fn acquires(world: World, key: u64) {
    let _permits = call!(world.semaphore.acquire_many(1 + key as usize % 3));
}

#[corio::task(Time)]
pub(super) fn adds_thing(world: World) {
    world.things.add(1);
    call!(nap(LONG));
    world.things.done();
}

#[corio::task(Time)]
pub(super) fn waits_for_things(world: World, _key: u64) {
    call!(world.things.wait());
}

#[corio::task(Time)]
pub(super) fn notifies_all(world: World) {
    call!(nap(LONG));
    world.notify.notify_waiters();
}

/// Each passes it on.
#[corio::task(Time)]
pub(super) fn notifies_one(world: World) {
    call!(nap(LONG));
    world.notify.notify_one();
}

#[corio::task(Time)]
pub(super) fn is_notified(world: World, _key: u64) {
    call!(world.notify.notified());
}

#[corio::task(Time)]
pub(super) fn passes_it_on(world: World, _key: u64) {
    call!(world.notify.notified());
    world.notify.notify_one();
}

#[corio::task(Time)]
pub(super) fn makes(world: World) {
    call!(world.cell.get_or_init(task!(-> u64 { call!(nap(LONG)); 7 })));
}

#[corio::task(Time)]
pub(super) fn needs(world: World, _key: u64) {
    call!(world.cell.get_or_init(task!(-> u64 { 8 })));
}

/// Each one fails, and the next makes its own.
#[corio::task(Time)]
pub(super) fn makes_in_vain(world: World) {
    let _ =
        call!(world.cell.get_or_try_init(task!(-> Result<u64, ()> { call!(nap(LONG)); Err(()) })));
}

#[corio::task(Time)]
pub(super) fn needs_in_vain(world: World, _key: u64) {
    let _ = call!(world.cell.get_or_try_init(task!(-> Result<u64, ()> { Err(()) })));
}

#[corio::task(Time)]
pub(super) fn leads(world: World) {
    call!(world.flights.run(0, task!(-> u64 { call!(nap(LONG)); 7 })));
}

#[corio::task(Time)]
pub(super) fn follows(world: World, _key: u64) {
    call!(world.flights.run(0, task!(-> u64 { 8 })));
}

/// A flight of its own.
#[corio::task(Time)]
pub(super) fn flies(world: World, key: u64) {
    call!(world.flights.run(key, task!(-> u64 { call!(nap(LONG)); 7 })));
}

#[corio::task(Time)]
pub(super) fn is_member(world: World) {
    call!(world.group.run(task!(-> Result<(), ()> { call!(nap(LONG)); Ok(()) })));
}

#[corio::task(Time)]
pub(super) fn waits_for_members(world: World, _key: u64) {
    let _ = call!(world.group.wait());
}

#[corio::task(Time)]
pub(super) fn becomes_member(world: World, _key: u64) {
    call!(world.group.run(task!(-> Result<(), ()> { call!(nap(LONG)); Ok(()) })));
}

#[corio::task(Time)]
pub(super) fn fails_as_member(world: World) {
    call!(world.group.run(task!(-> Result<(), ()> { call!(nap(LONG)); Err(()) })));
}

#[corio::task(Time)]
pub(super) fn stops_as_member(world: World, _key: u64) {
    call!(world.group.run(task!(-> Result<(), ()> { call!(nap(2 * LONG)); Ok(()) })));
}

#[corio::task(Time)]
pub(super) fn is_the_one_member(world: World) {
    call!(world.one_at_a_time.run(task!(-> Result<(), ()> { call!(nap(LONG)); Ok(()) })));
}

#[corio::task(Time)]
pub(super) fn waits_to_be_member(world: World, _key: u64) {
    call!(world.one_at_a_time.run(task!(-> Result<(), ()> { Ok(()) })));
}

/// Fills the channel, and receives all that comes, when it is time.
#[corio::task(Time)]
pub(super) fn receives(world: World) {
    let _ = call!(world.sender.send(0));
    call!(nap(LONG));
    let mut receiver = call!(world.receiver.lock());
    while timeout!(SHORT, receiver.recv()).is_ok() {}
}

#[corio::task(Time)]
pub(super) fn sends(world: World, key: u64) {
    let _ = call!(world.sender.send(key));
}

#[corio::task(Time)]
pub(super) fn sends_when_it_is_time(world: World) {
    call!(nap(LONG));
    let _ = call!(world.sender.send(0));
}

/// One receives; those that come meanwhile wait for it.
#[corio::task(Time)]
pub(super) fn receives_next(world: World, _key: u64) {
    let mut receiver = call!(world.receiver.lock());
    call!(receiver.recv());
    let _ = world.sender.try_send(0);
}

// ── tasks ──

#[corio::task(Time)]
pub(super) fn joins_handle(_world: World, _key: u64) {
    let handle = spawn!(nap(LONG));
    call!(handle);
}

#[corio::task(Time)]
pub(super) fn waits_for_children(_world: World, _key: u64) {
    spawn!(nap(LONG));
    wait!();
}

#[corio::task(Time)]
pub(super) fn has_all(_world: World, _key: u64) {
    all!([nap(LONG), nap(LONG)]);
}

#[corio::task(Time)]
pub(super) fn has_some_at_a_time(_world: World, _key: u64) {
    all!(limit = 2, (0..4).map(|_| nap(LONG)));
}

#[corio::task(Time)]
pub(super) fn has_a_race(_world: World, _key: u64) {
    race!(nap(LONG), nap(LONG));
}
