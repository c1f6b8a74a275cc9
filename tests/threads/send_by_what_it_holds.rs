//! A run is `Send` exactly if all that it holds is. Each program here puts a `T` into a run in
//! another way, and is compiled twice: with a `T` that is `Send`, and with an `Rc`. So a way that
//! hides what it holds fails here, and so does one that refuses what it need not.

use std::cell::Cell;
use std::collections::HashMap;
use std::future::ready;
use std::hash::Hash;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use corio::sync::{ErrGroup, Mutex, OnceCell, RwLock, SingleFlight, channel};
use corio::{
    Dispatch, Options, Provide, Request, Requests, Schedule, Task, boxed, cache, future,
    task_fn_local,
};

use crate::is_send::is_send;

/// What is put into a run.
trait Thing: Clone + Eq + Hash + std::fmt::Debug + 'static {
    fn new(n: u64) -> Self;
    fn n(&self) -> u64;
}

impl Thing for Arc<u64> {
    fn new(n: u64) -> Self {
        Arc::new(n)
    }
    fn n(&self) -> u64 {
        **self
    }
}

impl Thing for Rc<u64> {
    fn new(n: u64) -> Self {
        Rc::new(n)
    }
    fn n(&self) -> u64 {
        **self
    }
}

// ── dispatchers ──

#[corio::dispatcher]
fn double(keys: &[u64]) -> Vec<u64> {
    keys.iter().map(|key| key * 2).collect()
}

#[corio::dispatcher]
fn by_key<T: Thing>(keys: &[T]) -> Vec<u64> {
    keys.iter().map(T::n).collect()
}

#[corio::dispatcher]
fn answers<T: Thing>(keys: &[u64]) -> Vec<T> {
    keys.iter().map(|key| T::new(*key)).collect()
}

#[corio::dispatcher(cache)]
fn cached<T: Thing>(keys: &[u64]) -> Vec<T> {
    keys.iter().map(|key| T::new(*key)).collect()
}

#[corio::dispatcher(read, faults = "error")]
async fn maps<T: Thing>(keys: &[T]) -> Result<HashMap<T, u64>, String> {
    ready(()).await;
    Ok(keys.iter().map(|key| (key.clone(), key.n())).collect())
}

#[corio::dispatcher]
async fn holds<T: Thing>(keys: &[u64]) -> Vec<u64> {
    let held = T::new(1);
    ready(()).await;
    keys.iter().map(|key| key * held.n()).collect()
}

#[corio::dispatcher]
async fn holds_by_value<T: Thing>(keys: Vec<u64>) -> Vec<u64> {
    let held = T::new(1);
    ready(()).await;
    keys.iter().map(|key| key * held.n()).collect()
}

#[corio::dispatcher]
async fn holds_and_fills<T: Thing>(keys: &[u64], answers: &mut Vec<u64>) {
    let held = T::new(1);
    ready(()).await;
    answers.extend(keys.iter().map(|key| key * held.n()));
}

#[corio::dispatcher]
async fn holds_slots<T: Thing>(batch: corio::Batch<u64, u64>) {
    let held = T::new(1);
    ready(()).await;
    for slot in batch {
        slot.answer_with(|key| key * held.n());
    }
}

#[corio::dispatcher]
fn slots<T: Thing>(batch: corio::Batch<u64, T>) {
    for slot in batch {
        slot.answer_with(T::new);
    }
}

#[corio::dispatcher(faults = "error")]
fn slots_with_faults<T: Thing>(batch: corio::Batch<u64, T>) {
    for slot in batch {
        slot.answer_with(T::new);
    }
}

/// By hand: asks for a `T`, and answers in place.
struct ByHand<T>(T);

impl<T: Thing> Request for ByHand<T> {
    type Key = T;
    type Answer = u64;
    const OPTIONS: Options<T, u64> = Options::new();

    fn into_key(self) -> T {
        self.0
    }
}

