//! What can go wrong with a batch, whichever way it is answered and however it was asked for: one
//! table says what comes of it, and every cell of it is tried out.
//!
//! Whatever goes wrong, each cell shows as well that
//! - the run ends: by a virtual clock time passes only when nothing else can happen, and the
//!   schedule has a deadline as a net;
//! - every request has one outcome, which is its own: answers and errors are made from keys;
//! - a task beside it, which asks another dispatcher, is not disturbed unless the run ends;
//! - it went out as often as it should have, and the requests of a cell went out together;
//! - what was built was dropped: keys, answers, errors, and the locals of tasks;
//! - the schedule works afterwards, and the same happens in it once more.

use std::any::Any;
use std::collections::HashMap;
use std::fmt::Debug;
use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use corio::testing::VirtualClock;
use corio::{Batch, Clock, Context, Dispatch, Error, RequestError, Schedule, SendTask, Slot};
use smol::future::yield_now;
use support::{Counts, healthy};

// ── the table ──

/// What comes of it. The one that is picked out, and that alone is not answered where only one is
/// not, is the last that is asked.
///
/// | a cell | means |
/// |---|---|
/// | `ok ok Failed(busy)` | what each request gets, in order |
/// | `all WrongCount` | each request gets this |
/// | `ok`, `Err(busy)`, `Failed(busy)` | its own answer; its own `Err`; with `faults = "error"` the same error as `RequestError::Failed` |
/// | `WrongCount` and so on | `RequestError::WrongCount`, with the right numbers |
/// | `run: WrongCount` | the run ends with `Error::Batch` of this |
/// | `panic` | the run goes on with the panic of the dispatcher, the payload untouched |
/// | `@2s` | so much time has passed; where there is none, none has |
/// | `n/a: why` | there is no way to do that; shown by trying to, which only gives answers |
///
/// `io!` asks for one, `io!(a, b)` and `join!` for two, `io_all!` and `all!` for three. Children of
/// `join!` are a request and a task that asks, those of `all!` are tasks. A request may be sent
/// three times; being slow takes 10 s, and a batch may take 2 s. An in-place function can't be
/// given a time limit, and so takes its time.
const TABLE: &str = "
    scenario         | way            | faults | io!                   | io!(a, b)             | io_all!                | join!                 | all!

    answers          | fn             | run    | ok                    | all ok                | all ok                 | all ok                | all ok
    answers          | async fn       | run    | ok                    | all ok                | all ok                 | all ok                | all ok
    answers          | blocking       | run    | ok                    | all ok                | all ok                 | all ok                | all ok
    answers          | Batch          | run    | ok                    | all ok                | all ok                 | all ok                | all ok
    answers          | async Batch    | run    | ok                    | all ok                | all ok                 | all ok                | all ok
    answers          | blocking Batch | run    | ok                    | all ok                | all ok                 | all ok                | all ok
    answers          | fn             | error  | ok                    | all ok                | all ok                 | all ok                | all ok
    answers          | async fn       | error  | ok                    | all ok                | all ok                 | all ok                | all ok
    answers          | blocking       | error  | ok                    | all ok                | all ok                 | all ok                | all ok
    answers          | Batch          | error  | ok                    | all ok                | all ok                 | all ok                | all ok
    answers          | async Batch    | error  | ok                    | all ok                | all ok                 | all ok                | all ok
    answers          | blocking Batch | error  | ok                    | all ok                | all ok                 | all ok                | all ok

    wrong count      | fn             | run    | run: WrongCount       | run: WrongCount       | run: WrongCount        | run: WrongCount       | run: WrongCount
    wrong count      | async fn       | run    | run: WrongCount       | run: WrongCount       | run: WrongCount        | run: WrongCount       | run: WrongCount
    wrong count      | blocking       | run    | run: WrongCount       | run: WrongCount       | run: WrongCount        | run: WrongCount       | run: WrongCount
    wrong count      | Batch          | run    | n/a: each slot is answered once, or dropped
    wrong count      | async Batch    | run    | n/a: each slot is answered once, or dropped
    wrong count      | blocking Batch | run    | n/a: each slot is answered once, or dropped
    wrong count      | fn             | error  | WrongCount            | all WrongCount        | all WrongCount         | all WrongCount        | all WrongCount
    wrong count      | async fn       | error  | WrongCount            | all WrongCount        | all WrongCount         | all WrongCount        | all WrongCount
    wrong count      | blocking       | error  | WrongCount            | all WrongCount        | all WrongCount         | all WrongCount        | all WrongCount
    wrong count      | Batch          | error  | n/a: each slot is answered once, or dropped
    wrong count      | async Batch    | error  | n/a: each slot is answered once, or dropped
    wrong count      | blocking Batch | error  | n/a: each slot is answered once, or dropped

    drops a slot     | fn             | run    | n/a: there are no slots to drop
    drops a slot     | async fn       | run    | n/a: there are no slots to drop
    drops a slot     | blocking       | run    | n/a: there are no slots to drop
    drops a slot     | Batch          | run    | run: Unanswered       | run: Unanswered       | run: Unanswered        | run: Unanswered       | run: Unanswered
    drops a slot     | async Batch    | run    | run: Unanswered       | run: Unanswered       | run: Unanswered        | run: Unanswered       | run: Unanswered
    drops a slot     | blocking Batch | run    | run: Unanswered       | run: Unanswered       | run: Unanswered        | run: Unanswered       | run: Unanswered
    drops a slot     | fn             | error  | n/a: there are no slots to drop
    drops a slot     | async fn       | error  | n/a: there are no slots to drop
    drops a slot     | blocking       | error  | n/a: there are no slots to drop
    drops a slot     | Batch          | error  | Unanswered            | ok Unanswered         | ok ok Unanswered       | ok Unanswered         | ok ok Unanswered
    drops a slot     | async Batch    | error  | Unanswered            | ok Unanswered         | ok ok Unanswered       | ok Unanswered         | ok ok Unanswered
    drops a slot     | blocking Batch | error  | Unanswered            | ok Unanswered         | ok ok Unanswered       | ok Unanswered         | ok ok Unanswered

    fails one        | fn             | run    | Err(refused)          | ok Err(refused)       | ok ok Err(refused)     | ok Err(refused)       | ok ok Err(refused)
    fails one        | async fn       | run    | Err(refused)          | ok Err(refused)       | ok ok Err(refused)     | ok Err(refused)       | ok ok Err(refused)
    fails one        | blocking       | run    | Err(refused)          | ok Err(refused)       | ok ok Err(refused)     | ok Err(refused)       | ok ok Err(refused)
    fails one        | Batch          | run    | Err(refused)          | ok Err(refused)       | ok ok Err(refused)     | ok Err(refused)       | ok ok Err(refused)
    fails one        | async Batch    | run    | Err(refused)          | ok Err(refused)       | ok ok Err(refused)     | ok Err(refused)       | ok ok Err(refused)
    fails one        | blocking Batch | run    | Err(refused)          | ok Err(refused)       | ok ok Err(refused)     | ok Err(refused)       | ok ok Err(refused)
    fails one        | fn             | error  | Failed(refused)       | ok Failed(refused)    | ok ok Failed(refused)  | ok Failed(refused)    | ok ok Failed(refused)
    fails one        | async fn       | error  | Failed(refused)       | ok Failed(refused)    | ok ok Failed(refused)  | ok Failed(refused)    | ok ok Failed(refused)
    fails one        | blocking       | error  | Failed(refused)       | ok Failed(refused)    | ok ok Failed(refused)  | ok Failed(refused)    | ok ok Failed(refused)
    fails one        | Batch          | error  | Failed(refused)       | ok Failed(refused)    | ok ok Failed(refused)  | ok Failed(refused)    | ok ok Failed(refused)
    fails one        | async Batch    | error  | Failed(refused)       | ok Failed(refused)    | ok ok Failed(refused)  | ok Failed(refused)    | ok ok Failed(refused)
    fails one        | blocking Batch | error  | Failed(refused)       | ok Failed(refused)    | ok ok Failed(refused)  | ok Failed(refused)    | ok ok Failed(refused)

    fails all        | fn             | run    | Err(refused)          | all Err(refused)      | all Err(refused)       | all Err(refused)      | all Err(refused)
    fails all        | async fn       | run    | Err(refused)          | all Err(refused)      | all Err(refused)       | all Err(refused)      | all Err(refused)
    fails all        | blocking       | run    | Err(refused)          | all Err(refused)      | all Err(refused)       | all Err(refused)      | all Err(refused)
    fails all        | Batch          | run    | Err(refused)          | all Err(refused)      | all Err(refused)       | all Err(refused)      | all Err(refused)
    fails all        | async Batch    | run    | Err(refused)          | all Err(refused)      | all Err(refused)       | all Err(refused)      | all Err(refused)
    fails all        | blocking Batch | run    | Err(refused)          | all Err(refused)      | all Err(refused)       | all Err(refused)      | all Err(refused)
    fails all        | fn             | error  | Failed(refused)       | all Failed(refused)   | all Failed(refused)    | all Failed(refused)   | all Failed(refused)
    fails all        | async fn       | error  | Failed(refused)       | all Failed(refused)   | all Failed(refused)    | all Failed(refused)   | all Failed(refused)
    fails all        | blocking       | error  | Failed(refused)       | all Failed(refused)   | all Failed(refused)    | all Failed(refused)   | all Failed(refused)
    fails all        | Batch          | error  | Failed(refused)       | all Failed(refused)   | all Failed(refused)    | all Failed(refused)   | all Failed(refused)
    fails all        | async Batch    | error  | Failed(refused)       | all Failed(refused)   | all Failed(refused)    | all Failed(refused)   | all Failed(refused)
    fails all        | blocking Batch | error  | Failed(refused)       | all Failed(refused)   | all Failed(refused)    | all Failed(refused)   | all Failed(refused)

    retries once     | fn             | run    | ok                    | all ok                | all ok                 | all ok                | all ok
    retries once     | async fn       | run    | ok                    | all ok                | all ok                 | all ok                | all ok
    retries once     | blocking       | run    | ok                    | all ok                | all ok                 | all ok                | all ok
    retries once     | Batch          | run    | ok                    | all ok                | all ok                 | all ok                | all ok
    retries once     | async Batch    | run    | ok                    | all ok                | all ok                 | all ok                | all ok
    retries once     | blocking Batch | run    | ok                    | all ok                | all ok                 | all ok                | all ok
    retries once     | fn             | error  | ok                    | all ok                | all ok                 | all ok                | all ok
    retries once     | async fn       | error  | ok                    | all ok                | all ok                 | all ok                | all ok
    retries once     | blocking       | error  | ok                    | all ok                | all ok                 | all ok                | all ok
    retries once     | Batch          | error  | ok                    | all ok                | all ok                 | all ok                | all ok
    retries once     | async Batch    | error  | ok                    | all ok                | all ok                 | all ok                | all ok
    retries once     | blocking Batch | error  | ok                    | all ok                | all ok                 | all ok                | all ok

    retries for ever | fn             | run    | Err(busy)             | ok Err(busy)          | ok ok Err(busy)        | ok Err(busy)          | ok ok Err(busy)
    retries for ever | async fn       | run    | Err(busy)             | ok Err(busy)          | ok ok Err(busy)        | ok Err(busy)          | ok ok Err(busy)
    retries for ever | blocking       | run    | Err(busy)             | ok Err(busy)          | ok ok Err(busy)        | ok Err(busy)          | ok ok Err(busy)
    retries for ever | Batch          | run    | run: RetriesExhausted | run: RetriesExhausted | run: RetriesExhausted  | run: RetriesExhausted | run: RetriesExhausted
    retries for ever | async Batch    | run    | run: RetriesExhausted | run: RetriesExhausted | run: RetriesExhausted  | run: RetriesExhausted | run: RetriesExhausted
    retries for ever | blocking Batch | run    | run: RetriesExhausted | run: RetriesExhausted | run: RetriesExhausted  | run: RetriesExhausted | run: RetriesExhausted
    retries for ever | fn             | error  | Failed(busy)          | ok Failed(busy)       | ok ok Failed(busy)     | ok Failed(busy)       | ok ok Failed(busy)
    retries for ever | async fn       | error  | Failed(busy)          | ok Failed(busy)       | ok ok Failed(busy)     | ok Failed(busy)       | ok ok Failed(busy)
    retries for ever | blocking       | error  | Failed(busy)          | ok Failed(busy)       | ok ok Failed(busy)     | ok Failed(busy)       | ok ok Failed(busy)
    retries for ever | Batch          | error  | RetriesExhausted      | ok RetriesExhausted   | ok ok RetriesExhausted | ok RetriesExhausted   | ok ok RetriesExhausted
    retries for ever | async Batch    | error  | RetriesExhausted      | ok RetriesExhausted   | ok ok RetriesExhausted | ok RetriesExhausted   | ok ok RetriesExhausted
    retries for ever | blocking Batch | error  | RetriesExhausted      | ok RetriesExhausted   | ok ok RetriesExhausted | ok RetriesExhausted   | ok ok RetriesExhausted

    is slow          | fn             | run    | ok @10s               | all ok @10s           | all ok @10s            | all ok @10s           | all ok @10s
    is slow          | async fn       | run    | run: TimedOut @2s     | run: TimedOut @2s     | run: TimedOut @2s      | run: TimedOut @2s     | run: TimedOut @2s
    is slow          | blocking       | run    | run: TimedOut @2s     | run: TimedOut @2s     | run: TimedOut @2s      | run: TimedOut @2s     | run: TimedOut @2s
    is slow          | Batch          | run    | run: TimedOut @2s     | run: TimedOut @2s     | run: TimedOut @2s      | run: TimedOut @2s     | run: TimedOut @2s
    is slow          | async Batch    | run    | run: TimedOut @2s     | run: TimedOut @2s     | run: TimedOut @2s      | run: TimedOut @2s     | run: TimedOut @2s
    is slow          | blocking Batch | run    | run: TimedOut @2s     | run: TimedOut @2s     | run: TimedOut @2s      | run: TimedOut @2s     | run: TimedOut @2s
    is slow          | fn             | error  | ok @10s               | all ok @10s           | all ok @10s            | all ok @10s           | all ok @10s
    is slow          | async fn       | error  | TimedOut @2s          | all TimedOut @2s      | all TimedOut @2s       | all TimedOut @2s      | all TimedOut @2s
    is slow          | blocking       | error  | TimedOut @2s          | all TimedOut @2s      | all TimedOut @2s       | all TimedOut @2s      | all TimedOut @2s
    is slow          | Batch          | error  | TimedOut @2s          | ok TimedOut @2s       | ok ok TimedOut @2s     | ok TimedOut @2s       | ok ok TimedOut @2s
    is slow          | async Batch    | error  | TimedOut @2s          | ok TimedOut @2s       | ok ok TimedOut @2s     | ok TimedOut @2s       | ok ok TimedOut @2s
    is slow          | blocking Batch | error  | TimedOut @2s          | ok TimedOut @2s       | ok ok TimedOut @2s     | ok TimedOut @2s       | ok ok TimedOut @2s

    panics before    | fn             | run    | panic                 | panic                 | panic                  | panic                 | panic
    panics before    | async fn       | run    | panic                 | panic                 | panic                  | panic                 | panic
    panics before    | blocking       | run    | panic                 | panic                 | panic                  | panic                 | panic
    panics before    | Batch          | run    | panic                 | panic                 | panic                  | panic                 | panic
    panics before    | async Batch    | run    | panic                 | panic                 | panic                  | panic                 | panic
    panics before    | blocking Batch | run    | panic                 | panic                 | panic                  | panic                 | panic
    panics before    | fn             | error  | Panicked              | all Panicked          | all Panicked           | all Panicked          | all Panicked
    panics before    | async fn       | error  | Panicked              | all Panicked          | all Panicked           | all Panicked          | all Panicked
    panics before    | blocking       | error  | Panicked              | all Panicked          | all Panicked           | all Panicked          | all Panicked
    panics before    | Batch          | error  | Panicked              | all Panicked          | all Panicked           | all Panicked          | all Panicked
    panics before    | async Batch    | error  | Panicked              | all Panicked          | all Panicked           | all Panicked          | all Panicked
    panics before    | blocking Batch | error  | Panicked              | all Panicked          | all Panicked           | all Panicked          | all Panicked

    panics half-way  | fn             | run    | panic                 | panic                 | panic                  | panic                 | panic
    panics half-way  | async fn       | run    | panic                 | panic                 | panic                  | panic                 | panic
    panics half-way  | blocking       | run    | panic                 | panic                 | panic                  | panic                 | panic
    panics half-way  | Batch          | run    | panic                 | panic                 | panic                  | panic                 | panic
    panics half-way  | async Batch    | run    | panic                 | panic                 | panic                  | panic                 | panic
    panics half-way  | blocking Batch | run    | panic                 | panic                 | panic                  | panic                 | panic
    panics half-way  | fn             | error  | Panicked              | all Panicked          | all Panicked           | all Panicked          | all Panicked
    panics half-way  | async fn       | error  | Panicked              | all Panicked          | all Panicked           | all Panicked          | all Panicked
    panics half-way  | blocking       | error  | Panicked              | all Panicked          | all Panicked           | all Panicked          | all Panicked
    panics half-way  | Batch          | error  | Panicked              | ok Panicked           | ok ok Panicked         | ok Panicked           | ok ok Panicked
    panics half-way  | async Batch    | error  | Panicked              | ok Panicked           | ok ok Panicked         | ok Panicked           | ok ok Panicked
    panics half-way  | blocking Batch | error  | Panicked              | ok Panicked           | ok ok Panicked         | ok Panicked           | ok ok Panicked
