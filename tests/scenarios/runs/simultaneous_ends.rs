//! Everything that can end a wait, several at one instant: the same one counts everywhere, as the
//! table at `Schedule::deadline` says.

use std::fmt::Write;
use std::future::pending;
use std::mem;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use corio::testing::VirtualClock;
use corio::{CancellationToken, Elapsed, Error, RequestError, Schedule};
use expect_test::expect;

/// When it all happens.
const INSTANT: Duration = Duration::from_millis(10);

#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Answer,
    /// `timeout = ".."` of its dispatcher.
    LimitOfTheBatch,
    /// `timeout!` around the request, and one around that.
    Timeout,
    OuterTimeout,
    Deadline,
    Cancel,
    /// Another task fails, and this one is dropped.
    Drop,
}

use End::*;

const ENDS: [End; 7] = [Answer, LimitOfTheBatch, Timeout, OuterTimeout, Deadline, Cancel, Drop];

#[derive(Clone, Copy)]
struct Ends(u32);

impl Ends {
    fn has(self, end: End) -> bool {
        self.0 & 1 << end as u32 != 0
    }

    /// A limit, if it is one of them.
    fn limit(self, end: End) -> Duration {
        if self.has(end) { INSTANT } else { Duration::MAX }
    }

    fn names(self) -> String {
        ENDS.iter()
            .filter(|end| self.has(**end))
            .map(|end| format!("{end:?}"))
            .collect::<Vec<_>>()
            .join(" + ")
    }
}