impl<S, T: Thing> Dispatch<S> for ByHand<T> {
    fn dispatch<'r>(_: &'r S, requests: Requests<'_, 'r, Self>) {
        requests.answer(|keys| keys.iter().map(T::n).collect::<Vec<_>>());
    }
}

// ── programs ──

/// A child that holds a `T` while it waits.
#[corio::task]
fn child<T: Thing>(n: u64) -> u64 {
    let held = T::new(n);
    io!(double(1)) + held.n()
}

#[corio::task]
fn fails<T: Thing>(n: u64) -> Result<u64, String> {
    let held = T::new(n);
    io!(double(1));
    Err(format!("{}", held.n()))
}

#[corio::task]
fn outputs<T: Thing>(n: u64) -> T {
    io!(double(1));
    T::new(n)
}

/// `NAME: BODY`, each a task over `T` that gives a number.
macro_rules! programs {
    ($($name:ident: { $($body:tt)* })*) => {
        mod program {
            use super::*;
            $(
                #[corio::task]
                pub(super) fn $name<T: Thing>() -> u64 { $($body)* }
            )*
        }

        #[test]
        fn each_program_is_send_exactly_if_what_it_holds_is() {
            let mut wrong = Vec::new();
            let (mut of_arc, mut of_rc) = (Schedule::new(()), Schedule::new(()));
            $(
                // On one thread both run, and do the same.
                let results =
                    (of_arc.run(program::$name::<Arc<u64>>()), of_rc.run(program::$name::<Rc<u64>>()));
                assert_eq!(results.0, results.1, stringify!($name));
                if !is_send!(of_arc.run_local(program::$name::<Arc<u64>>())) {
                    wrong.push(concat!(stringify!($name), " is not `Send` with an `Arc`"));
                }
                if is_send!(of_rc.run_local(program::$name::<Rc<u64>>())) {
                    wrong.push(concat!(stringify!($name), " is `Send` with an `Rc`"));
                }
            )*
            assert_eq!(wrong, [""; 0]);
        }
    };
}