";

/// The scenarios, in the order of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scenario {
    Answers,
    WrongCount,
    DropsASlot,
    FailsOne,
    FailsAll,
    RetriesOnce,
    RetriesForEver,
    IsSlow,
    PanicsBefore,
    PanicsHalfWay,
}

const SCENARIOS: [(Scenario, &str); 10] = [
    (Scenario::Answers, "answers"),
    (Scenario::WrongCount, "wrong count"),
    (Scenario::DropsASlot, "drops a slot"),
    (Scenario::FailsOne, "fails one"),
    (Scenario::FailsAll, "fails all"),
    (Scenario::RetriesOnce, "retries once"),
    (Scenario::RetriesForEver, "retries for ever"),
    (Scenario::IsSlow, "is slow"),
    (Scenario::PanicsBefore, "panics before"),
    (Scenario::PanicsHalfWay, "panics half-way"),
];

/// In which way batches are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    InPlace,
    Async,
    Blocking,
    Slots,
    AsyncSlots,
    BlockingSlots,
}

const WAYS: [(Way, &str); 6] = [
    (Way::InPlace, "fn"),
    (Way::Async, "async fn"),
    (Way::Blocking, "blocking"),
    (Way::Slots, "Batch"),
    (Way::AsyncSlots, "async Batch"),
    (Way::BlockingSlots, "blocking Batch"),
];

