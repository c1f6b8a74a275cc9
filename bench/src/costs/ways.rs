//! The ways in which n come to a place: they give up, or are served, while one stays. The table
//! names each place with the ways that make sense there.

use std::time::Duration;

use super::places::*;
use super::{Memory, Row, SHORT, Time, nap, run};

const N: u64 = 250;

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
