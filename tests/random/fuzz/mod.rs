//! Programs at random, of tasks written by hand and by macros, that do with the futures of a `Cx`
//! whatever safe code can: poll them out of turn, swap, drop and forget them, take them into runs
//! within, poll them and spawn in destructors. Children panic when they are dropped, runs are
//! dropped and forgotten half-way, answers come late. Every second program goes to another thread
//! at each poll of its run.
//!
//! Nothing is compared: there is no undefined behaviour. Whatever is given, kept or dropped looks
//! at its own memory (`filled`), and whoever finds another's ends the process; most telling under
//! AddressSanitizer. One schedule goes through all programs, so what one of them breaks the next
//! one meets.
//!
//! `CORIO_FUZZ=from..to` goes through those seeds instead of the usual ones.

mod by_hand;
mod dispatchers;
mod filled;
mod random;
mod tasks;

use std::cell::Cell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use corio::testing::VirtualClock;
use corio::{Error, Schedule};
use dispatchers::{forget_slots, now, take_slots};
use filled::Filled;
use random::{begin, random};
use support::poll;
use support::workers::Workers;

/// What takes some seconds in a debug build.
const SEEDS: Range<u64> = if cfg!(miri) { 0..20 } else { 0..4000 };
/// Polls that every program is over after.
const MOST_POLLS: u64 = 400;

thread_local! {
    /// The panics of a program are its own affair.
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

#[test]
fn whatever_safe_code_does_nobodys_memory_is_anothers() {
    // Stays for the rest of the process, and passes on what the threads of other tests panic with.
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !QUIET.get() {
            tell(panic)
        }
    }));
    let seeds = std::env::var("CORIO_FUZZ").map_or(SEEDS, |seeds| range(&seeds));
    let mut ends = Ends::default();
    let mut schedule = Schedule::new(()).clock(VirtualClock::new());
    let workers = Workers::default();
    for seed in seeds.clone() {
        QUIET.set(true);
        let end;
        (schedule, end) = program(schedule, seed, &workers);
        let still_works = catch_unwind(AssertUnwindSafe(|| {
            schedule.run(now(1)).is_ok_and(|filled| filled.is_whole())
        }));
        QUIET.set(false);
        assert!(still_works.unwrap_or(false), "the schedule does not work after seed {seed}");
        ends.count(end);
    }
    let (polled, spawned) = by_hand::used_in_destructors();
    println!("{ends:?}, in destructors {polled} polled and {spawned} spawned");
    let covered =
        [ends.ended, ends.panicked, ends.cut_short, ends.forgotten].iter().all(|count| *count > 0)
            && polled > 0
            && spawned > 0;
    assert!(
        covered || seeds != SEEDS || cfg!(miri),
        "programs in which nothing happens prove little: {ends:?}, {polled}, {spawned}"
    );
}

/// `from..to`
fn range(seeds: &str) -> Range<u64> {
    let ends =
        seeds.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    ends.expect("CORIO_FUZZ is a range of seeds, as in 0..1000000")
}

#[derive(Debug)]
enum End {
    Ended,
    Failed,
    CutShort,
    Forgotten,
    Panicked,
}

fn program(schedule: Schedule<()>, seed: u64, workers: &Workers) -> (Schedule<()>, End) {
    begin(seed);
    let is_moved = seed % 2 == 1;
    // One that stays lets nobody in, but while it waits.
    let mut schedule = schedule.yield_every(if is_moved { 3 } else { usize::MAX });
    let polls = if random(4) == 0 { random(6) } else { MOST_POLLS };
    let (schedule, end) = if is_moved {
        workers.lend(schedule, move |mut schedule| async move {
            let run = schedule.run_async(tasks::either::<15>(4));
            Driven { run: Some(run), polls }.await
        })
    } else {
        let end = catch_unwind(AssertUnwindSafe(|| {
            let run = schedule.run_local(tasks::either::<15>(4));
            let mut driven = Driven { run: Some(run), polls };
            loop {
                if let Poll::Ready(end) = poll(&mut driven) {
                    return end;
                }
            }
        }));
        (schedule, end)
    };
    forget_slots();
    (schedule, end.unwrap_or(End::Panicked))
}

/// A run that is polled so many times, and then dropped or forgotten. Between the polls slots are
/// answered.
struct Driven<R> {
    run: Option<R>,
    polls: u64,
}

impl<T, R: Future<Output = Result<T, Error>> + Unpin> Future for Driven<R> {
    type Output = End;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<End> {
        // Whatever thread this is.
        QUIET.set(true);
        let Driven { run, polls } = &mut *self;
        if *polls == 0 {
            if random(8) > 0 {
                return Poll::Ready(End::CutShort);
            }
            std::mem::forget(run.take());
            return Poll::Ready(End::Forgotten);
        }
        *polls -= 1;
        let run = run.as_mut().expect("it is there until it is forgotten");
        if let Poll::Ready(result) = Pin::new(run).poll(context) {
            return Poll::Ready(if result.is_ok() { End::Ended } else { End::Failed });
        }
        take_slots().into_iter().for_each(|slot| slot.answer(Filled::new()));
        // Also if it waits for what nobody will answer.
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[derive(Debug, Default)]
struct Ends {
    ended: u64,
    failed: u64,
    cut_short: u64,
    forgotten: u64,
    panicked: u64,
}

impl Ends {
    fn count(&mut self, end: End) {
        *match end {
            End::Ended => &mut self.ended,
            End::Failed => &mut self.failed,
            End::CutShort => &mut self.cut_short,
            End::Forgotten => &mut self.forgotten,
            End::Panicked => &mut self.panicked,
        } += 1;
    }
}