impl Way {
    fn has_slots(self) -> bool {
        matches!(self, Way::Slots | Way::AsyncSlots | Way::BlockingSlots)
    }

    fn is_on_a_pool(self) -> bool {
        matches!(self, Way::Blocking | Way::BlockingSlots)
    }
}

/// What trouble with a batch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Faults {
    Run,
    Error,
}

const FAULTS: [(Faults, &str); 2] = [(Faults::Run, "run"), (Faults::Error, "error")];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ask {
    One,
    Two,
    Many,
    Join,
    All,
}

const ASKS: [(Ask, &str); 5] = [
    (Ask::One, "io!"),
    (Ask::Two, "io!(a, b)"),
    (Ask::Many, "io_all!"),
    (Ask::Join, "join!"),
    (Ask::All, "all!"),
];

impl Ask {
    fn requests(self) -> usize {
        match self {
            Ask::One => 1,
            Ask::Two | Ask::Join => 2,
            Ask::Many | Ask::All => 3,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    scenario: Scenario,
    way: Way,
    faults: Faults,
    ask: Ask,
}

/// The cells with what is expected of them. Every combination must be there, at its place: a row
/// that is missing is not a combination that is skipped.
fn table() -> Vec<(Cell, &'static str)> {
    let mut rows = TABLE
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| line.split('|').map(str::trim).collect::<Vec<_>>());
    let headings: Vec<&str> =
        ["scenario", "way", "faults"].into_iter().chain(ASKS.map(|(_, name)| name)).collect();
    assert_eq!(rows.next().unwrap(), headings);
    let mut cells = Vec::new();
    for (scenario, scenario_name) in SCENARIOS {
        for (faults, faults_name) in FAULTS {
            for (way, way_name) in WAYS {
                let row = rows
                    .next()
                    .unwrap_or_else(|| panic!("no row for {scenario:?}, {way:?}, {faults:?}"));
                assert_eq!(row[..3], [scenario_name, way_name, faults_name]);
                let expected = match row[3..] {
                    [why] => {
                        assert!(why.starts_with("n/a: "), "one cell for all says why: {row:?}");
                        [why; 5]
                    }
                    [a, b, c, d, e] => [a, b, c, d, e],
                    _ => panic!("five cells, or why there are none: {row:?}"),
                };
                cells.extend(
                    ASKS.into_iter().zip(expected).map(|((ask, _), expected)| {
                        (Cell { scenario, way, faults, ask }, expected)
                    }),
                );
            }
        }
    }
    assert_eq!(rows.next(), None, "a row too many");
    cells
}

#[test]
fn the_table_is_whole() {
    let cells = table();
    let impossible = cells.iter().filter(|(_, expected)| expected.starts_with("n/a: ")).count();
    assert_eq!((cells.len(), impossible), (10 * 6 * 2 * 5, 6 * 2 * 5));
}

// ── keys, answers, errors: all counted ──

/// `support::Counts` for what crosses threads.
#[derive(Debug, Default)]
struct Tally {
    /// Built, dropped.
    counts: Mutex<(usize, usize)>,
    changed: Condvar,
}

#[derive(Debug)]
struct Token(Arc<Tally>);

impl Token {
    fn new(tally: &Arc<Tally>) -> Self {
        lock(&tally.counts).0 += 1;
        Token(tally.clone())
    }
}

impl Clone for Token {
    fn clone(&self) -> Self {
        Token::new(&self.0)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        lock(&self.0.counts).1 += 1;
        self.0.changed.notify_all();
    }
}

impl Tally {
    fn check(&self) {
        let (built, dropped) = *lock(&self.counts);
        assert!(built > 0);
        assert_eq!(built, dropped, "built, dropped");
    }