programs! {
    held_over_a_request: {
        let held = T::new(1);
        io!(double(1)) + held.n()
    }
    key: { io!(by_key(T::new(1))) }
    answer: { io!(answers::<T>(1)).n() }
    one_of_two_requests: {
        let (a, b) = io!(double(1), answers::<T>(2));
        a + b.n()
    }
    one_of_two_keys: {
        let (a, b) = io!(double(1), by_key(T::new(2)));
        a + b
    }
    many_answers: { io_all!((0..3).map(answers::<T>)).len() as u64 }
    many_keys: { io_all!((0..3).map(|n| by_key(T::new(n)))).into_iter().sum() }
    cached_answer: { io!(cached::<T>(1)).n() }
    primed: {
        call!(cache::prime(cached(1), T::new(1)));
        io!(cached::<T>(1)).n()
    }
    invalidated: {
        call!(cache::invalidate(cached::<T>(1)));
        1
    }
    cleared: {
        call!(cache::clear(cached::<T>));
        1
    }
    request_called: { call!(answers::<T>(1)).n() }
    requests_as_children: { all!((0..3).map(answers::<T>)).len() as u64 }
    by_key_as_child: { all!([by_key(T::new(1))]).len() as u64 }
    map_of_an_async_dispatcher: { io!(maps(T::new(3))).unwrap().unwrap() }
    async_dispatcher: { io!(holds::<T>(1)) }
    async_dispatcher_by_value: { io!(holds_by_value::<T>(1)) }
    async_dispatcher_that_fills: { io!(holds_and_fills::<T>(1)) }
    async_dispatcher_of_slots: { io!(holds_slots::<T>(1)) }
    async_dispatcher_as_child: { all!([holds::<T>(1)]).len() as u64 }
    async_dispatcher_in_a_set: {
        let (a, b) = io!(holds::<T>(1), double(1));
        a + b
    }
    async_dispatcher_many: { io_all!([holds::<T>(1)]).len() as u64 }
    slot_answers: { io!(slots::<T>(1)).n() }
    slot_answers_with_faults: { io!(slots_with_faults::<T>(1)).unwrap().n() }
    request_by_hand: { io!(ByHand(T::new(1))) }
    called: { call!(child::<T>(1)) }
    called_boxed: { call!(boxed(child::<T>(1))) }
    output_of_a_call: { call!(outputs::<T>(1)).n() }
    spawned: {
        spawn!(child::<T>(1));
        1
    }
    spawned_and_joined: {
        let handle = spawn!(child::<T>(1));
        call!(handle)
    }
    output_of_a_spawned: {
        spawn!(outputs::<T>(1));
        1
    }
    handle_held: {
        let handle = spawn!(outputs::<T>(1));
        wait!();
        call!(handle).n()
    }
    joined: {
        let (a, b) = join!(child::<T>(1), child::<T>(2));
        a + b
    }
    output_of_a_joined: { join!(outputs::<T>(1), double(1)).1 }
    try_joined: { try_join!(fails::<T>(1), fails::<T>(1)).map_or_else(|e| e.len() as u64, |_| 0) }
    raced: { race!(child::<T>(1), child::<T>(2)) }
    all_of_them: { all!((0..3).map(child::<T>)).into_iter().sum() }
    all_outputs: { all!((0..3).map(outputs::<T>)).len() as u64 }
    at_most_two: { all!(limit = 2, (0..3).map(child::<T>)).into_iter().sum() }
    at_most_two_outputs: { all!(limit = 2, (0..3).map(outputs::<T>)).len() as u64 }
    iterator_of_a_window: {
        let held = T::new(1);
        all!(limit = 1, (0..3).map(move |n| double(n + held.n()))).into_iter().sum()
    }
    try_all_of_them: { try_all!((0..3).map(fails::<T>)).map_or_else(|e| e.len() as u64, |_| 0) }
    try_at_most_two: {
        try_all!(limit = 2, (0..3).map(fails::<T>)).map_or_else(|e| e.len() as u64, |_| 0)
    }
    in_time: { timeout!(Duration::from_secs(9), child::<T>(1)).unwrap() }
    output_in_time: { timeout!(Duration::from_secs(9), outputs::<T>(1)).unwrap().n() }
    block: {
        let held = T::new(1);
        let (a, b) = join!(task!({ io!(double(held.n())) }), double(2));
        a + b
    }
    block_moved: {
        let held = T::new(1);
        let handle = spawn!(task!(move { io!(double(held.n())) }));
        call!(handle)
    }
    block_of_a_block: {
        let held = T::new(1);
        let (a, b) = join!(task!({ call!(task!({ io!(double(held.n())) })) }), double(1));
        a + b
    }
    foreign_future: {
        let held = T::new(1);
        io!(future(async move { held.n() }))
    }
    output_of_a_foreign_future: { io!(future(async { T::new(1) })).n() }
    mutex: {
        let mutex = Mutex::new(T::new(1));
        let guard = call!(mutex.lock());
        io!(double(1)) + guard.n()
    }
    mutex_shared: {
        let mutex = Mutex::new(T::new(1));
        let mutex = &mutex;
        let locks = |n| task!(move {
            let guard = call!(mutex.lock());
            io!(double(n)) + guard.n()
        });
        join!(locks(1), locks(2)).0
    }
    read_guard: {
        let lock = RwLock::new(T::new(1));
        let guard = call!(lock.read());
        io!(double(1)) + guard.n()
    }
    write_guard: {
        let lock = RwLock::new(T::new(1));
        let guard = call!(lock.write());
        io!(double(1)) + guard.n()
    }
    once_cell: {
        let cell = OnceCell::new();
        call!(cell.get_or_init(outputs::<T>(1))).n()
    }
    once_cell_of_a_maker: {
        let cell = OnceCell::new();
        *call!(cell.get_or_init(child::<T>(1)))
    }
    single_flight: {
        let flights = SingleFlight::new();
        call!(flights.run(1, outputs::<T>(1))).n()
    }
    single_flight_by_key: {
        let flights = SingleFlight::new();
        call!(flights.run(T::new(1), double(1)))
    }
    channel_of_things: {
        let (sender, mut receiver) = channel(1);
        spawn!(task!(move { call!(sender.send(T::new(1))).is_ok() }));
        call!(receiver.recv()).map_or(0, |thing| thing.n())
    }
    error_of_a_group: {
        let group = ErrGroup::new();
        spawn!(group.run(task!(-> Result<(), T> { Err(T::new(1)) })));
        call!(group.wait()).map_or_else(|thing: T| thing.n(), |()| 0)
    }
    member_of_a_group: {
        let group = ErrGroup::new();
        spawn!(group.run(task!(-> Result<(), String> {
            let held = T::new(1);
            io!(double(held.n()));
            Ok(())
        })));
        call!(group.wait()).map_or(0, |()| 1)
    }
}

