//! What those who are gone leave behind in the queues of dispatchers: nothing. However many have
//! come and gone, those who wait cost and keep what they would alone.

use std::cell::RefCell;
use std::fmt::Write;
use std::hash::{Hash, Hasher};
use std::rc::Rc;
use std::time::Duration;

use corio::{Context, Schedule};
use expect_test::expect;
use support::timeline::Timeline;

/// So many come and go.
const MANY: u64 = 1000;

const MILLISECOND: Duration = Duration::from_millis(1);

/// Counts the keys and answers that are there, and how often answers were cloned.
#[derive(Clone, Default)]
struct Counts(Rc<RefCell<Counted>>);

#[derive(Default)]
struct Counted {
    keys: u64,
    clones: u64,
}

struct Key {
    number: u64,
    counts: Counts,
}

impl Counts {
    fn key(&self, number: u64) -> Key {
        self.0.borrow_mut().keys += 1;
        Key { number, counts: self.clone() }
    }

    fn keys(&self) -> u64 {
        self.0.borrow().keys
    }
}

impl Clone for Key {
    fn clone(&self) -> Self {
        self.counts.key(self.number)
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.counts.0.borrow_mut().keys -= 1;
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.number.hash(hasher);
    }
}

struct Answer(Counts);

impl Clone for Answer {
    fn clone(&self) -> Self {
        self.0.0.borrow_mut().clones += 1;
        Answer(self.0.clone())
    }
}

#[derive(Context, Default)]
struct App {
    timeline: Timeline,
    counts: Counts,
}

/// As a table: what was there in the end, by the way in which the requests waited.
#[derive(Default)]
struct Table(String);

impl Table {
    fn row(&mut self, way: &str, program: impl corio::Task<App, Output = u64>) {
        let app = App::default();
        let mut schedule = Schedule::new(&app).clock(app.timeline.clock.clone());
        let keys = schedule.run(program).unwrap();
        writeln!(self.0, "{way:<32} | {keys}").unwrap();
    }
}

// ── one stays, and many come and go ──

/// Takes 1000 s.
#[corio::dispatcher]
async fn slow(timeline: &Timeline, keys: &[Key]) -> Vec<u64> {
    timeline.sleep(1_000_000).await;
    keys.iter().map(|key| key.number).collect()
}

#[corio::dispatcher(dedup)]
async fn slow_shared(timeline: &Timeline, keys: &[Key]) -> Vec<u64> {
    timeline.sleep(1_000_000).await;
    keys.iter().map(|key| key.number).collect()
}

#[corio::dispatcher(group_by = |key| key.number % 2)]
async fn slow_in_groups(timeline: &Timeline, keys: &[Key]) -> Vec<u64> {
    timeline.sleep(1_000_000).await;
    keys.iter().map(|key| key.number).collect()
}

#[corio::dispatcher(ordered)]
async fn slow_in_order(timeline: &Timeline, keys: &[Key]) -> Vec<u64> {
    timeline.sleep(1_000_000).await;
    keys.iter().map(|key| key.number).collect()
}

#[corio::dispatcher(max_in_flight = 1000000)]
async fn slow_at_once(timeline: &Timeline, keys: &[Key]) -> Vec<u64> {
    timeline.sleep(1_000_000).await;
    keys.iter().map(|key| key.number).collect()
}

/// Has each request pause for 1000 s.
#[corio::dispatcher(retry(attempts = 9))]
fn pauses(batch: corio::Batch<Key, u64>) {
    batch.into_iter().for_each(|slot| slot.retry_after(1_000_000 * MILLISECOND));
}

/// One asks for key 0 and stays; many ask for others, each for a millisecond. How many keys are
/// there then?
macro_rules! come_and_go {
    ($name:ident, $ask:ident) => {
        #[corio::task(App)]
        fn $name() -> u64 {
            let App { timeline, counts } = context!();
            let staying = counts.key(0);
            let staying = task!(move {
                io!($ask(staying));
            });
            let coming_and_going = task! {
                io!(timeline.pause(1));
                for number in 0..MANY {
                    let _ = timeout!(MILLISECOND, $ask(counts.key(2 * number)));
                }
                counts.keys()
            };
            let alone = race!(
                task! {
                    call!(staying);
                    0
                },
                coming_and_going
            );
            alone
        }
    };
}

come_and_go!(held, slow);
come_and_go!(held_and_shared, slow_shared);
come_and_go!(held_in_their_group, slow_in_groups);
come_and_go!(held_in_order, slow_in_order);
come_and_go!(in_flight, slow_at_once);
come_and_go!(pausing, pauses);