    /// A job of the pool drops what it has when it ends, which may be after its run.
    fn check_in_the_end(&self) {
        let counts = lock(&self.counts);
        drop(
            self.changed
                .wait_timeout_while(counts, NET, |(built, dropped)| built != dropped)
                .unwrap(),
        );
        self.check();
    }
}

/// Long enough for the slowest machine: nothing takes it unless something is wrong.
const NET: Duration = Duration::from_secs(60);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone)]
struct Key {
    number: u64,
    /// The one that the scenario picks out.
    picked: bool,
    token: Token,
}

struct Answer {
    of: u64,
    _token: Token,
}

/// The error of the dispatchers.
#[derive(Clone, Debug)]
struct Refused {
    why: &'static str,
    /// Absent for the error of a whole batch.
    of: Option<u64>,
    _token: Token,
}

impl Refused {
    fn is_busy(&self) -> bool {
        self.why == "busy"
    }
}

impl Key {
    fn answer(&self) -> Answer {
        Answer { of: self.number, _token: self.token.clone() }
    }

    fn refused(&self, why: &'static str) -> Refused {
        Refused { why, of: Some(self.number), _token: self.token.clone() }
    }
}

// ── what dispatchers do ──

/// How often a request is sent at most, by the option `retry` of every dispatcher here.
const ATTEMPTS: usize = 3;
const SLOW: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(2);
const BOOM: &str = "the boom of the dispatcher";

