//! Requests on their way, tried again, joined, answered from elsewhere, in any order: whoever waits
//! is answered, and what nobody waits for holds nobody.

use std::mem;
use std::sync::Mutex;
use std::time::Duration;

use corio::{Batch, Schedule, Slot, cache};
use expect_test::expect;
use support::threads::everywhere;
use support::timeline::Timeline;

use crate::lock;

const MILLISECOND: Duration = Duration::from_millis(1);

/// Tries 1 again after 10 ms, the first time, and answers it 30 ms later; answers 2 after 1000 s.
#[corio::dispatcher(dedup, show_keys, max_in_flight = 2, retry(attempts = 2))]
async fn fetch(timeline: &Timeline, batch: Batch<u64, u64>) {
    let is_retried = batch.len() == 1;
    for slot in batch {
        match *slot.key() {
            1 if is_retried => {
                timeline.sleep(30).await;
                slot.answer(10);
            }
            1 => {
                timeline.sleep(10).await;
                slot.retry();
            }
            _ => {
                timeline.sleep(1_000_000).await;
                slot.answer(20);
            }
        }
    }
}

#[corio::task(Timeline)]
fn waits_for(key: u64, after: u64, at_most: u32) {
    io!(context!().pause(after));
    match timeout!(at_most * MILLISECOND, fetch(key)) {
        Ok(answer) => context!().note(format_args!("{key} is {answer}")),
        Err(_) => context!().note(format_args!("{key} is given up")),
    }
}