#[test]
fn the_keys_of_those_who_gave_up_are_dropped() {
    let mut table = Table::default();
    table.row("held behind a batch", held());
    table.row("held, where keys are shared", held_and_shared());
    table.row("held behind a batch of the group", held_in_their_group());
    table.row("held in order", held_in_order());
    table.row("in flight", in_flight());
    table.row("pausing before they go again", pausing());
    // That of the one who stays (with dedup a copy as well, by which others find it), and of those
    // who gave up the last two at most.
    expect![[r#"
        held behind a batch              | 3
        held, where keys are shared      | 4
        held behind a batch of the group | 3
        held in order                    | 3
        in flight                        | 2
        pausing before they go again     | 3
    "#]]
    .assert_eq(&table.0);
}

#[test]
fn of_many_that_wait_at_once_the_keys_of_those_who_give_up_are_dropped() {
    #[corio::task(App)]
    fn gives_up(after: u64, number: u64) {
        let _ = timeout!(after as u32 * MILLISECOND, slow(context!().counts.key(number)));
    }

    /// How many keys are there when one in ten still waits.
    #[corio::task(App)]
    fn program() -> u64 {
        let App { timeline, counts } = context!();
        spawn!(gives_up(10_000, 0));
        io!(timeline.pause(1));
        for number in 0..MANY {
            spawn!(gives_up(1 + number, number));
        }
        io!(timeline.pause(MANY * 9 / 10));
        counts.keys()
    }

    let app = App::default();
    let mut schedule = Schedule::new(&app).clock(app.timeline.clock.clone());
    let keys = schedule.run(program()).unwrap();
    assert!(keys < MANY / 4, "{keys} keys are there, and {} wait", MANY / 10);
}

// ── answers ──

#[test]
fn an_answer_is_cloned_for_those_who_still_wait_alone() {
    #[corio::dispatcher(dedup)]
    async fn hot(timeline: &Timeline, counts: &Counts, keys: &[u64]) -> Vec<Answer> {
        timeline.sleep(100).await;
        keys.iter().map(|_| Answer(counts.clone())).collect()
    }

    #[corio::task(App)]
    fn gives_up() {
        let _ = timeout!(50 * MILLISECOND, hot(7));
    }

    #[corio::task(App)]
    fn program() {
        for _ in 0..MANY {
            spawn!(gives_up());
        }
        io!(hot(7), hot(7), hot(7));
    }

    let app = App::default();
    let mut schedule = Schedule::new(&app).clock(app.timeline.clock.clone());
    schedule.run(program()).unwrap();
    // One of the three gets the answer itself.
    assert_eq!(app.counts.0.borrow().clones, 2);
}

#[test]
fn a_batch_whose_askers_are_gone_waits_for_those_who_joined_and_no_longer() {
    /// Notes when it is dropped before its time.
    #[corio::dispatcher(dedup, show_keys)]
    async fn watched(timeline: &Timeline, keys: &[u64]) -> Vec<u64> {
        let dropped = timeline.note_of_drop("the batch ends");
        timeline.sleep(1000).await;
        drop(dropped);
        keys.to_vec()
    }

    #[corio::task(Timeline)]
    fn asks_from_to(from: u64, to: u64, key: u64) {
        io!(context!().pause(from));
        let _ = timeout!((to - from) as u32 * MILLISECOND, watched(key));
    }

    #[corio::task(Timeline)]
    fn program() {
        // Both keys leave with the first two; then others join, and each time the last one of a key
        // gives up before another joins the other one.
        join!(
            asks_from_to(0, 10, 1),
            asks_from_to(0, 10, 2),
            asks_from_to(5, 20, 2),
            asks_from_to(15, 30, 1),
            asks_from_to(25, 40, 2),
            asks_from_to(35, 50, 1)
        );
    }

    let timeline = Timeline::default();
    let mut schedule = timeline.schedule();
    schedule.run(program()).unwrap();
    expect![[r#"
        0ns: watched[1, 2]
        50ms: the batch ends
    "#]]
    .assert_eq(&timeline.take());
}

#[test]
fn a_batch_that_was_answered_in_part_goes_on_for_the_others() {
    /// Answers its first key at 10 ms, and the others at 1000 ms.
    #[corio::dispatcher(show_keys)]
    async fn in_parts(timeline: &Timeline, mut batch: corio::Batch<u64, u64>) {
        let dropped = timeline.note_of_drop("the batch ends");
        timeline.sleep(10).await;
        let others = batch.split_off(1);
        batch.into_iter().for_each(|slot| slot.answer_with(|key| key));
        timeline.sleep(990).await;
        others.into_iter().for_each(|slot| slot.answer_with(|key| key));
        drop(dropped);
    }

    #[corio::task(Timeline)]
    fn asks_until(to: u64, key: u64) {
        let is_answered = timeout!(to as u32 * MILLISECOND, in_parts(key)).is_ok();
        context!().note(format_args!(
            "{key} is {}",
            if is_answered { "answered" } else { "not answered" }
        ));
    }

    #[corio::task(Timeline)]
    fn program() {
        join!(asks_until(500, 1), asks_until(100, 2), asks_until(200, 3));
    }

    let timeline = Timeline::default();
    timeline.schedule().run(program()).unwrap();
    expect![[r#"
        0ns: in_parts[1, 2, 3]
        10ms: 1 is answered
        100ms: 2 is not answered
        200ms: 3 is not answered
        200ms: the batch ends
    "#]]
    .assert_eq(&timeline.take());
}