/// Panics without the hook's message: it would be printed for each.
fn boom() -> ! {
    resume_unwind(Box::new(BOOM.to_string()))
}

#[derive(Context)]
struct Lab {
    script: Arc<Script>,
}

/// What the dispatchers are to do, and what they have done.
struct Script {
    scenario: Scenario,
    clock: VirtualClock,
    /// What the scenario says was done, and not only answered.
    acted: AtomicBool,
    /// The number of keys of each batch, and how often each key was sent.
    batches: Mutex<Vec<usize>>,
    sent: Mutex<HashMap<u64, usize>>,
    /// Slots that nobody answers in time.
    held: Mutex<Vec<Slot<Key, Result<Answer, Refused>>>>,
    gate: Gate,
    tally: Arc<Tally>,
}

impl Script {
    fn new(scenario: Scenario) -> Self {
        Script {
            scenario,
            clock: VirtualClock::new(),
            acted: AtomicBool::new(false),
            batches: Mutex::default(),
            sent: Mutex::default(),
            held: Mutex::default(),
            gate: Gate::default(),
            tally: Arc::default(),
        }
    }

    fn act(&self) {
        self.acted.store(true, Ordering::Relaxed);
    }

    /// A batch is there.
    fn receive<'a>(&self, keys: impl Iterator<Item = &'a Key>) {
        let mut received = 0;
        for key in keys {
            received += 1;
            let mut sent = lock(&self.sent);
            let times = sent.entry(key.number).or_default();
            *times += 1;
            assert!(*times <= 10 * ATTEMPTS, "the budget must end it");
        }
        lock(&self.batches).push(received);
        if self.scenario == Scenario::PanicsBefore {
            self.act();
            boom();
        }
    }

    fn is_sent_first(&self, key: &Key) -> bool {
        lock(&self.sent)[&key.number] == 1
    }

    /// What a function answers to a key; nothing is one answer too few. What a function can't do it
    /// doesn't.
    fn answer(&self, key: &Key) -> Option<Result<Answer, Refused>> {
        let answer = match self.scenario {
            Scenario::WrongCount if key.picked => None,
            Scenario::FailsOne if key.picked => Some(Err(key.refused("refused"))),
            Scenario::RetriesOnce if key.picked && self.is_sent_first(key) => {
                Some(Err(key.refused("busy")))
            }
            Scenario::RetriesForEver if key.picked => Some(Err(key.refused("busy"))),
            Scenario::PanicsHalfWay if key.picked => {
                self.act();
                boom()
            }
            _ => return Some(Ok(key.answer())),
        };
        self.act();
        answer
    }

    /// What happens to a slot; what can't happen to one doesn't.
    fn answer_slot(&self, slot: Slot<Key, Result<Answer, Refused>>) {
        let key = slot.key().clone();
        match self.scenario {
            Scenario::DropsASlot if key.picked => drop(slot),
            Scenario::FailsOne if key.picked => slot.fail(key.refused("refused")),
            Scenario::FailsAll => slot.fail(key.refused("refused")),
            Scenario::RetriesOnce if key.picked && self.is_sent_first(&key) => slot.retry(),
            Scenario::RetriesForEver if key.picked => slot.retry(),
            Scenario::IsSlow if key.picked => {
                lock(&self.held).push(slot);
                self.gate.reach();
            }
            Scenario::PanicsHalfWay if key.picked => {
                self.act();
                boom()
            }
            _ => return slot.answer(Ok(key.answer())),
        }
        self.act();
    }

    /// Lets go of what was slow, too late: it is answered now.
    fn let_go(&self) {
        self.gate.open();
        for slot in mem::take(&mut *lock(&self.held)) {
            slot.answer_with(|key| Ok(key.answer()));
        }
    }
}

/// Where a slow job waits until the test lets it go.
#[derive(Default)]
struct Gate {
    /// Somebody is there; it is open.
    state: Mutex<(bool, bool)>,
    changed: Condvar,
}