#[test]
fn a_batch_is_given_up_though_a_key_that_it_has_given_back_is_waited_for_by_others() {
    #[corio::task(Timeline)]
    fn program() {
        join!(waits_for(1, 0, 100), waits_for(1, 0, 100), waits_for(2, 0, 20));
    }

    let timeline = Timeline::default();
    let mut schedule =
        timeline.schedule_at_length().options(fetch, |options| options.max_in_flight(1));
    schedule.run(program()).unwrap();
    expect![[r#"
        0ns: fetch[1, 2]
        10ms: fetch: 1 to be retried
        20ms: 2 is given up
        20ms: fetch[1]
        50ms: fetch: 2 answered
        50ms: 1 is 10
        50ms: 1 is 10
    "#]]
    .assert_eq(&timeline.take());
}

#[test]
fn a_batch_that_is_given_up_lets_go_of_no_key_that_it_has_given_back() {
    #[corio::task(Timeline)]
    fn program() {
        join!(
            waits_for(1, 0, 100),
            waits_for(2, 0, 20),
            waits_for(1, 15, 100),
            waits_for(1, 30, 100)
        );
    }

    let timeline = Timeline::default();
    timeline.schedule_at_length().run(program()).unwrap();
    expect![[r#"
        0ns: fetch[1, 2]
        10ms: fetch: 1 to be retried
        10ms: fetch[1]
        20ms: 2 is given up
        40ms: fetch: 3 answered
        40ms: 1 is 10
        40ms: 1 is 10
        40ms: 1 is 10
    "#]]
    .assert_eq(&timeline.take());
}

/// Tries the first again after an hour; answers others at once.
#[corio::dispatcher(write, show_keys, retry(attempts = 2, backoff = "1h..1h"))]
async fn write(timeline: &Timeline, batch: Batch<u64, u64>) {
    timeline.sleep(30).await;
    for slot in batch {
        if *slot.key() == 1 { slot.retry() } else { slot.answer(0) }
    }
}

#[test]
fn what_nobody_waits_for_is_not_tried_again() {
    #[corio::task(Timeline)]
    fn gives_up() {
        let _ = timeout!(20 * MILLISECOND, write(1));
        io!(write(2));
    }

    let timeline = Timeline::default();
    timeline.schedule_at_length().run(gives_up()).unwrap();
    expect![[r#"
        0ns: write[1]
        30ms: write[2]
        60ms: write: 1 answered
    "#]]
    .assert_eq(&timeline.take());
}

#[corio::dispatcher(cache, show_keys)]
fn look_up(keys: &[u64]) -> Vec<u64> {
    keys.to_vec()
}

#[test]
fn what_is_kept_is_given_though_the_time_is_up() {
    #[corio::task(Timeline)]
    fn program() -> u64 {
        call!(cache::prime(look_up(1), 1));
        context!().clock.advance(50 * MILLISECOND);
        race!(look_up(1), look_up(2))
    }

    let timeline = Timeline::default();
    let mut schedule = timeline.schedule_at_length().timeout(50 * MILLISECOND);
    let result = schedule.run(program());
    timeline.note(format_args!("{result:?}"));
    expect![[r#"
        50ms: look_up: 1 kept
        50ms: Ok(1)
    "#]]
    .assert_eq(&timeline.take());
}

/// Tries 1 again after 10 ms, the first time; answers 2 after 10 ms, 3 after 1000 s, others at
/// once.
#[corio::dispatcher(cache, show_keys, retry(attempts = 2))]
async fn read(timeline: &Timeline, batch: Batch<u64, u64>) {
    for slot in batch {
        let is_early = timeline.clock.now() < 10 * MILLISECOND;
        match *slot.key() {
            1 if is_early => {
                timeline.sleep(10).await;
                slot.retry();
                continue;
            }
            2 => timeline.sleep(10).await,
            3 => timeline.sleep(1_000_000).await,
            _ => {}
        }
        slot.answer(0);
    }
}

#[corio::task(Timeline)]
fn reads(key: u64, after: u64) {
    io!(context!().pause(after));
    let answer = io!(read(key));
    context!().note(format_args!("{key} is {answer}"));
}

#[test]
fn a_key_that_was_invalidated_on_its_way_and_is_tried_again_goes_out_with_those_who_asked_since() {
    #[corio::task(Timeline)]
    fn program() {
        join!(
            reads(1, 0),
            reads(1, 1),
            task! {
                io!(context!().pause(5));
                call!(cache::invalidate(read(1)));
            }
        );
    }

    let timeline = Timeline::default();
    timeline.schedule_at_length().run(program()).unwrap();
    expect![[r#"
        0ns: read[1]
        10ms: read[1]
        10ms: read: 2 answered
        10ms: 1 is 0
        10ms: 1 is 0
    "#]]
    .assert_eq(&timeline.take());
}

#[test]
fn a_batch_is_given_up_when_all_have_their_answers_and_some_from_elsewhere() {
    #[corio::task(Timeline)]
    fn program() {
        join!(
            reads(2, 0),
            reads(3, 0),
            reads(4, 15),
            task! {
                io!(context!().pause(5));
                call!(cache::prime(read(3), 30));
            }
        );
    }

    let timeline = Timeline::default();
    timeline.schedule_at_length().run(program()).unwrap();
    expect![[r#"
        0ns: read[2, 3]
        5ms: read: 1 kept
        5ms: 3 is 30
        10ms: read: 1 answered
        10ms: 2 is 0
        15ms: read[4]
        15ms: read: 1 answered
        15ms: 4 is 0
    "#]]
    .assert_eq(&timeline.take());
}

#[derive(corio::Context, Default)]
struct App {
    timeline: Timeline,
    slots: Slots,
}

#[derive(Default)]
struct Slots(Mutex<Vec<Slot<u64, u64>>>);

#[corio::dispatcher(cache, show_keys)]
fn put_aside(slots: &Slots, batch: Batch<u64, u64>) {
    lock(&slots.0).extend(batch);
}

#[test]
fn in_order_nothing_leaves_before_a_slot_is_answered_whose_key_was_primed() {
    #[corio::task(App)]
    fn program() {
        join!(
            put_aside(1),
            task! {
                io!(context!().timeline.pause(10));
                io!(put_aside(2))
            },
            task! {
                let App { timeline, slots } = context!();
                io!(timeline.pause(5));
                call!(cache::prime(put_aside(1), 0));
                for _ in 0..2 {
                    io!(timeline.pause(15));
                    let slots = mem::take(&mut *lock(&slots.0));
                    for slot in slots {
                        timeline.note(format_args!("{} is written", slot.key()));
                        slot.answer(0);
                    }
                }
            }
        );
    }

    let app = App::default();
    let mut schedule = Schedule::new(&app)
        .clock(app.timeline.clock.clone())
        .observe(app.timeline.observer())
        .options(put_aside, |options| options.ordered());
    schedule.run(program()).unwrap();
    expect![[r#"
        0ns: put_aside[1]
        20ms: 1 is written
        20ms: put_aside[2]
        35ms: 2 is written
    "#]]
    .assert_eq(&app.timeline.take());
}

/// Tasks ask for few keys and give up, keys are primed, invalidated and cleared, a dispatcher
/// answers, asks for another try and is late: all at any time.
mod at_random {
    use std::collections::{BTreeSet, HashMap};
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::{Arc, MutexGuard};

    use corio::testing::VirtualClock;
    use corio::{Clock, Dispatch, Event, Options, Request, RequestError, Requests, Retry, groups};

    use super::*;

    const KEYS: u64 = 5;
    const CASES: u64 = 1000;
    /// So long takes an answer now and then.
    const SLOW: u64 = 100_000;

    /// What an answer is to, and as of when, in the order of events.
    #[derive(Clone, Copy, Debug)]
    struct Read {
        key: u64,
        as_of: u64,
    }

    #[derive(Debug)]
    struct Busy;

    type Answer = Result<Read, RequestError<Busy>>;

    struct Get(u64);

    impl Request for Get {
        type Key = u64;
        type Answer = Answer;

        fn name() -> &'static str {
            "get"
        }

        fn into_key(self) -> u64 {
            self.0
        }
    }

    /// What the dispatcher is told.
    #[derive(Clone, Copy, Debug)]
    struct Plan {
        later: bool,
        keeps: bool,
        shares: bool,
        ordered: bool,
        groups: u64,
        in_flight: usize,
        max_batch: usize,
        limit: Option<u64>,
        /// Batches in so many milliseconds.
        rate: Option<(usize, u64)>,
        retries_timeouts: bool,
        rounds: bool,
        all_in_flight: Option<usize>,
        shuffle: Option<u64>,
        deadline: Option<u64>,
    }

    impl Plan {
        fn options(self, options: Options<u64, Answer>) -> Options<u64, Answer> {
            let retry = Retry::attempts(6)
                .when(|answer: &Answer| matches!(answer, Err(RequestError::Failed(_))));
            let mut options = options
                .retry(if self.retries_timeouts { retry.timeouts() } else { retry })
                .max_in_flight(self.in_flight)
                .max_batch(self.max_batch)
                .show_keys();
            if self.later {
                options = options.concurrent();
            }
            if self.keeps {
                options = options.cache(Result::is_ok);
            } else if self.shares {
                options = options.dedup();
            }
            if self.groups > 1 {
                options = options.group_by(|| groups(|key| key % 2));
            }
            if self.ordered {
                options = options.ordered();
            }
            if let Some(limit) = self.limit {
                options = options.timeout(Duration::from_micros(limit * 1000 + 500));
            }
            if let Some((batches, period)) = self.rate {
                options = options.rate(batches, Duration::from_millis(period));
            }
            options.faults_as_errors()
        }

        /// Which keys have limits of their own.
        fn group_of(&self, key: u64) -> u64 {
            if self.ordered { 0 } else { key % self.groups }
        }
    }

    /// A number that looks random (splitmix64).
    struct Random(u64);

    impl Random {
        fn below(&mut self, end: u64) -> u64 {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = self.0;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed ^ (mixed >> 31)) % end
        }

        fn one_in(&mut self, of: u64) -> bool {
            self.below(of) == 0
        }

        fn some(&mut self, one_in: u64, end: u64) -> Option<u64> {
            self.one_in(one_in).then(|| self.below(end))
        }
    }

    #[derive(Default)]
    struct State {
        events: u64,
        round: u64,
        random: u64,
        /// For each key, how many wait for it, when it was last changed, and until when it pauses.
        waiting: HashMap<u64, usize>,
        changed: HashMap<u64, u64>,
        pauses: HashMap<u64, Duration>,
        /// Batches on their way, by their number: the round, and the keys without an answer.
        on_their_way: HashMap<u64, (u64, Vec<u64>)>,
        /// When batches left, and their groups.
        left: Vec<(Duration, u64)>,
        wrong: Vec<String>,
        looks: u32,
    }

    #[derive(Clone)]
    struct Lab {
        plan: Plan,
        clock: VirtualClock,
        state: Arc<Mutex<State>>,
    }

    impl State {
        /// How many batches of this group have left within the period that ends now.
        fn recent(&self, plan: &Plan, now: Duration, group: u64) -> usize {
            let Some((_, period)) = plan.rate else { return 0 };
            let period = Duration::from_millis(period);
            let counts = |(left, of): &&(Duration, u64)| *of == group && *left + period > now;
            self.left.iter().rev().filter(counts).count()
        }
    }

    impl Lab {
        fn state(&self) -> MutexGuard<'_, State> {
            lock(&self.state)
        }

        fn event(&self) -> u64 {
            let mut state = self.state();
            state.events += 1;
            state.events
        }

        fn random(&self) -> Random {
            let mut state = self.state();
            state.random += 1;
            Random(state.random * 7919)
        }

        fn pause(
            &self,
            milliseconds: u64,
        ) -> corio::FutureRequest<impl Future<Output = ()> + use<>> {
            let clock = self.clock.clone();
            corio::future(async move { clock.sleep(Duration::from_millis(milliseconds)).await })
        }

        fn waits(&self, key: u64) -> Waits {
            let mut state = self.state();
            *state.waiting.entry(key).or_default() += 1;
            Waits { lab: self.clone(), key, since: state.changed.get(&key).copied().unwrap_or(0) }
        }

        fn changed(&self, keys: impl IntoIterator<Item = u64>) -> u64 {
            let event = self.event();
            self.state().changed.extend(keys.into_iter().map(|key| (key, event)));
            event
        }

        fn wrong(&self, what: String) {
            self.state().wrong.push(what);
        }

        /// Time moves on.
        fn is_idle(&self) {
            let mut state = self.state();
            let state = &mut *state;
            let Plan { ordered, groups, in_flight, rate, rounds, all_in_flight, .. } = self.plan;
            let waits = |key: &u64| state.waiting.get(key).is_some_and(|waiting| *waiting > 0);
            let mut wrong = Vec::new();
            for (batch, (_, open)) in &state.on_their_way {
                if !ordered && !open.is_empty() && !open.iter().any(waits) {
                    wrong.push(format!("nobody waits for batch {batch} of {open:?}"));
                }
            }
            let pauses =
                |key: &u64| state.pauses.get(key).is_some_and(|until| *until > self.clock.now());
            let some_pause = (0..KEYS).any(|key| pauses(&key));
            for key in (0..KEYS).filter(|key| waits(key) && !pauses(key)) {
                let is_out = state.on_their_way.values().any(|(_, open)| open.contains(&key));
                let of_group = |open: &[u64]| {
                    ordered || open.first().is_none_or(|other| groups < 2 || other % 2 == key % 2)
                };
                let rounds_out: BTreeSet<u64> = state
                    .on_their_way
                    .values()
                    .filter(|(_, open)| of_group(open))
                    .map(|(round, _)| *round)
                    .collect();
                let recent = state.recent(&self.plan, self.clock.now(), self.plan.group_of(key));
                let is_held = rounds_out.len() >= if ordered { 1 } else { in_flight }
                    || ordered && some_pause
                    || rate.is_some_and(|(batches, _)| recent >= batches);
                let is_held_by_all =
                    (rounds || all_in_flight.is_some()) && !state.on_their_way.is_empty();
                if !is_out && !is_held && !is_held_by_all {
                    wrong.push(format!("{key} waits for nothing"));
                }
            }
            state.wrong.extend(wrong);
        }
    }

    /// Somebody waits for a key, as long as this is there.
    struct Waits {
        lab: Lab,
        key: u64,
        /// When it had been changed the last time before.
        since: u64,
    }

    impl Waits {
        fn gets(self, answer: Answer) {
            let Waits { key, since, .. } = self;
            let Plan { limit, .. } = self.lab.plan;
            let right = match &answer {
                Ok(read) => read.key == key && read.as_of >= since,
                Err(RequestError::TimedOut { .. }) => limit.is_some(),
                Err(RequestError::Failed(_) | RequestError::RetriesExhausted { .. }) => true,
                Err(_) => false,
            };
            if !right {
                self.lab.wrong(format!("{key}, changed at {since}, is {answer:?}"));
            }
        }
    }

    impl Drop for Waits {
        fn drop(&mut self) {
            *self.lab.state().waiting.get_mut(&self.key).unwrap() -= 1;
        }
    }

    /// A batch that is on its way, as long as this is there.
    struct OnItsWay(Lab, u64);

    impl OnItsWay {
        fn answers(&self, key: u64) {
            let mut state = self.0.state();
            let (_, open) = state.on_their_way.get_mut(&self.1).unwrap();
            let at = open.iter().position(|open| *open == key).unwrap();
            open.swap_remove(at);
        }

        fn answer(&self, slot: Slot<u64, Answer>, random: &mut Random) {
            let key = *slot.key();
            self.answers(key);
            match random.below(8) {
                0 => slot.retry(),
                1 => {
                    let pause = Duration::from_millis(random.below(40));
                    let (mut state, until) = (self.0.state(), self.0.clock.now() + pause);
                    state
                        .pauses
                        .entry(key)
                        .and_modify(|other| *other = until.max(*other))
                        .or_insert(until);
                    drop(state);
                    slot.retry_after(pause);
                }
                2 => slot.answer(Err(RequestError::of_dispatcher(Busy))),
                3 => slot.answer_with(|key| Ok(Read { key, as_of: self.1 })),
                _ => slot.answer(Ok(Read { key, as_of: self.1 })),
            }
        }
    }

    impl Drop for OnItsWay {
        fn drop(&mut self) {
            self.0.state().on_their_way.remove(&self.1);
        }
    }

    impl Dispatch<Lab> for Get {
        fn dispatch<'r>(lab: &'r Lab, requests: Requests<'_, 'r, Self>) {
            let (Plan { later, shares, keeps, max_batch, groups, .. }, batch, mut random) =
                (lab.plan, lab.event(), lab.random());
            let keys = requests.keys().to_vec();
            let distinct: BTreeSet<u64> = keys.iter().copied().collect();
            let mut state = lab.state();
            let mut check = |holds: bool, what: &str| {
                if !holds {
                    state.wrong.push(format!("{keys:?} {what}"));
                }
            };
            check(keys.len() <= max_batch, "are too many");
            check(
                groups < 2 || keys.iter().all(|key| key % 2 == keys[0] % 2),
                "are not of one group",
            );
            check(!(shares || keeps) || distinct.len() == keys.len(), "has a key twice");
            let wanted: Vec<bool> = keys
                .iter()
                .map(|key| state.waiting.get(key).is_some_and(|waiting| *waiting > 0))
                .collect();
            let (now, group) = (lab.clock.now(), lab.plan.group_of(keys[0]));
            state.left.push((now, group));
            let recent = state.recent(&lab.plan, now, group);
            if lab.plan.rate.is_some_and(|(batches, _)| recent > batches) {
                state.wrong.push(format!("{keys:?} are batch {recent} within a period"));
            }
            if wanted.contains(&false) {
                state.wrong.push(format!("{keys:?}, some of which nobody waits for"));
            }
            let round = state.round;
            drop(state);
            if !later {
                return requests.fill(|keys, answers| {
                    answers.extend(keys.iter().map(|key| {
                        if random.one_in(4) {
                            Err(RequestError::of_dispatcher(Busy))
                        } else {
                            Ok(Read { key: *key, as_of: batch })
                        }
                    }));
                });
            }
            lab.state().on_their_way.insert(batch, (round, keys));
            let on_its_way = OnItsWay(lab.clone(), batch);
            requests.batch_async(move |slots| async move {
                let at =
                    |_: &Slot<u64, Answer>| if random.one_in(8) { SLOW } else { random.below(30) };
                let start = lab.clock.now();
                let mut slots: Vec<_> = slots
                    .into_iter()
                    .map({
                        let mut at = at;
                        move |slot| (at(&slot), slot)
                    })
                    .collect();
                slots.sort_by_key(|(after, _)| *after);
                let mut random = lab.random();
                for (after, slot) in slots {
                    lab.clock
                        .sleep(
                            (start + Duration::from_millis(after)).saturating_sub(lab.clock.now()),
                        )
                        .await;
                    on_its_way.answer(slot, &mut random);
                }
            });
        }
    }

    #[corio::task(Lab)]
    fn asks(seed: u64) {
        let lab: &Lab = context!();
        let mut random = Random(seed);
        for _ in 0..3 {
            io!(lab.pause(random.below(60)));
            let (key, other) = (random.below(KEYS), random.below(KEYS));
            match random.below(4) {
                0 => {
                    let waits = lab.waits(key);
                    waits.gets(io!(Get(key)));
                }
                1 => drop(join!(gets(key), gets(other))),
                2 => {
                    let waits = lab.waits(key);
                    if let Ok(answer) = timeout!(Duration::from_millis(random.below(40)), Get(key))
                    {
                        waits.gets(answer);
                    }
                }
                _ => race!(gets(key), gets(other)),
            }
        }
    }

    #[corio::task(Lab)]
    fn gets(key: u64) {
        let waits = context!().waits(key);
        waits.gets(io!(Get(key)));
    }

    #[corio::task(Lab)]
    fn changes(seed: u64) {
        let lab: &Lab = context!();
        let mut random = Random(seed);
        for _ in 0..4 {
            io!(lab.pause(random.below(60)));
            let key = random.below(KEYS);
            match random.below(5) {
                0..3 => {
                    let as_of = lab.changed([key]);
                    call!(cache::prime(Get(key), Ok(Read { key, as_of })));
                }
                3 => {
                    lab.changed([key]);
                    call!(cache::invalidate(Get(key)));
                }
                _ => {
                    lab.changed(0..KEYS);
                    call!(cache::clear(Get));
                }
            }
        }
    }

    #[corio::task(Lab)]
    fn storm(seed: u64) {
        let mut random = Random(seed);
        for task in 0..random.below(8) + 2 {
            let seed = seed * 100 + task;
            if random.one_in(3) {
                let limit = Duration::from_millis(random.below(100));
                spawn!(task!(move {
                    let _ = timeout!(limit, asks(seed));
                }));
            } else {
                spawn!(asks(seed));
            }
        }
        if context!().plan.keeps {
            for task in 0..random.below(3) {
                spawn!(changes(seed * 100 + 50 + task));
            }
        }
    }

    struct Watchful(Lab);

    impl Clock for Watchful {
        fn now(&self) -> Duration {
            let mut state = self.0.state();
            state.looks += 1;
            assert!(state.looks < 100_000, "the run goes round without end");
            drop(state);
            self.0.clock.now()
        }

        fn sleep_until(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
            self.0.clock.sleep_until(time)
        }

        fn idle(&self) {
            self.0.is_idle();
            self.0.clock.idle();
        }
    }

    fn case(seed: u64) -> Result<(), String> {
        let mut random = Random(seed);
        let later = !random.one_in(4);
        let shares = !random.one_in(3);
        let plan = Plan {
            later,
            shares,
            keeps: shares && random.one_in(2),
            ordered: random.one_in(6),
            groups: 1 + random.below(2),
            in_flight: [1, 1, 2, 3, usize::MAX][random.below(5) as usize],
            max_batch: [1, 2, 3, usize::MAX][random.below(4) as usize],
            limit: random.some(3, 30).filter(|_| later),
            rate: random.some(3, 3).map(|batches| (batches as usize + 1, 1 + random.below(40))),
            retries_timeouts: random.one_in(2),
            rounds: random.one_in(6),
            all_in_flight: random.some(6, 3).map(|batches| batches as usize + 1),
            shuffle: random.some(4, 1000),
            deadline: random.some(5, 100),
        };
        let lab = Lab { plan, clock: VirtualClock::new(), state: Arc::default() };
        lab.state().random = seed * 1000;
        let mut schedule = Schedule::new(&lab)
            .options(Get, |options| plan.options(options))
            .clock(Watchful(lab.clone()))
            .yield_every(2);
        if plan.rounds {
            schedule = schedule.barrier();
        }
        if let Some(batches) = plan.all_in_flight {
            schedule = schedule.max_in_flight(batches);
        }
        if let Some(seed) = plan.shuffle {
            schedule = schedule.shuffle(seed);
        }
        if let Some(limit) = plan.deadline {
            schedule = schedule.timeout(Duration::from_millis(limit));
        }
        let log = Arc::<Mutex<String>>::default();
        let (told, heard) = (log.clone(), lab.clone());
        schedule = schedule.observe(move |event: &Event<'_>| {
            if let Event::Round { round, .. } = event {
                heard.state().round = *round;
            }
            *lock(&told) += &format!("{:?}: {event:?}\n", heard.clock.now());
        });
        for run in 0..3 {
            lock(&log).clear();
            let storm = storm(seed * 10 + run);
            let result = match run {
                2 => everywhere(schedule.run_async(storm)),
                _ => schedule.run(storm),
            };
            let State { wrong, waiting, on_their_way, pauses, .. } = &mut *lab.state();
            let as_expected = result.is_ok()
                || plan.deadline.is_some() && matches!(result, Err(corio::Error::TimedOut { .. }));
            if !as_expected
                || !wrong.is_empty()
                || waiting.values().any(|waiting| *waiting > 0)
                || !on_their_way.is_empty()
            {
                return Err(format!(
                    "seed {seed}, run {run}, {plan:?}: {result:?}, {wrong:?}, {waiting:?}, {on_their_way:?}\n{}",
                    lock(&log)
                ));
            }
            pauses.clear();
        }
        Ok(())
    }

    #[test]
    fn everybody_is_answered_and_nothing_is_on_its_way_for_nobody() {
        let seeds = match std::env::var("CORIO_QUEUES") {
            Ok(seed) => {
                let seed = seed.parse().expect("CORIO_QUEUES is a seed, a number");
                seed..seed + 1
            }
            Err(_) => 0..CASES,
        };
        let wrong: Vec<String> = seeds.filter_map(|seed| case(seed).err()).collect();
        let shortest = wrong.iter().min_by_key(|wrong| wrong.len());
        assert!(
            wrong.is_empty(),
            "{} cases went wrong, one of them: {}",
            wrong.len(),
            shortest.unwrap()
        );
    }
}
