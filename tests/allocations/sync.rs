//! What tasks can wait for beside each other.

use corio::sync::{
    ErrGroup, Mutex, Notify, OnceCell, Receiver, RwLock, Semaphore, Sender, SingleFlight,
    WaitGroup, channel,
};
use expect_test::expect;

use crate::count::table;
use crate::{double, fallible};

#[corio::task]
fn locks(mutex: &Mutex<u64>) {
    let mut locked = call!(mutex.lock());
    *locked = io!(double(1));
}

#[corio::task]
fn reads(lock: &RwLock<u64>) {
    let read = call!(lock.read());
    io!(double(*read));
}

#[corio::task]
fn writes(lock: &RwLock<u64>) {
    let mut write = call!(lock.write());
    *write = io!(double(1));
}

#[corio::task]
fn acquires(semaphore: &Semaphore, permits: usize) {
    let _permits = call!(semaphore.acquire_many(permits));
    io!(double(1));
}

#[test]
fn locks_and_permits() {
    let table = table! {
        "call!(mutex.lock())", mutex: Mutex<u64> = Mutex::new(1) => { drop(call!(mutex.lock())); }
        "call!(mutex.lock()) of a new one" => { let mutex = Mutex::new(1); drop(call!(mutex.lock())); }
        "call!(mutex.lock()) that waits", mutex: Mutex<u64> = Mutex::new(1) => { join!(locks(&mutex), locks(&mutex)); }
        "call!(mutex.lock()) that waits, of a new one: its line" => { let mutex = Mutex::new(1); join!(locks(&mutex), locks(&mutex)); }
        "call!(mutex.lock()) that loses a race!", mutex: Mutex<u64> = Mutex::new(1) => {
            let locked = call!(mutex.lock());
            race!(task! { io!(double(*locked)); }, locks(&mutex));
        }
        "call!(lock.read()), call!(lock.write())", lock: RwLock<u64> = RwLock::new(1) => { drop(call!(lock.read())); drop(call!(lock.write())); }
        "call!(lock.read()), call!(lock.write()) that wait", lock: RwLock<u64> = RwLock::new(1) => { join!(writes(&lock), reads(&lock), writes(&lock)); }
        "call!(semaphore.acquire())", semaphore: Semaphore = Semaphore::new(1) => { drop(call!(semaphore.acquire())); }
        "call!(semaphore.acquire()) of a new one" => { let semaphore = Semaphore::new(1); drop(call!(semaphore.acquire())); }
        "call!(semaphore.acquire_many(n)) that waits", semaphore: Semaphore = Semaphore::new(5) => {
            join!(acquires(&semaphore, 3), acquires(&semaphore, 5), acquires(&semaphore, 0));
        }
        "mutex.try_lock(), lock.try_read(), semaphore.try_acquire()" => {
            let (mutex, lock, semaphore) = (Mutex::new(1), RwLock::new(1), Semaphore::new(1));
            assert!(mutex.try_lock().is_some() && lock.try_read().is_some() && semaphore.try_acquire().is_some());
        }
    };
    expect![[r#"

        takes
            0  call!(mutex.lock())
            0  call!(mutex.lock()) of a new one
            0  call!(mutex.lock()) that waits
            1  call!(mutex.lock()) that waits, of a new one: its line
            0  call!(mutex.lock()) that loses a race!
            0  call!(lock.read()), call!(lock.write())
            0  call!(lock.read()), call!(lock.write()) that wait
            0  call!(semaphore.acquire())
            0  call!(semaphore.acquire()) of a new one
            0  call!(semaphore.acquire_many(n)) that waits
            0  mutex.try_lock(), lock.try_read(), semaphore.try_acquire()
    "#]]
    .assert_eq(&table);
}

#[corio::task]
fn waits_for_group(group: &WaitGroup) {
    call!(group.wait());
}

#[corio::task]
fn notified(notify: &Notify) {
    call!(notify.notified());
}

#[test]
fn words() {
    let table = table! {
        "call!(group.wait()) of a wait group with nothing to do", group: WaitGroup = WaitGroup::new() => { call!(group.wait()); }
        "call!(group.wait()) of a wait group, that waits", group: WaitGroup = WaitGroup::new() => {
            group.add(1);
            join!(waits_for_group(&group), waits_for_group(&group), task! { io!(double(1)); group.done(); });
        }
        "call!(notify.notified()) after notify_one()", notify: Notify = Notify::new() => { notify.notify_one(); call!(notify.notified()); }
        "call!(notify.notified()) that waits for notify_one()", notify: Notify = Notify::new() => {
            join!(notified(&notify), task! { io!(double(1)); notify.notify_one(); });
        }
        "call!(notify.notified()) that waits for notify_waiters()", notify: Notify = Notify::new() => {
            join!(notified(&notify), notified(&notify), task! { io!(double(1)); notify.notify_waiters(); });
        }
    };
    expect![[r#"

        takes
            0  call!(group.wait()) of a wait group with nothing to do
            0  call!(group.wait()) of a wait group, that waits
            0  call!(notify.notified()) after notify_one()
            0  call!(notify.notified()) that waits for notify_one()
            0  call!(notify.notified()) that waits for notify_waiters()
    "#]]
    .assert_eq(&table);
}

#[corio::task]
fn sends(sender: Sender<u64>, messages: u64) {
    for message in 0..messages {
        call!(sender.send(message)).unwrap();
    }
}

#[corio::task]
fn receives(mut receiver: Receiver<u64>) {
    while call!(receiver.recv()).is_some() {}
}

#[test]
fn channels() {
    let table = table! {
        "channel(1): what both ends share" => { channel::<u64>(1); }
        "channel(1) with one message: and its buffer" => { let (sender, receiver) = channel(1); join!(sends(sender, 1), receives(receiver)); }
        "channel(1) with 100 messages: and the lines of both ends" => { let (sender, receiver) = channel(1); join!(sends(sender, 100), receives(receiver)); }
        "channel(4) with 100 messages of two senders" => { let (sender, receiver) = channel(4); join!(sends(sender.clone(), 50), sends(sender, 50), receives(receiver)); }
        "channel(100) with 100 messages: and the buffer doubles" => { let (sender, receiver) = channel(100); join!(sends(sender, 100), receives(receiver)); }
        "sender.try_send(), receiver.try_recv()", ends: std::cell::RefCell<(Sender<u64>, Receiver<u64>)> = std::cell::RefCell::new(channel(1)) => {
            let (sender, receiver) = &mut *ends.borrow_mut();
            sender.try_send(1).unwrap();
            receiver.try_recv().unwrap();
        }
    };
    expect![[r#"

        takes
            1  channel(1): what both ends share
            2  channel(1) with one message: and its buffer
            4  channel(1) with 100 messages: and the lines of both ends
            4  channel(4) with 100 messages of two senders
            7  channel(100) with 100 messages: and the buffer doubles
            0  sender.try_send(), receiver.try_recv()
    "#]]
    .assert_eq(&table);
}

#[corio::task]
fn needs(cell: &OnceCell<u64>) -> u64 {
    *call!(cell.get_or_init(double(1)))
}

#[corio::task]
fn wants(flights: &SingleFlight<u64, u64>) -> u64 {
    call!(flights.run(1, double(1)))
}

#[test]
fn made_once() {
    let table = table! {
        "call!(cell.get_or_init(t)) of a value that is there", cell: OnceCell<u64> = OnceCell::new() => { call!(cell.get_or_init(double(1))); }
        "call!(cell.get_or_init(t)) of a new one" => { let cell = OnceCell::new(); call!(cell.get_or_init(double(1))); }
        "call!(cell.get_or_try_init(t)) of a new one" => { let cell = OnceCell::new(); call!(cell.get_or_try_init(fallible(1, false))).unwrap(); }
        "call!(cell.get_or_init(t)) of a new one, that waits: its line" => { let cell = OnceCell::new(); join!(needs(&cell), needs(&cell), needs(&cell)); }
        "call!(flights.run(key, t)): the flight", flights: SingleFlight<u64, u64> = SingleFlight::new() => { call!(flights.run(1, double(1))); }
        "call!(flights.run(key, t)) of one that leads and two that follow: the flight", flights: SingleFlight<u64, u64> = SingleFlight::new() => {
            join!(wants(&flights), wants(&flights), wants(&flights));
        }
    };
    expect![[r#"

        takes
            0  call!(cell.get_or_init(t)) of a value that is there
            0  call!(cell.get_or_init(t)) of a new one
            0  call!(cell.get_or_try_init(t)) of a new one
            1  call!(cell.get_or_init(t)) of a new one, that waits: its line
            1  call!(flights.run(key, t)): the flight
            1  call!(flights.run(key, t)) of one that leads and two that follow: the flight
    "#]]
    .assert_eq(&table);
}

#[corio::task]
fn member(key: u64, fails: bool) -> Result<(), u64> {
    call!(fallible(key, fails)).map(drop)
}

#[test]
fn groups() {
    let table = table! {
        "ErrGroup::new(): what its clones share" => { drop(ErrGroup::<u64>::new()); }
        "ErrGroup::with_limit(n): what its clones share" => { drop(ErrGroup::<u64>::with_limit(1)); }
        "spawn!(group.run(t))", group: ErrGroup<u64> = ErrGroup::new() => { spawn!(group.run(member(1, false))); }
        "spawn!(group.run(t)) with a limit", group: ErrGroup<u64> = ErrGroup::with_limit(10) => { spawn!(group.run(member(1, false))); }
        "spawn!(group.run(t)); call!(group.wait())", group: ErrGroup<u64> = ErrGroup::new() => { spawn!(group.run(member(1, false))); call!(group.wait()).unwrap(); }
        "the same of a hundred members, one of which fails: the error, for all who wait", group: ErrGroup<u64> = ErrGroup::new() => {
            for key in 0..100 {
                spawn!(group.run(member(key, key == 50)));
            }
            call!(group.wait()).unwrap_err();
        }
    };
    expect![[r#"

        takes
            1  ErrGroup::new(): what its clones share
            1  ErrGroup::with_limit(n): what its clones share
            0  spawn!(group.run(t))
            0  spawn!(group.run(t)) with a limit
            0  spawn!(group.run(t)); call!(group.wait())
            1  the same of a hundred members, one of which fails: the error, for all who wait
    "#]]
    .assert_eq(&table);
}