impl Gate {
    fn reach(&self) {
        lock(&self.state).0 = true;
        self.changed.notify_all();
    }

    fn pass(&self) {
        self.reach();
        drop(self.changed.wait_timeout_while(lock(&self.state), NET, |(_, open)| !*open).unwrap());
    }

    fn wait_for_somebody(&self) {
        drop(
            self.changed.wait_timeout_while(lock(&self.state), NET, |(there, _)| !*there).unwrap(),
        );
    }

    fn close(&self) {
        *lock(&self.state) = (false, false);
    }

    fn open(&self) {
        lock(&self.state).1 = true;
        self.changed.notify_all();
    }
}

/// Time does not move on before the job is at the gate: a virtual clock knows nothing of threads,
/// and the job is to be under way when its time is over.
struct ClockAtTheGate(Arc<Script>);

impl Clock for ClockAtTheGate {
    fn now(&self) -> Duration {
        self.0.clock.now()
    }

    fn sleep_until(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.0.clock.sleep_until(time)
    }

    fn idle(&self) {
        self.0.gate.wait_for_somebody();
        self.0.clock.idle();
    }
}

// ── the dispatchers ──

/// The dispatchers of one way. `each` may go wrong for one request, `all` for all of them, and
/// `slow` takes its time.
macro_rules! functions {
    ($module:ident, [$($faults:tt)*] [$($asyncness:ident)?] [$($blocking:tt)*] [$($limit:tt)*], |$script:ident| between: $between:expr, slowly: $slowly:expr) => {
        mod $module {
            use super::*;

            #[corio::dispatcher(retry(attempts = 3, when = Refused::is_busy), $($blocking)* $($faults)*)]
            pub(super) $($asyncness)? fn each($script: &Arc<Script>, keys: Vec<Key>, answers: &mut Vec<Result<Answer, Refused>>) {
                $script.receive(keys.iter());
                for key in &keys {
                    $between;
                    answers.extend($script.answer(key));
                }
            }

            #[corio::dispatcher($($blocking)* $($faults)*)]
            pub(super) $($asyncness)? fn all($script: &Arc<Script>, keys: &[Key]) -> Result<Vec<Answer>, Refused> {
                $script.receive(keys.iter());
                $between;
                $script.act();
                Err(Refused { why: "refused", of: None, _token: Token::new(&$script.tally) })
            }

            #[corio::dispatcher($($blocking)* $($limit)* $($faults)*)]
            pub(super) $($asyncness)? fn slow($script: &Arc<Script>, keys: &[Key]) -> Vec<Result<Answer, Refused>> {
                $script.receive(keys.iter());
                $script.act();
                $slowly;
                keys.iter().map(|key| Ok(key.answer())).collect()
            }
        }
    };
}

/// The same for slots: one dispatcher, whose slots do what the scenario says.
macro_rules! slots {
    ($module:ident, [$($faults:tt)*] [$($asyncness:ident)?] [$($blocking:tt)*], between: $between:expr) => {
        mod $module {
            use super::*;

            #[corio::dispatcher(retry(attempts = 3), timeout = "2s", $($blocking)* $($faults)*)]
            pub(super) $($asyncness)? fn each(script: &Arc<Script>, batch: Batch<Key, Result<Answer, Refused>>) {
                script.receive(batch.keys());
                for slot in batch {
                    $between;
                    script.answer_slot(slot);
                }
            }

            pub(super) use each as all;
            pub(super) use each as slow;
        }
    };
}

/// Each way with either kind of faults.
macro_rules! ways {
    ($([$($faults:tt)*]: $in_place:ident, $async:ident, $blocking:ident, $slots:ident, $async_slots:ident, $blocking_slots:ident;)*) => {
        $(
            functions!($in_place, [$($faults)*] [] [] [], |script| between: (), slowly: script.clock.advance(SLOW));
            functions!($async, [$($faults)*] [async] [] [timeout = "2s",], |script| between: yield_now().await, slowly: script.clock.sleep(SLOW).await);
            functions!($blocking, [$($faults)*] [] [blocking,] [timeout = "2s",], |script| between: (), slowly: script.gate.pass());
            slots!($slots, [$($faults)*] [] [], between: ());
            slots!($async_slots, [$($faults)*] [async] [], between: yield_now().await);
            slots!($blocking_slots, [$($faults)*] [] [blocking,], between: ());
        )*
    };
}

ways! {
    [faults = "run"]: in_place, asynchronous, blocking, slots, asynchronous_slots, blocking_slots;
    [faults = "error"]: in_place_errors, asynchronous_errors, blocking_errors, slots_errors, asynchronous_slots_errors, blocking_slots_errors;
}

// ── asking ──

#[corio::task(Lab)]
fn asks<R: Dispatch<Lab>>(request: R, locals: Counts) -> R::Answer {
    let _local = locals.one();
    io!(request)
}

/// Asks for each key, in order; gives what it got.
#[corio::task(Lab)]
fn program<R: Dispatch<Lab>>(
    ask: Ask,
    request: fn(Key) -> R,
    keys: Vec<Key>,
    locals: Counts,
) -> Vec<R::Answer> {
    let _local = locals.one();
    let mut requests = keys.into_iter().map(request);
    let mut next = || requests.next().unwrap();
    match ask {
        Ask::One => vec![io!(next())],
        Ask::Two => {
            let (a, b) = io!(next(), next());
            vec![a, b]
        }
        Ask::Many => io_all!(requests),
        Ask::Join => {
            let (a, b) = join!(next(), asks(next(), locals.clone()));
            vec![a, b]
        }
        Ask::All => all!(requests.map(|request| asks(request, locals.clone()))),
    }
}

