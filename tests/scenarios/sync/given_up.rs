//! Who gives up in the phase in which it is served: what it was given goes to the next, nothing is
//! lost and nothing is there twice. A table of everything that can be waited for, and of the ways
//! to give up. A `timeout!` that is over at that time is no such way: who is served by then has it.

use std::rc::Rc;
use std::time::Duration;

use corio::Schedule;
use corio::sync::{
    ErrGroup, Mutex, Notify, OnceCell, Receiver, RwLock, Semaphore, Sender, SingleFlight,
    WaitGroup, channel,
};
use corio::testing::VirtualClock;
use expect_test::expect;
use support::Diary;

#[derive(Clone, Copy, Debug)]
enum What {
    Mutex,
    Read,
    Write,
    Semaphore,
    WaitGroup,
    NotifyOne,
    NotifyAll,
    OnceCell,
    SingleFlight,
    Send,
    Receive,
    EndOfAGroup,
    PlaceInAGroup,
    Room,
}

const WHAT: [What; 14] = [
    What::Mutex,
    What::Read,
    What::Write,
    What::Semaphore,
    What::WaitGroup,
    What::NotifyOne,
    What::NotifyAll,
    What::OnceCell,
    What::SingleFlight,
    What::Send,
    What::Receive,
    What::EndOfAGroup,
    What::PlaceInAGroup,
    What::Room,
];

#[derive(Clone, Copy, Debug)]
enum Way {
    Timeout,
    Race,
    Drop,
}

/// One of each, and what happens to it.
struct Shared {
    diary: Diary,
    mutex: Mutex<()>,
    lock: RwLock<()>,
    semaphore: Semaphore,
    things: WaitGroup,
    notify: Notify,
    cell: OnceCell<&'static str>,
    flights: SingleFlight<(), &'static str>,
    group: ErrGroup<&'static str>,
    sender: Sender<&'static str>,
    receiver: Mutex<Receiver<&'static str>>,
}

type World = Rc<Shared>;

#[derive(corio::Context)]
struct Time {
    clock: VirtualClock,
}

#[corio::task(Time)]
fn nap(milliseconds: u64) {
    let clock = context!().clock.clone();
    io!(corio::future(clock.sleep(Duration::from_millis(milliseconds))));
}

/// Has it first, and serves the next at 10.
#[corio::task(Time)]
fn holds(what: What, world: World) {
    let serves = task!({
        call!(nap(10));
        world.diary.say("served");
    });
    match what {
        What::Mutex => {
            let _guard = call!(world.mutex.lock());
            call!(serves);
        }
        What::Read | What::Write => {
            let _guard = call!(world.lock.write());
            call!(serves);
        }
        What::Semaphore => {
            let _permits = call!(world.semaphore.acquire_many(2));
            call!(serves);
        }
        What::WaitGroup => {
            world.things.add(1);
            call!(serves);
            world.things.done();
        }
        What::NotifyOne => {
            call!(serves);
            world.notify.notify_one();
        }
        What::NotifyAll => {
            call!(serves);
            world.notify.notify_waiters();
        }
        What::OnceCell => {
            let fails = task!(-> Result<&'static str, ()> {
                call!(serves);
                Err(())
            });
            let _ = call!(world.cell.get_or_try_init(fails));
        }
        What::SingleFlight => {
            let never = task!(-> &'static str {
                call!(nap(1000));
                "never"
            });
            race!(
                task!({
                    call!(world.flights.run((), never));
                }),
                serves
            );
        }
        What::Send => {
            world.sender.try_send("zero").unwrap();
            let mut receiver = call!(world.receiver.lock());
            call!(serves);
            while let Ok(Some(value)) = timeout!(Duration::from_millis(10), receiver.recv()) {
                world.diary.say(format!("{value} received"));
                // Room for one at a time.
                call!(nap(10));
            }
        }
        What::Receive => {
            call!(serves);
            world.sender.try_send("zero").unwrap();
        }
        What::EndOfAGroup | What::PlaceInAGroup => {
            let is_member = task!(-> Result<(), &'static str> {
                call!(serves);
                if let What::EndOfAGroup = what { Err("an error") } else { Ok(()) }
            });
            call!(world.group.run(is_member));
        }
        What::Room => {
            spawn!(nap(10));
            call!(serves);
        }
    }
}

