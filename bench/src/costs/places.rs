//! Every place where something can wait, each with the ways in which n come there: they give up, or
//! are served, while one stays.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use corio::sync::{
    ErrGroup, Mutex, Notify, OnceCell, Receiver, RwLock, Semaphore, Sender, SingleFlight,
    WaitGroup, channel,
};
use corio::testing::VirtualClock;
use corio::{Batch, Slot};

use super::{LONG, Memory, Row, SHORT, Time, nap, run};

const N: u64 = 250;

// ── what is waited for ──

/// One of each. The programs of a row use one of them.
struct Shared {
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

type World = Rc<Shared>;

fn world() -> World {
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
const STAYS: u64 = u64::MAX - 1;

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
fn nobody(_world: World) {}

#[corio::task(Time)]
fn asks_slow(_world: World, key: u64) {
    io!(slow(key));
}

#[corio::task(Time)]
fn holds_slow(_world: World) {
    io!(slow(HOLDER));
}

#[corio::task(Time)]
fn asks_unlimited(_world: World, key: u64) {
    io!(unlimited(key));
}

#[corio::task(Time)]
fn holds_hot(_world: World) {
    io!(hot(HOLDER));
}

/// The key that is on its way.
#[corio::task(Time)]
fn joins_on_its_way(_world: World, _key: u64) {
    io!(hot(HOLDER));
}

/// A key that is not, and behind the limit.
#[corio::task(Time)]
fn joins_queued(_world: World, _key: u64) {
    io!(hot(0));
}

#[corio::task(Time)]
fn asks_hot(_world: World, key: u64) {
    io!(hot(key));
}

#[corio::task(Time)]
fn asks_pausing(_world: World, key: u64) {
    let _ = io!(pausing(key));
}

#[corio::task(Time)]
fn asks_pausing_dedup(_world: World, key: u64) {
    let _ = io!(pausing_dedup(key));
}

#[corio::task(Time)]
fn joins_pausing(_world: World, _key: u64) {
    let _ = io!(pausing_dedup(0));
}

#[corio::task(Time)]
fn holds_again(_world: World) {
    io!(again(HOLDER));
}

#[corio::task(Time)]
fn opens_again(_world: World) {
    call!(nap(LONG));
    if let Some(slot) = KEPT.take() {
        slot.answer(0);
    }
}

#[corio::task(Time)]
fn asks_again(_world: World, key: u64) {
    io!(again(key));
}

#[corio::task(Time)]
fn sleeps(_world: World, _key: u64) {
    call!(nap(LONG));
}

/// Each at a time of its own.
#[corio::task(Time)]
fn sleeps_differently(_world: World, key: u64) {
    call!(nap(LONG.saturating_sub(Duration::from_millis(key % 1_000_000))));
}

#[corio::task(Time)]
fn has_an_alarm(_world: World, key: u64) {
    let _ = timeout!(LONG.saturating_sub(Duration::from_millis(key % 1_000_000)), nap(2 * LONG));
}

// ── locks and the like ──

#[corio::task(Time)]
fn holds_mutex(world: World) {
    let _guard = call!(world.mutex.lock());
    call!(nap(LONG));
}

#[corio::task(Time)]
fn locks(world: World, _key: u64) {
    let _guard = call!(world.mutex.lock());
}

#[corio::task(Time)]
fn holds_lock(world: World) {
    let _guard = call!(world.lock.write());
    call!(nap(LONG));
}

#[corio::task(Time)]
fn reads(world: World, _key: u64) {
    let _guard = call!(world.lock.read());
}

#[corio::task(Time)]
fn writes(world: World, _key: u64) {
    let _guard = call!(world.lock.write());
}

#[corio::task(Time)]
fn reads_or_writes(world: World, key: u64) {
    if key.is_multiple_of(2) {
        let _guard = call!(world.lock.read());
    } else {
        let _guard = call!(world.lock.write());
    }
}

#[corio::task(Time)]
fn holds_permits(world: World) {
    let _permits = call!(world.semaphore.acquire_many(4));
    call!(nap(LONG));
}

#[corio::task(Time)]
fn acquires(world: World, key: u64) {
    let _permits = call!(world.semaphore.acquire_many(1 + key as usize % 3));
}

#[corio::task(Time)]
fn adds_thing(world: World) {
    world.things.add(1);
    call!(nap(LONG));
    world.things.done();
}

#[corio::task(Time)]
fn waits_for_things(world: World, _key: u64) {
    call!(world.things.wait());
}

#[corio::task(Time)]
fn notifies_all(world: World) {
    call!(nap(LONG));
    world.notify.notify_waiters();
}

/// Each passes it on.
#[corio::task(Time)]
fn notifies_one(world: World) {
    call!(nap(LONG));
    world.notify.notify_one();
}

#[corio::task(Time)]
fn is_notified(world: World, _key: u64) {
    call!(world.notify.notified());
}

#[corio::task(Time)]
fn passes_it_on(world: World, _key: u64) {
    call!(world.notify.notified());
    world.notify.notify_one();
}

#[corio::task(Time)]
fn makes(world: World) {
    call!(world.cell.get_or_init(task!(-> u64 { call!(nap(LONG)); 7 })));
}

#[corio::task(Time)]
fn needs(world: World, _key: u64) {
    call!(world.cell.get_or_init(task!(-> u64 { 8 })));
}

/// Each one fails, and the next makes its own.
#[corio::task(Time)]
fn makes_in_vain(world: World) {
    let _ =
        call!(world.cell.get_or_try_init(task!(-> Result<u64, ()> { call!(nap(LONG)); Err(()) })));
}

#[corio::task(Time)]
fn needs_in_vain(world: World, _key: u64) {
    let _ = call!(world.cell.get_or_try_init(task!(-> Result<u64, ()> { Err(()) })));
}

#[corio::task(Time)]
fn leads(world: World) {
    call!(world.flights.run(0, task!(-> u64 { call!(nap(LONG)); 7 })));
}

#[corio::task(Time)]
fn follows(world: World, _key: u64) {
    call!(world.flights.run(0, task!(-> u64 { 8 })));
}

/// A flight of its own.
#[corio::task(Time)]
fn flies(world: World, key: u64) {
    call!(world.flights.run(key, task!(-> u64 { call!(nap(LONG)); 7 })));
}

#[corio::task(Time)]
fn is_member(world: World) {
    call!(world.group.run(task!(-> Result<(), ()> { call!(nap(LONG)); Ok(()) })));
}

#[corio::task(Time)]
fn waits_for_members(world: World, _key: u64) {
    let _ = call!(world.group.wait());
}

#[corio::task(Time)]
fn becomes_member(world: World, _key: u64) {
    call!(world.group.run(task!(-> Result<(), ()> { call!(nap(LONG)); Ok(()) })));
}

#[corio::task(Time)]
fn fails_as_member(world: World) {
    call!(world.group.run(task!(-> Result<(), ()> { call!(nap(LONG)); Err(()) })));
}

#[corio::task(Time)]
fn stops_as_member(world: World, _key: u64) {
    call!(world.group.run(task!(-> Result<(), ()> { call!(nap(2 * LONG)); Ok(()) })));
}

#[corio::task(Time)]
fn is_the_one_member(world: World) {
    call!(world.one_at_a_time.run(task!(-> Result<(), ()> { call!(nap(LONG)); Ok(()) })));
}

#[corio::task(Time)]
fn waits_to_be_member(world: World, _key: u64) {
    call!(world.one_at_a_time.run(task!(-> Result<(), ()> { Ok(()) })));
}

/// Fills the channel, and receives all that comes, when it is time.
#[corio::task(Time)]
fn receives(world: World) {
    let _ = call!(world.sender.send(0));
    call!(nap(LONG));
    let mut receiver = call!(world.receiver.lock());
    while timeout!(SHORT, receiver.recv()).is_ok() {}
}

#[corio::task(Time)]
fn sends(world: World, key: u64) {
    let _ = call!(world.sender.send(key));
}

#[corio::task(Time)]
fn sends_when_it_is_time(world: World) {
    call!(nap(LONG));
    let _ = call!(world.sender.send(0));
}

/// One receives; those that come meanwhile wait for it.
#[corio::task(Time)]
fn receives_next(world: World, _key: u64) {
    let mut receiver = call!(world.receiver.lock());
    call!(receiver.recv());
    let _ = world.sender.try_send(0);
}

// ── tasks ──

#[corio::task(Time)]
fn joins_handle(_world: World, _key: u64) {
    let handle = spawn!(nap(LONG));
    call!(handle);
}

#[corio::task(Time)]
fn waits_for_children(_world: World, _key: u64) {
    spawn!(nap(LONG));
    wait!();
}

#[corio::task(Time)]
fn has_all(_world: World, _key: u64) {
    all!([nap(LONG), nap(LONG)]);
}

#[corio::task(Time)]
fn has_some_at_a_time(_world: World, _key: u64) {
    all!(limit = 2, (0..4).map(|_| nap(LONG)));
}

#[corio::task(Time)]
fn has_a_race(_world: World, _key: u64) {
    race!(nap(LONG), nap(LONG));
}

// ── the ways ──

/// Rows of places, with the ways that make sense there: `in_turn` where each comes when the one
/// before has gone, `together` where all wait at the same time.
macro_rules! rows {
    ($rows:ident: $($module:ident $name:literal: $holder:ident, $waiter:ident: $($way:ident)*;)*) => {
        $(mod $module {
            use super::*;

            rows!(programs $holder $waiter: $($way)*);

            pub(super) fn rows(rows: &mut Vec<Row>) {
                let mut add = |way: &str, memory, program: Box<dyn Fn(u64) + Sync>| rows.push(Row { name: format!("{}: {way}", $name), n: N, memory, run: program });
                rows!(add add: $($way)*);
            }
        })*

        pub(super) fn $rows() -> Vec<Row> {
            let mut rows = Vec::new();
            $($module::rows(&mut rows);)*
            rows
        }
    };

    (programs $holder:ident $waiter:ident:) => {};
    (programs $holder:ident $waiter:ident: in_turn $($more:ident)*) => {
        #[corio::task(Time)]
        fn give_up(n: u64) {
            let world = world();
            spawn!($holder(world.clone()));
            call!(nap(SHORT));
            spawn!($waiter(world.clone(), STAYS));
            call!(nap(SHORT));
            for key in 0..n {
                let _ = timeout!(SHORT, $waiter(world.clone(), key));
            }
        }

        #[corio::task(Time)]
        fn lose(n: u64) {
            let world = world();
            spawn!($holder(world.clone()));
            call!(nap(SHORT));
            spawn!($waiter(world.clone(), STAYS));
            call!(nap(SHORT));
            for key in 0..n {
                race!($waiter(world.clone(), key), nap(SHORT));
            }
        }
        rows!(programs $holder $waiter: $($more)*);
    };
    (programs $holder:ident $waiter:ident: together $($more:ident)*) => {
        /// Gives up after a while.
        #[corio::task(Time)]
        fn waits(world: World, key: u64, limit: u64) {
            let _ = timeout!(Duration::from_millis(limit), $waiter(world, key));
        }

        #[corio::task(Time)]
        fn first_goes_first(n: u64) {
            let world = world();
            spawn!($holder(world.clone()));
            for key in 0..n {
                spawn!(waits(world.clone(), key, key + 10));
            }
        }

        #[corio::task(Time)]
        fn last_goes_first(n: u64) {
            let world = world();
            spawn!($holder(world.clone()));
            for key in 0..n {
                spawn!(waits(world.clone(), key, n - key + 10));
            }
        }

        /// All but the first.
        #[corio::task(Time)]
        fn all_go_but_one(n: u64) {
            let world = world();
            spawn!($holder(world.clone()));
            spawn!($waiter(world.clone(), STAYS));
            let _ = timeout!(SHORT, task!{ all!((0..n).map(|key| $waiter(world.clone(), key))); });
        }
        rows!(programs $holder $waiter: $($more)*);
    };
    (programs $holder:ident $waiter:ident: served $($more:ident)*) => {
        #[corio::task(Time)]
        fn are_served(n: u64) {
            let world = world();
            spawn!($holder(world.clone()));
            for key in 0..n {
                spawn!($waiter(world.clone(), key));
            }
        }
        rows!(programs $holder $waiter: $($more)*);
    };

    (add $add:ident:) => {};
    (add $add:ident: in_turn $($more:ident)*) => {
        $add("n give up in turn, one stays", Memory::OneStays, Box::new(|n| run(|schedule| schedule, give_up(n))));
        $add("n lose in turn, one stays", Memory::OneStays, Box::new(|n| run(|schedule| schedule, lose(n))));
        rows!(add $add: $($more)*);
    };
    (add $add:ident: together $($more:ident)*) => {
        $add("n wait and give up, the first first", Memory::All, Box::new(|n| run(|schedule| schedule, first_goes_first(n))));
        $add("n wait and give up, the last first", Memory::All, Box::new(|n| run(|schedule| schedule, last_goes_first(n))));
        $add("n wait and are dropped, one stays", Memory::All, Box::new(|n| run(|schedule| schedule, all_go_but_one(n))));
        rows!(add $add: $($more)*);
    };
    (add $add:ident: served $($more:ident)*) => {
        $add("n wait and are served", Memory::All, Box::new(|n| run(|schedule| schedule, are_served(n))));
        rows!(add $add: $($more)*);
    };
}

rows! { rows:
    held "held behind a limit": holds_slow, asks_slow: in_turn together served;
    in_front "in front": opens_and_holds_again, asks_again: together served;
    pausing_ "pausing": nobody, asks_pausing: in_turn together served;
    pausing_dedup_ "pausing, dedup": nobody, asks_pausing_dedup: in_turn together served;
    joined_pausing "joined, pausing": nobody, joins_pausing: in_turn together served;
    joined_on_its_way "joined, on its way": holds_hot, joins_on_its_way: in_turn together served;
    joined_queued "joined, queued": holds_hot, joins_queued: in_turn together served;
    queued_dedup "queued, dedup": holds_hot, asks_hot: in_turn together served;
    on_its_way "on its way, a batch": nobody, asks_unlimited: together served;
    futures "virtual clock, at one time": nobody, sleeps: in_turn together served;
    sleepers "virtual clock, at times": nobody, sleeps_differently: in_turn together served;
    alarms "alarms": nobody, has_an_alarm: in_turn together served;
    mutex "Mutex": holds_mutex, locks: in_turn together served;
    readers "RwLock, read": holds_lock, reads: in_turn together served;
    writers "RwLock, write": holds_lock, writes: in_turn together served;
    readers_and_writers "RwLock, both": holds_lock, reads_or_writes: in_turn together served;
    semaphore "Semaphore": holds_permits, acquires: in_turn together served;
    wait_group "WaitGroup": adds_thing, waits_for_things: in_turn together served;
    notify_waiters "Notify, all": notifies_all, is_notified: in_turn together served;
    notify_one "Notify, one": notifies_one, passes_it_on: in_turn together served;
    once_cell "OnceCell": makes, needs: in_turn together served;
    once_cell_fails "OnceCell, failing": makes_in_vain, needs_in_vain: in_turn together served;
    single_flight "SingleFlight, one key": leads, follows: in_turn together served;
    flights "SingleFlight, n keys": nobody, flies: in_turn together served;
    group "ErrGroup, its end": is_member, waits_for_members: in_turn together served;
    members "ErrGroup, members": is_member, becomes_member: in_turn together served;
    stopped "ErrGroup, stopped members": fails_as_member, stops_as_member: together served;
    limited "ErrGroup, limit": is_the_one_member, waits_to_be_member: in_turn together served;
    senders "channel, senders": receives, sends: in_turn together served;
    receiver "channel, receiver": sends_when_it_is_time, receives_next: in_turn together served;
    handles "handles": nobody, joins_handle: in_turn together served;
    children "children": nobody, waits_for_children: in_turn together served;
    sets "all!": nobody, has_all: in_turn together served;
    windows "all!(limit)": nobody, has_some_at_a_time: in_turn together served;
    races "race!": nobody, has_a_race: in_turn together served;
}

#[corio::task(Time)]
fn opens_and_holds_again(world: World) {
    join!(opens_again(world.clone()), holds_again(world));
}