// ── a cell ──

/// The same beside a task that has nothing to do with it.
#[corio::task(Lab)]
fn program_and_bystander<R: Dispatch<Lab>>(
    ask: Ask,
    request: fn(Key) -> R,
    keys: Vec<Key>,
    locals: Counts,
) -> Vec<R::Answer> {
    let (answers, ten) = join!(program(ask, request, keys, locals), healthy());
    assert_eq!(ten, 10, "the bystander");
    answers
}

/// Who turns the run.
#[derive(Clone, Copy)]
enum Driver {
    Run,
    Smol,
    /// One task a poll, which changes nothing.
    Tokio,
}

impl Driver {
    fn run<T: SendTask<Lab>>(
        self,
        schedule: &mut Schedule<Lab>,
        task: T,
    ) -> Result<T::Output, Error> {
        match self {
            Driver::Run => schedule.run(task),
            Driver::Smol => smol::block_on(schedule.run_async(task)),
            Driver::Tokio => tokio::runtime::Builder::new_current_thread()
                .build()
                .unwrap()
                .block_on(schedule.run_async(task)),
        }
    }
}

/// What a request gets, in the words of the table.
trait Outcome {
    fn word(&self, asked: u64, cell: &Cell) -> String;
}

impl Outcome for Result<Answer, Refused> {
    fn word(&self, asked: u64, _: &Cell) -> String {
        match self {
            Ok(answer) => word_of_answer(answer, asked),
            Err(refused) => format!("Err({})", word_of_refused(refused, asked)),
        }
    }
}

impl Outcome for Result<Answer, RequestError<Refused>> {
    fn word(&self, asked: u64, cell: &Cell) -> String {
        match self {
            Ok(answer) => word_of_answer(answer, asked),
            Err(RequestError::Failed(refused)) => {
                format!("Failed({})", word_of_refused(refused, asked))
            }
            Err(fault) => word_of_fault(fault, cell),
        }
    }
}

fn word_of_answer(answer: &Answer, asked: u64) -> String {
    if answer.of == asked {
        "ok".into()
    } else {
        format!("the answer to {} for {asked}", answer.of)
    }
}

fn word_of_refused(refused: &Refused, asked: u64) -> String {
    if refused.of.is_none_or(|of| of == asked) {
        refused.why.into()
    } else {
        format!("{} of {:?} for {asked}", refused.why, refused.of)
    }
}

/// The name of the fault, if the rest of it is right.
fn word_of_fault<E: Debug>(fault: &RequestError<E>, cell: &Cell) -> String {
    let asked = cell.ask.requests();
    // All slots but one are answered at once.
    let late = if cell.way.has_slots() { 1 } else { asked };
    let limited = if cell.way.has_slots() { "each" } else { "slow" };
    match fault {
        RequestError::WrongCount { dispatcher: "each", requests, answers, key: None, .. }
            if (*requests, *answers) == (asked, asked - 1) =>
        {
            "WrongCount".into()
        }
        RequestError::Unanswered { dispatcher: "each", position, requests, key: None, .. }
            if (*position, *requests) == (asked - 1, asked) =>
        {
            "Unanswered".into()
        }
        RequestError::TimedOut { dispatcher, requests, limit: LIMIT, .. }
            if (*dispatcher, *requests) == (limited, late) =>
        {
            "TimedOut".into()
        }
        RequestError::RetriesExhausted { dispatcher: "each", attempts, key: None, .. }
            if *attempts as usize == ATTEMPTS =>
        {
            "RetriesExhausted".into()
        }
        RequestError::Panicked { dispatcher: "each", message, .. } if message == BOOM => {
            "Panicked".into()
        }
        wrong => format!("{wrong:?}"),
    }
}

fn in_short(mut words: Vec<String>) -> String {
    if words.len() > 1 && words.iter().all(|word| *word == words[0]) {
        format!("all {}", words.swap_remove(0))
    } else {
        words.join(" ")
    }
}

/// Runs a cell, checks what holds in each, and gives what came of it in the words of the table; and
/// whether its dispatcher could do what the scenario says.
fn try_out<R>(cell: &Cell, request: fn(Key) -> R, driver: Driver) -> (String, bool)
where
    R: Dispatch<Lab, Key: Send, Answer: Outcome + Send> + Send,
{
    let script = Arc::new(Script::new(cell.scenario));
    let mut schedule = Schedule::new(Lab { script: script.clone() });
    schedule = match (cell.way.is_on_a_pool(), cell.scenario) {
        (true, Scenario::IsSlow) => {
            schedule.clock(ClockAtTheGate(script.clone())).timeout(Duration::from_secs(3600))
        }
        // Virtual time would jump to the deadline while a thread works.
        (true, _) => schedule.timeout(NET),
        _ => schedule.clock(script.clock.clone()).timeout(Duration::from_secs(3600)),
    };
    if let Driver::Tokio = driver {
        schedule = schedule.yield_every(1);
    }
    let outcomes =
        [100, 200].map(|first| run_once(cell, request, driver, &script, &mut schedule, first));
    assert_eq!(outcomes[0], outcomes[1], "the same happens once more");
    let [outcome, _] = outcomes;
    (outcome, script.acted.load(Ordering::Relaxed))
}