#[corio::task(Time)]
fn waits(what: What, who: &'static str, world: World) {
    let has = match what {
        What::Mutex => {
            let _guard = call!(world.mutex.lock());
            "it"
        }
        What::Read => {
            let _guard = call!(world.lock.read());
            "it"
        }
        What::Write => {
            let _guard = call!(world.lock.write());
            "it"
        }
        What::Semaphore => {
            let _permits = call!(world.semaphore.acquire_many(2));
            "it"
        }
        What::WaitGroup => {
            call!(world.things.wait());
            "heard"
        }
        What::NotifyOne | What::NotifyAll => {
            call!(world.notify.notified());
            "heard"
        }
        What::OnceCell => call!(world.cell.get_or_init(task!(move -> &'static str { who }))),
        What::SingleFlight => call!(world.flights.run((), task!(move -> &'static str { who }))),
        What::Send => {
            call!(world.sender.send(who)).unwrap();
            "sent"
        }
        What::Receive => {
            let mut receiver = call!(world.receiver.lock());
            call!(receiver.recv()).unwrap()
        }
        What::EndOfAGroup => call!(world.group.wait()).unwrap_err(),
        What::PlaceInAGroup => {
            let is_member = task!(-> Result<(), &'static str> {
                world.diary.say(format!("{who} runs"));
                Ok(())
            });
            call!(world.group.run(is_member));
            "ended"
        }
        What::Room => {
            spawn!(nap(1));
            "room"
        }
    };
    world.diary.say(format!("{who} has {has}"));
}

/// Gives up at 10.
#[corio::task(Time)]
fn gives_up(what: What, way: Way, world: World) {
    call!(nap(1));
    let waits = waits(what, "first", world.clone());
    let gave_up = match way {
        Way::Timeout => timeout!(Duration::from_millis(9), waits).is_err(),
        Way::Race => race!(
            task!({
                call!(waits);
                false
            }),
            task!({
                call!(nap(9));
                true
            })
        ),
        Way::Drop => {
            let waits = task!(-> Result<(), ()> { call!(waits); Ok(()) });
            let fails = task!(-> Result<(), ()> { call!(nap(9)); Err(()) });
            try_join!(waits, fails).is_err()
        }
    };
    if gave_up {
        world.diary.say("first gives up");
    }
}

#[corio::task(Time)]
fn comes_second(what: What, world: World) {
    call!(nap(2));
    call!(waits(what, "second", world));
}

#[corio::task(Time)]
fn program(what: What, way: Way, world: World) {
    join!(
        holds(what, world.clone()),
        gives_up(what, way, world.clone()),
        comes_second(what, world)
    );
}

fn timeline(what: What, way: Way) -> String {
    let (sender, receiver) = channel(1);
    let world = Rc::new(Shared {
        diary: Diary::default(),
        mutex: Mutex::default(),
        lock: RwLock::default(),
        semaphore: Semaphore::new(2),
        things: WaitGroup::new(),
        notify: Notify::new(),
        cell: OnceCell::new(),
        flights: SingleFlight::new(),
        group: if let What::PlaceInAGroup = what {
            ErrGroup::with_limit(1)
        } else {
            ErrGroup::new()
        },
        sender,
        receiver: Mutex::new(receiver),
    });
    let clock = VirtualClock::new();
    let mut schedule = Schedule::new(Time { clock: clock.clone() })
        .clock(clock)
        .max_tasks(if let What::Room = what { 1 } else { usize::MAX });
    let end = match schedule.run(program(what, way, world.clone())) {
        Ok(()) => "",
        // There was one notification, one message, and the first has it.
        Err(corio::Error::Deadlock(_)) => ", second waits on",
        Err(error) => panic!("{what:?}, {way:?}: {error}"),
    };
    format!("{what:?}, {way:?}: {}{end}\n", world.diary.take())
}

#[test]
fn what_is_given_to_one_that_gives_up_in_that_phase_goes_to_the_next() {
    let table: String = WHAT
        .into_iter()
        .flat_map(|what| [Way::Timeout, Way::Race, Way::Drop].map(|way| timeline(what, way)))
        .collect();
    expect![[r#"
        Mutex, Timeout: served, first has it, second has it
        Mutex, Race: served, first gives up, second has it
        Mutex, Drop: served, second has it, first gives up
        Read, Timeout: served, first has it, second has it
        Read, Race: served, second has it, first gives up
        Read, Drop: served, second has it, first gives up
        Write, Timeout: served, first has it, second has it
        Write, Race: served, first gives up, second has it
        Write, Drop: served, second has it, first gives up
        Semaphore, Timeout: served, first has it, second has it
        Semaphore, Race: served, first gives up, second has it
        Semaphore, Drop: served, second has it, first gives up
        WaitGroup, Timeout: served, first has heard, second has heard
        WaitGroup, Race: served, second has heard, first gives up
        WaitGroup, Drop: served, second has heard, first gives up
        NotifyOne, Timeout: served, first has heard, second waits on
        NotifyOne, Race: served, first gives up, second has heard
        NotifyOne, Drop: served, second has heard, first gives up
        NotifyAll, Timeout: served, first has heard, second has heard
        NotifyAll, Race: served, second has heard, first gives up
        NotifyAll, Drop: served, second has heard, first gives up
        OnceCell, Timeout: served, first has first, second has first
        OnceCell, Race: served, first gives up, second has second
        OnceCell, Drop: served, second has second, first gives up
        SingleFlight, Timeout: served, first has first, second has first
        SingleFlight, Race: served, first gives up, second has second
        SingleFlight, Drop: served, second has second, first gives up
        Send, Timeout: served, first has sent, zero received, second has sent, first received, second received
        Send, Race: served, first gives up, second has sent, zero received, second received
        Send, Drop: served, first gives up, second has sent, zero received, second received
        Receive, Timeout: served, first has zero, second waits on
        Receive, Race: served, first gives up, second has zero
        Receive, Drop: served, second has zero, first gives up
        EndOfAGroup, Timeout: served, first has an error, second has an error
        EndOfAGroup, Race: served, first gives up, second has an error
        EndOfAGroup, Drop: served, first gives up, second has an error
        PlaceInAGroup, Timeout: served, first runs, second runs, first has ended, second has ended
        PlaceInAGroup, Race: served, first gives up, second runs, second has ended
        PlaceInAGroup, Drop: served, second runs, first gives up, second has ended
        Room, Timeout: served, first has room, first gives up, second has room
        Room, Race: served, first gives up, second has room
        Room, Drop: served, first gives up, second has room
    "#]]
    .assert_eq(&table);
}