// ── what needs a program of its own ──

#[corio::task]
fn even<T: Thing>(n: u64) -> bool {
    let held = T::new(n);
    if held.n() == 0 { true } else { call!(boxed(odd::<T>(held.n() - 1))) }
}

#[corio::task]
fn odd<T: Thing>(n: u64) -> bool {
    if n == 0 { false } else { call!(boxed(even::<T>(n - 1))) }
}

/// Calls, spawns and has as children its own kind.
#[corio::task]
fn walk<T: Thing>(n: u64) -> u64 {
    let held = T::new(n);
    if n == 0 {
        return io!(double(held.n()));
    }
    let spawned = spawn!(walk::<T>(n - 1));
    let all: u64 = all!((0..2).map(|_| walk::<T>(n - 1))).into_iter().sum();
    call!(walk::<T>(n - 1)) + call!(spawned) + all
}

#[test]
fn tasks_in_a_circle_are_as_what_they_hold() {
    let mut schedule = Schedule::new(());
    assert!(is_send!(schedule.run_local(even::<Arc<u64>>(9))));
    assert!(!is_send!(schedule.run_local(even::<Rc<u64>>(9))));
    assert!(is_send!(schedule.run_local(odd::<Arc<u64>>(9))));
    assert!(!is_send!(schedule.run_local(odd::<Rc<u64>>(9))));
    assert!(is_send!(schedule.run_local(walk::<Arc<u64>>(3))));
    assert!(!is_send!(schedule.run_local(walk::<Rc<u64>>(3))));
    assert_eq!(schedule.run(odd::<Rc<u64>>(9)), Ok(true));
    assert_eq!(schedule.run(walk::<Rc<u64>>(1)), schedule.run(walk::<Arc<u64>>(1)));
}

#[test]
fn the_root_is_as_its_output_and_its_request() {
    let mut schedule = Schedule::new(());
    assert!(is_send!(schedule.run_local(outputs::<Arc<u64>>(1))));
    assert!(!is_send!(schedule.run_local(outputs::<Rc<u64>>(1))));
    assert!(is_send!(schedule.run_local(answers::<Arc<u64>>(1))));
    assert!(!is_send!(schedule.run_local(answers::<Rc<u64>>(1))));
    assert!(is_send!(schedule.run_local(holds::<Arc<u64>>(1))));
    assert!(!is_send!(schedule.run_local(holds::<Rc<u64>>(1))));
}

#[corio::task]
fn returns_without_waiting<T: Thing>() -> T {
    T::new(1)
}

#[corio::task]
fn takes<T: Thing>(thing: T) -> u64 {
    io!(double(thing.n()))
}