#[derive(corio::Context)]
struct Lab {
    clock: VirtualClock,
    token: CancellationToken,
    ends: Ends,
    log: Log,
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

#[corio::dispatcher(faults = "error")]
async fn asked(clock: &VirtualClock, ends: &Ends, keys: &[u64]) -> Vec<u64> {
    if !ends.has(Answer) {
        pending().await
    }
    clock.sleep(INSTANT).await;
    keys.to_vec()
}

#[corio::dispatcher]
async fn cancels(
    clock: &VirtualClock,
    token: &CancellationToken,
    ends: &Ends,
    keys: &[()],
) -> Vec<()> {
    if ends.has(Cancel) {
        clock.sleep(INSTANT).await;
        token.cancel();
    }
    keys.to_vec()
}

#[corio::dispatcher]
async fn fails(clock: &VirtualClock, ends: &Ends, keys: &[()]) -> Vec<Result<(), ()>> {
    if ends.has(Drop) {
        clock.sleep(INSTANT).await;
    }
    keys.iter().map(|()| if ends.has(Drop) { Err(()) } else { Ok(()) }).collect()
}

#[corio::task]
fn nothing() {}

/// Asks so many children below.
#[corio::task(Lab)]
fn below(levels: usize) -> Result<u64, RequestError> {
    if levels == 0 {
        return io!(asked(7));
    }
    let (answer, ()) = join!(corio::boxed(below(levels - 1)), nothing());
    answer
}

#[corio::task(Lab)]
fn inner(levels: usize) -> Result<Result<u64, RequestError>, Elapsed> {
    timeout!(context!().ends.limit(Timeout), below(levels))
}

#[corio::task(Lab)]
fn victim(levels: usize) -> Result<(), ()> {
    let heard = match timeout!(context!().ends.limit(OuterTimeout), inner(levels)) {
        Ok(Ok(Ok(_))) => Answer,
        Ok(Ok(Err(_))) => LimitOfTheBatch,
        Ok(Err(_)) => Timeout,
        Err(_) => OuterTimeout,
    };
    write!(context!().log.0.lock().unwrap(), "{heard:?}, ").unwrap();
    Ok(())
}

#[corio::task(Lab)]
fn program(levels: usize) -> Result<(), ()> {
    spawn!(cancels(()));
    if context!().ends.has(Drop) {
        try_join!(victim(levels), fails(())).map(|_| ())
    } else {
        call!(victim(levels))
    }
}

/// What the one who waits hears, and how the run ends.
fn run(ends: Ends, is_async: bool, levels: usize) -> String {
    let (clock, token, log) = (VirtualClock::new(), CancellationToken::new(), Log::default());
    let mut schedule =
        Schedule::new(Lab { clock: clock.clone(), token: token.clone(), ends, log: log.clone() })
            .clock(clock.clone())
            .cancel_on(&token)
            .timeout(ends.limit(Deadline))
            .yield_every(1)
            .options(asked, |options| options.timeout(ends.limit(LimitOfTheBatch)));
    let result = if is_async {
        smol::block_on(schedule.run_async(program(levels)))
    } else {
        schedule.run(program(levels))
    };
    assert_eq!(clock.now(), INSTANT);
    let ending = match result {
        Ok(Ok(())) => "Ok".to_string(),
        Ok(Err(())) => format!("{Drop:?}"),
        Err(Error::TimedOut { .. }) => format!("{Deadline:?}"),
        Err(Error::Cancelled) => format!("{Cancel:?}"),
        Err(error) => error.to_string(),
    };
    mem::take(&mut *log.0.lock().unwrap()) + &ending
}

fn all() -> impl Iterator<Item = Ends> {
    (1..1 << ENDS.len()).map(Ends)
}

/// Lines of all of those, each as it is in both ways to run.
fn lines(of: impl Fn(Ends) -> bool) -> String {
    all().filter(|ends| of(*ends)).fold(String::new(), |text, ends| {
        let line = run(ends, false, 0);
        for (is_async, levels) in [(true, 0), (false, 1), (false, 3), (true, 3)] {
            assert_eq!(
                run(ends, is_async, levels),
                line,
                "{} is the same everywhere: asynchronous {is_async}, {levels} levels below",
                ends.names()
            );
        }
        text + &format!("{}: {line}\n", ends.names())
    })
}

#[test]
fn by_pairs() {
    let text = lines(|ends| ends.0.count_ones() <= 2);
    expect![[r#"
        Answer: Answer, Ok
        LimitOfTheBatch: LimitOfTheBatch, Ok
        Answer + LimitOfTheBatch: Answer, Ok
        Timeout: Timeout, Ok
        Answer + Timeout: Answer, Ok
        LimitOfTheBatch + Timeout: LimitOfTheBatch, Ok
        OuterTimeout: OuterTimeout, Ok
        Answer + OuterTimeout: Answer, Ok
        LimitOfTheBatch + OuterTimeout: LimitOfTheBatch, Ok
        Timeout + OuterTimeout: OuterTimeout, Ok
        Deadline: Deadline
        Answer + Deadline: Answer, Ok
        LimitOfTheBatch + Deadline: LimitOfTheBatch, Ok
        Timeout + Deadline: Timeout, Ok
        OuterTimeout + Deadline: OuterTimeout, Ok
        Cancel: Cancel
        Answer + Cancel: Cancel
        LimitOfTheBatch + Cancel: Cancel
        Timeout + Cancel: Cancel
        OuterTimeout + Cancel: Cancel
        Deadline + Cancel: Cancel
        Drop: Drop
        Answer + Drop: Drop
        LimitOfTheBatch + Drop: Drop
        Timeout + Drop: Drop
        OuterTimeout + Drop: Drop
        Deadline + Drop: Drop
        Cancel + Drop: Cancel
    "#]]
    .assert_eq(&text);
}

/// What comes first counts, whatever else there is.
const ORDER: [End; 7] = [Cancel, Drop, Answer, LimitOfTheBatch, OuterTimeout, Timeout, Deadline];

#[test]
fn any_number_of_them() {
    let differ = all().filter(|ends| {
        let first = ORDER.iter().find(|end| ends.has(**end)).expect("there is one");
        run(*ends, false, 1) != run(Ends(1 << *first as u32), false, 1)
    });
    assert_eq!(differ.map(Ends::names).collect::<Vec<_>>(), Vec::<String>::new());
}