fn run_once<R>(
    cell: &Cell,
    request: fn(Key) -> R,
    driver: Driver,
    script: &Arc<Script>,
    schedule: &mut Schedule<Lab>,
    first: u64,
) -> String
where
    R: Dispatch<Lab, Key: Send, Answer: Outcome + Send> + Send,
{
    let requests = cell.ask.requests();
    let numbers: Vec<u64> = (first..).take(requests).collect();
    let keys = numbers
        .iter()
        .enumerate()
        .map(|(at, number)| Key {
            number: *number,
            picked: at + 1 == requests,
            token: Token::new(&script.tally),
        })
        .collect();
    script.gate.close();
    lock(&script.batches).clear();
    let locals = Counts::default();
    let before = script.clock.now();

    let ran = catch_unwind(AssertUnwindSafe(|| {
        driver.run(schedule, program_and_bystander(cell.ask, request, keys, locals.clone()))
    }));

    let took = script.clock.now() - before;
    locals.check();
    let mut outcome = match ran {
        Ok(Ok(answers)) => {
            assert_eq!(answers.len(), requests, "one outcome for each request");
            in_short(
                numbers
                    .iter()
                    .zip(&answers)
                    .map(|(number, answer)| answer.word(*number, cell))
                    .collect(),
            )
        }
        Ok(Err(Error::Batch(fault))) => format!("run: {}", word_of_fault(&fault, cell)),
        Ok(Err(error)) => format!("run: {error}"),
        Err(payload) => {
            assert_eq!(message_of(&*payload), BOOM);
            "panic".into()
        }
    };
    if !took.is_zero() {
        outcome += &format!(" @{took:?}");
    }
    assert_eq!(
        driver.run(schedule, healthy()),
        Ok(10),
        "the schedule works, while what was slow still goes on"
    );
    script.let_go();
    assert_eq!(driver.run(schedule, healthy()), Ok(10), "the schedule works after late answers");
    if cell.way.is_on_a_pool() {
        script.tally.check_in_the_end()
    } else {
        script.tally.check()
    }

    let sent: Vec<usize> = numbers.iter().map(|number| lock(&script.sent)[number]).collect();
    let mut expected = vec![1; requests];
    expected[requests - 1] = match cell.scenario {
        Scenario::RetriesOnce => 2,
        Scenario::RetriesForEver => ATTEMPTS,
        _ => 1,
    };
    assert_eq!(sent, expected, "how often each request was sent");
    let batches: Vec<usize> =
        [requests].into_iter().chain((1..expected[requests - 1]).map(|_| 1)).collect();
    assert_eq!(*lock(&script.batches), batches, "how many requests each batch had");
    outcome
}

fn message_of(payload: &(dyn Any + Send)) -> &str {
    match (payload.downcast_ref::<String>(), payload.downcast_ref::<&str>()) {
        (Some(message), _) => message,
        (_, Some(message)) => message,
        _ => "a payload that says nothing",
    }
}

/// Tries out a cell with the dispatcher that is for it.
fn outcome_of(cell: &Cell, driver: Driver) -> (String, bool) {
    macro_rules! with {
        ($module:ident) => {
            match cell.scenario {
                Scenario::FailsAll => try_out(cell, $module::all, driver),
                Scenario::IsSlow => try_out(cell, $module::slow, driver),
                _ => try_out(cell, $module::each, driver),
            }
        };
    }
    match (cell.faults, cell.way) {
        (Faults::Run, Way::InPlace) => with!(in_place),
        (Faults::Run, Way::Async) => with!(asynchronous),
        (Faults::Run, Way::Blocking) => with!(blocking),
        (Faults::Run, Way::Slots) => with!(slots),
        (Faults::Run, Way::AsyncSlots) => with!(asynchronous_slots),
        (Faults::Run, Way::BlockingSlots) => with!(blocking_slots),
        (Faults::Error, Way::InPlace) => with!(in_place_errors),
        (Faults::Error, Way::Async) => with!(asynchronous_errors),
        (Faults::Error, Way::Blocking) => with!(blocking_errors),
        (Faults::Error, Way::Slots) => with!(slots_errors),
        (Faults::Error, Way::AsyncSlots) => with!(asynchronous_slots_errors),
        (Faults::Error, Way::BlockingSlots) => with!(blocking_slots_errors),
    }
}

/// Tries out all cells of a kind of faults, and tells of all that are not as the table says.
#[track_caller]
fn check(faults: Faults, driver: Driver) {
    let mut wrong = Vec::new();
    let mut tried = 0;
    for (cell, expected) in table().into_iter().filter(|(cell, _)| cell.faults == faults) {
        let found = catch_unwind(|| outcome_of(&cell, driver))
            .unwrap_or_else(|payload| (format!("a failed check: {}", message_of(&*payload)), true));
        let (outcome, acts) = match expected.starts_with("n/a: ") {
            true => (if cell.ask.requests() == 1 { "ok" } else { "all ok" }, false),
            false => (expected, cell.scenario != Scenario::Answers),
        };
        if found != (outcome.into(), acts) {
            wrong.push(format!("{cell:?}\n    expected {expected}\n    found    {}; the dispatcher did what the scenario says: {}", found.0, found.1));
        }
        tried += 1;
    }
    assert_eq!(tried, 10 * 6 * 5, "no cell is skipped");
    assert!(wrong.is_empty(), "{} cells are wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn faults_end_the_run() {
    check(Faults::Run, Driver::Run);
}

#[test]
fn faults_are_errors() {
    check(Faults::Error, Driver::Run);
}

#[test]
fn faults_end_an_asynchronous_run_on_smol() {
    check(Faults::Run, Driver::Smol);
}

#[test]
fn faults_are_errors_in_an_asynchronous_run_on_smol() {
    check(Faults::Error, Driver::Smol);
}

#[test]
fn faults_end_an_asynchronous_run_on_tokio() {
    check(Faults::Run, Driver::Tokio);
}

#[test]
fn faults_are_errors_in_an_asynchronous_run_on_tokio() {
    check(Faults::Error, Driver::Tokio);
}