#[test]
fn a_task_is_as_its_argument_although_it_has_not_run() {
    let mut schedule = Schedule::new(());
    assert!(is_send!(schedule.run_local(takes(Arc::new(1)))));
    assert!(!is_send!(schedule.run_local(takes(Rc::new(1)))));
    assert!(!is_send!(takes(Rc::new(1))));
    assert!(!is_send!(schedule.run_local(returns_without_waiting::<Rc<u64>>())));
}

#[corio::task]
fn borrows(things: &[u64], held: &Cell<u64>) -> u64 {
    let (first, rest) =
        join!(task!({ io!(double(things[0])) }), task!({ io!(double(held.get())) }));
    first + rest
}

#[corio::task]
fn borrows_from<'a>(a: &'a str, b: &'a str) -> &'a str {
    if io!(double(1)) > 3 { a } else { b }
}

#[corio::task]
fn words(words: &[String]) -> Vec<&str> {
    let all: Vec<&str> = all!(words.iter().map(|word| borrows_from(word, &words[0])));
    let few: Vec<&str> = all!(limit = 3, words.iter().map(|word| borrows_from(word, &words[0])));
    let first = race!(borrows_from(&words[0], &words[1]), borrows_from(all[0], few[0]));
    let timed = timeout!(Duration::from_secs(9), borrows_from(first, all[0])).unwrap_or("");
    let (a, b) =
        join!(borrows_from(first, timed), task!({ words[io!(double(0)) as usize].as_str() }));
    let pairs = all!(words.iter().zip(all.iter()).map(|(a, b)| task!(move {
        io!(double(a.len() as u64));
        (a.as_str(), *b)
    })));
    vec![a, b, pairs[0].0]
}

#[test]
fn what_is_borrowed_counts_as_what_it_is() {
    let mut schedule = Schedule::new(());
    let (held, texts) = (Cell::new(1), ["a".to_owned(), "b".to_owned()]);
    assert!(!is_send!(schedule.run_local(borrows(&[1], &held))));
    assert!(is_send!(schedule.run_local(words(&texts))));
    assert_eq!(schedule.run(words(&texts)), Ok(vec!["a", "a", "a"]));
}

// ── contexts ──

struct Db(u64);

#[derive(corio::Context)]
struct App {
    db: Db,
}

#[derive(corio::Context)]
struct OneThread {
    db: Db,
    count: Cell<u64>,
}

#[corio::dispatcher]
async fn fetch(db: &Db, keys: &[u64]) -> Vec<u64> {
    ready(()).await;
    keys.iter().map(|key| key + db.0).collect()
}

#[corio::task(App)]
fn over_app(n: u64) -> u64 {
    let app = context!();
    io!(fetch(n)) + app.db.0
}

#[corio::task(OneThread)]
fn over_one_thread(n: u64) -> u64 {
    io!(fetch(n))
}

#[corio::task(impl Provide<Db>)]
fn over_any(n: u64) -> u64 {
    io!(fetch(n))
}

#[corio::task(S)]
fn over_named<S: Provide<Db>, T: Thing>(n: u64) -> u64 {
    let held = T::new(n);
    io!(fetch(held.n()))
}

trait Priced {
    #[corio::task(App)]
    fn price<'a>(&'a self, name: &'a str) -> (&'a str, u64);
}

impl Priced for Db {
    #[corio::task(App)]
    fn price<'a>(&'a self, name: &'a str) -> (&'a str, u64) {
        (name, io!(fetch(self.0)))
    }
}

#[test]
fn the_context_has_to_be_sync() {
    let app = App { db: Db(1) };
    let mut schedule = Schedule::new(&app);
    assert!(is_send!(schedule.run_local(over_app(1))));
    assert!(is_send!(schedule.run_local(over_any(1))));
    assert!(is_send!(schedule.run_local(over_named::<_, Arc<u64>>(1))));
    assert!(!is_send!(schedule.run_local(over_named::<_, Rc<u64>>(1))));
    assert!(is_send!(schedule.run_local(app.db.price("x"))));
    let one_thread = OneThread { db: Db(1), count: Cell::new(0) };
    let mut schedule = Schedule::new(&one_thread);
    assert!(!is_send!(schedule.run_local(over_one_thread(1))));
    assert!(!is_send!(schedule.run_local(over_any(1))));
    assert!(!is_send!(schedule.run_local(double(1))));
}

