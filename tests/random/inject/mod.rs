//! A panic at each call of the user's code, one after the other, in a program that uses nearly
//! everything: keys and answers that are cloned, hashed, compared and dropped, iterators,
//! dispatchers of all forms with their callbacks, the context, the clock, the observer, tasks
//! themselves. Nothing may break: the schedule works afterwards, and each value is dropped once.
//! Most telling under AddressSanitizer.
//!
//! `CORIO_INJECT=n` panics at the n-th call alone, `CORIO_INJECT=all` at every one of them with and
//! without an observer, and at pairs: usual is a part of that.

mod calls;
mod dispatchers;
mod program;
mod values;

use std::future::{Future, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use calls::{Targets, call};
use corio::{Clock, Event, Schedule};
use dispatchers::{App, Db, forget_slots};
use values::Alive;

/// Whose code runs beside the tasks' and dispatchers'.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Plain,
    Observed,
}

/// Goes on by itself.
struct Ticking(AtomicU64);

impl Clock for Ticking {
    fn now(&self) -> Duration {
        call("clock");
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn sleep_until(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        call("clock");
        self.0.store(time.as_millis() as u64 + 1, Ordering::Relaxed);
        Box::pin(ready(()))
    }
}

/// Runs the program with a panic at these calls. Gives how many calls there were.
fn inject(form: Form, targets: Targets) -> u64 {
    values::begin();
    let context = App(Db(Alive::new("context")));
    let mut schedule = Schedule::new(&context).clock(Ticking(AtomicU64::new(0)));
    if form == Form::Observed {
        schedule = schedule.observe(|_: &Event<'_>| call("observer"));
    }
    calls::begin(targets);
    let ended = catch_unwind(AssertUnwindSafe(|| drop(schedule.run(program::program()))));
    let calls = calls::end();
    assert!(ended.is_ok() || targets != Targets::NONE, "it panics by itself");
    let again = catch_unwind(AssertUnwindSafe(|| schedule.run(program::healthy())));
    assert!(
        matches!(again, Ok(Ok(4))),
        "after {}, {form:?}, the schedule does not work: CORIO_INJECT={}",
        calls::injected(),
        targets.first()
    );
    forget_slots();
    drop(schedule);
    drop(context);
    let left = values::alive();
    assert!(
        left <= values::MOST_LEFT,
        "after {}, {form:?}, {left} values are left: CORIO_INJECT={}",
        calls::injected(),
        targets.first()
    );
    calls
}

#[test]
fn a_panic_anywhere_breaks_nothing() {
    let wish = std::env::var("CORIO_INJECT").ok();
    let all = wish.as_deref() == Some("all");
    if let Some(one) = wish.filter(|_| !all) {
        let one = one.parse().expect("CORIO_INJECT is the number of a call, or `all`");
        inject(Form::Plain, Targets::one(one));
        inject(Form::Observed, Targets::one(one));
        return;
    }
    for (form, step) in
        [(Form::Plain, if all { 1 } else { 3 }), (Form::Observed, if all { 1 } else { 7 })]
    {
        let calls = inject(form, Targets::NONE);
        assert!(calls > 500, "{calls} calls of the user's code prove little");
        for first in (1..=calls).step_by(if cfg!(miri) { 100 } else { step }) {
            inject(form, Targets::one(first));
        }
        // The second comes while all is dropped after the first, or in what goes on.
        for first in (1..=calls).step_by(if all { 1 } else { 11 }).filter(|_| !cfg!(miri)) {
            inject(form, Targets::two(first, first + 1 + first * 7 % 60));
        }
    }
}