#[test]
fn a_schedule_is_as_its_context() {
    assert!(is_send!(Schedule::new(Arc::new(App { db: Db(1) }))));
    assert!(is_send!(Schedule::new(OneThread { db: Db(1), count: Cell::new(1) })));
    assert!(!is_send!(Schedule::new(Rc::new(App { db: Db(1) }))));
    let log = corio::Log::new();
    assert!(is_send!(Schedule::new(()).observe(log.observer())));
}

// ── by hand ──

fn hidden(n: u64) -> impl Task<(), Output = u64> {
    takes(Arc::new(n))
}

fn told(n: u64) -> impl corio::SendTask<(), Output = u64> {
    takes(Arc::new(n))
}

fn by_hand<T: Thing + Send>(n: u64) -> impl Task<(), Output = u64> {
    corio::task_fn(async move |cx: corio::Cx<'_, ()>| {
        let held = T::new(n);
        cx.spawn(told(1));
        cx.call(told(2)).await + cx.io(double(held.n())).await
    })
}

#[corio::task(())]
fn calls_what_is_told() -> u64 {
    call!(told(1)) + all!((0..2).map(told)).len() as u64
}

#[corio::task(())]
fn calls_what_is_hidden() -> u64 {
    call!(hidden(1))
}

#[test]
fn what_a_function_hides_is_told_by_send_task() {
    let mut schedule = Schedule::new(());
    assert!(!is_send!(schedule.run_local(hidden(1))));
    assert!(is_send!(schedule.run_local(told(1))));
    assert!(is_send!(schedule.run_local(calls_what_is_told())));
    assert!(!is_send!(schedule.run_local(calls_what_is_hidden())));
    assert_eq!(schedule.run(by_hand::<Arc<u64>>(1)), Ok(6));
}

fn holds_by_hand<T: Thing>() -> corio::TaskOver<(), impl Future<Output = u64>> {
    corio::task_fn(async |cx: corio::Cx<'_, ()>| {
        let held = T::new(1);
        cx.io(double(held.n())).await + held.n()
    })
}

fn local() -> corio::TaskOver<(), impl Future<Output = u64>> {
    task_fn_local(async |cx: corio::LocalCx<'_, ()>| cx.io(double(1)).await)
}

/// Nothing of the child is in the future any more when it has been forgotten, but in the run it is.
fn forgetful() -> corio::TaskOver<(), impl Future<Output = ()>> {
    task_fn_local(async |cx: corio::LocalCx<'_, ()>| {
        std::mem::forget(cx.call(takes(Rc::new(1))));
    })
}

#[test]
fn a_task_by_hand_is_as_what_it_holds() {
    let mut schedule = Schedule::new(());
    assert!(is_send!(schedule.run_local(holds_by_hand::<Arc<u64>>())));
    assert!(!is_send!(schedule.run_local(holds_by_hand::<Rc<u64>>())));
    assert!(!is_send!(schedule.run_local(local())));
    assert!(!is_send!(schedule.run_local(forgetful())));
}

#[test]
fn an_erased_task_is_what_it_is_erased_to() {
    let mut schedule = Schedule::new(());
    assert!(is_send!(schedule.run_local(boxed(child::<Arc<u64>>(1)).erased())));
    assert!(!is_send!(schedule.run_local(boxed(child::<Arc<u64>>(1)).erased_local())));
    assert!(!is_send!(schedule.run_local(boxed(child::<Rc<u64>>(1)).erased_local())));
    assert_eq!(schedule.run(boxed(child::<Rc<u64>>(1)).erased_local()), Ok(3));
}
