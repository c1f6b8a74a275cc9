//! Random programs over random dispatchers, checked against what always holds.
//!
//! A program is a small tree of what tasks can do, run by one recursive task. A dispatcher has
//! random options, and answers in one of several ways: in place, later, by slots in parts and in
//! any order, from a shelf where slots lie that outlive their batch's time limit. Time is virtual
//! and whatever else looks random is made from the case, so a case always does the same; one that
//! fails is made smaller until only what matters is left.
//!
//! The dispatchers check what arrives, tasks what they get, and the clock, whenever it is about to
//! move, that nothing waits without a reason. The rest is compared afterwards: with a model that
//! runs the program one request after another, and with further runs of the same case.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use corio::testing::VirtualClock;
use corio::{
    Clock, Context, Dispatch, Event, Log, Options, Request, RequestError, Requests, Retry,
    Schedule, Slot, groups,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::strategy::Union;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use support::threads::everywhere;

use crate::lock;

// ── programs ──

const DISPATCHERS: usize = 3;
const NAMES: [&str; DISPATCHERS] = ["alpha", "beta", "gamma"];
/// Few, so that tasks often ask for the same.
const NUMBERS: u64 = 8;

type Millis = u64;

/// A request in a program: whom it asks, and for what.
#[derive(Clone, Copy, Debug)]
struct Wish {
    of: usize,
    number: u64,
}

type Program = Arc<[Step]>;

/// Each is the construct that it is named after.
#[derive(Clone, Debug)]
enum Step {
    Ask(Wish),
    AskTwo(Wish, Wish),
    AskAll(usize, Vec<u64>),
    /// `timeout!` around a request.
    AskWithin(Millis, Wish),
    Spawn(Program),
    /// The result of the child that was spawned first, of those that were not collected yet.
    Collect,
    Wait,
    Call(Program),
    /// So many children, which ask for different numbers.
    All(u64, Program),
    Join(Program, Program),
    JoinRequest(Wish, Program),
    Race(Program, Program),
    /// `timeout!` around a task.
    Within(Millis, Program),
    Return,
}

impl Step {
    /// Whether a part of it may be dropped half-way.
    fn drops(&self) -> bool {
        match self {
            Step::AskWithin(..) | Step::Race(..) | Step::Within(..) => true,
            Step::Spawn(child)
            | Step::Call(child)
            | Step::All(_, child)
            | Step::JoinRequest(_, child) => drops(child),
            Step::Join(a, b) => drops(a) || drops(b),
            Step::Ask(_)
            | Step::AskTwo(..)
            | Step::AskAll(..)
            | Step::Collect
            | Step::Wait
            | Step::Return => false,
        }
    }
}

fn drops(program: &Program) -> bool {
    program.iter().any(Step::drops)
}

fn wish() -> impl Strategy<Value = Wish> {
    (0..DISPATCHERS, 0..NUMBERS).prop_map(|(of, number)| Wish { of, number })
}

fn program(dropping: bool) -> impl Strategy<Value = Program> {
    let leaf = prop_oneof![
        6 => wish().prop_map(Step::Ask),
        2 => (wish(), wish()).prop_map(|(a, b)| Step::AskTwo(a, b)),
        2 => (0..DISPATCHERS, vec(0..NUMBERS, 0..6)).prop_map(|(of, numbers)| Step::AskAll(of, numbers)),
        1 => Just(Step::Collect),
        1 => Just(Step::Wait),
        1 => Just(Step::Return),
    ];
    let step = leaf.prop_recursive(4, 24, 4, move |step| {
        let child = vec(step, 0..4).prop_map(Program::from).boxed();
        let mut steps = vec![
            (3, child.clone().prop_map(Step::Spawn).boxed()),
            (2, child.clone().prop_map(Step::Call).boxed()),
            (
                4,
                (1..6u64, child.clone())
                    .prop_map(|(copies, child)| Step::All(copies, child))
                    .boxed(),
            ),
            (2, (child.clone(), child.clone()).prop_map(|(a, b)| Step::Join(a, b)).boxed()),
            (
                2,
                (wish(), child.clone())
                    .prop_map(|(wish, child)| Step::JoinRequest(wish, child))
                    .boxed(),
            ),
        ];
        if dropping {
            steps.push((
                3,
                (child.clone(), child.clone()).prop_map(|(a, b)| Step::Race(a, b)).boxed(),
            ));
            steps.push((
                3,
                (0..40u64, child.clone())
                    .prop_map(|(limit, child)| Step::Within(limit, child))
                    .boxed(),
            ));
            steps.push((
                1,
                (0..40u64, wish()).prop_map(|(limit, wish)| Step::AskWithin(limit, wish)).boxed(),
            ));
        }
        Union::new_weighted(steps)
    });
    vec(step, 1..5).prop_map(Program::from)
}

/// What a program comes to, as far as it does not depend on time: all results in the order in which
/// the program has them, in one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Digest(u64);

impl Digest {
    fn add(&mut self, result: u64) {
        self.0 = mix(self.0 ^ result);
    }
}

/// The only right answer to a number.
fn answer_to(of: usize, number: u64) -> u64 {
    1 + of as u64 * 1000 + number
}

/// The model: does one thing after another. Gives the digest, and counts the requests.
fn predict(program: &Program, shift: u64, requests: &mut usize) -> u64 {
    let ask = |of, number, requests: &mut usize| {
        *requests += 1;
        answer_to(of, (number + shift) % NUMBERS)
    };
    let mut digest = Digest::default();
    let mut spawned = VecDeque::new();
    for step in program.iter() {
        match step {
            Step::Ask(wish) => digest.add(ask(wish.of, wish.number, requests)),
            Step::AskTwo(a, b) => {
                [a, b].into_iter().for_each(|wish| digest.add(ask(wish.of, wish.number, requests)))
            }
            Step::AskAll(of, numbers) => {
                numbers.iter().for_each(|number| digest.add(ask(*of, *number, requests)))
            }
            Step::Spawn(child) => spawned.push_back(predict(child, shift, requests)),
            Step::Collect => spawned.pop_front().into_iter().for_each(|result| digest.add(result)),
            Step::Wait => {}
            Step::Call(child) => digest.add(predict(child, shift, requests)),
            Step::All(copies, child) => {
                (0..*copies).for_each(|copy| digest.add(predict(child, shift + copy, requests)))
            }
            Step::Join(a, b) => {
                [a, b].into_iter().for_each(|child| digest.add(predict(child, shift, requests)))
            }
            Step::JoinRequest(wish, child) => {
                digest.add(ask(wish.of, wish.number, requests));
                digest.add(predict(child, shift, requests));
            }
            Step::Return => return digest.0,
            Step::AskWithin(..) | Step::Race(..) | Step::Within(..) => {
                unreachable!("depends on time")
            }
        }
    }
    digest.0
}

// ── dispatchers ──

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    InPlace,
    /// Slots that are answered at once, in any order.
    SlotsInPlace,
    Later,
    /// Slots in parts, each after a while, in any order.
    SlotsLater,
    /// The same; but slots lie on a shelf, and so are answered even when the batch was given up.
    Shelf,
}

/// What happens to keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keys {
    Plain,
    Ordered,
    Dedup,
    Cache,
}

/// What a dispatcher is told by its options, and does.
#[derive(Clone, Debug)]
struct Plan {
    way: Way,
    keys: Keys,
    max_batch: Option<usize>,
    /// `usize::MAX` for no limit.
    in_flight: Option<usize>,
    /// Keys of different parity, or remainder by three, do not go together.
    groups: Option<u64>,
    retries: Option<Retries>,
    /// Half a millisecond is added, so that no answer arrives just then.
    limit: Option<Millis>,
    /// The longest that a part of a batch takes.
    slowest: Millis,
    parts: usize,
    by_value: bool,
    seed: u64,
}

/// The first times that a key is sent go wrong.
#[derive(Clone, Debug)]
struct Retries {
    failures: u32,
    /// Attempts beyond those that are needed.
    spare: u32,
    backoff: Option<(Millis, Millis)>,
    jitter: bool,
    /// A slot says so itself; otherwise the answer is an error that is worth another try.
    by_slot: bool,
}

fn plan() -> impl Strategy<Value = Plan> {
    let way = prop_oneof![
        Just(Way::InPlace),
        Just(Way::SlotsInPlace),
        Just(Way::Later),
        Just(Way::SlotsLater),
        Just(Way::Shelf)
    ];
    let keys = prop_oneof![3 => Just(Keys::Plain), 1 => Just(Keys::Ordered), 2 => Just(Keys::Dedup), 1 => Just(Keys::Cache)];
    let in_flight = option::of(prop_oneof![3 => 1..5usize, 1 => Just(usize::MAX)]);
    let retries =
        (1..4u32, 1..3u32, option::of((0..10u64, 10..20u64)), any::<bool>(), any::<bool>());
    let retries = retries.prop_map(|(failures, spare, backoff, jitter, by_slot)| Retries {
        failures,
        spare,
        backoff,
        jitter,
        by_slot,
    });
    let batches = (
        option::of(1..9usize),
        in_flight,
        option::weighted(0.2, 2..4u64),
        option::weighted(0.3, retries),
        option::weighted(0.3, 0..25u64),
    );
    (way, keys, batches, 0..30u64, 1..4usize, any::<bool>(), 0..1000u64).prop_map(
        |(way, keys, batches, slowest, parts, by_value, seed)| {
            let (max_batch, in_flight, groups, retries, limit) = batches;
            Plan {
                way,
                keys,
                max_batch,
                in_flight,
                groups,
                retries,
                limit,
                slowest,
                parts,
                by_value,
                seed,
            }
        },
    )
}

impl Plan {
    fn is_later(&self) -> bool {
        matches!(self.way, Way::Later | Way::SlotsLater | Way::Shelf)
    }

    /// Where groups may overtake each other, that of a key.
    fn group_of(&self, number: u64) -> Option<u64> {
        self.groups.filter(|_| self.keys != Keys::Ordered).map(|by| number % by)
    }

    fn shares_keys(&self) -> bool {
        matches!(self.keys, Keys::Dedup | Keys::Cache)
    }

    /// What answers in place can't be given a time limit.
    fn limit(&self) -> Option<Duration> {
        self.limit
            .filter(|_| self.is_later())
            .map(|limit| Duration::from_micros(limit * 1000 + 500))
    }

    /// How many batches may be on the way, if it was said.
    fn in_flight(&self) -> Option<usize> {
        if self.keys == Keys::Ordered { Some(1) } else { self.in_flight }
    }

    /// When the parts of a batch are answered, counted from its sending.
    fn times(&self, batch: usize) -> Vec<Duration> {
        let time_of =
            |part: usize| mix(self.seed ^ mix((batch * 10 + part) as u64)) % (self.slowest + 1);
        let add = |sum: &mut Millis, part| {
            *sum += time_of(part);
            Some(Duration::from_millis(*sum))
        };
        (0..self.parts).scan(0, add).collect()
    }

    fn options(&self, mut options: Options<Key, Answer>) -> Options<Key, Answer> {
        if self.is_later() {
            options = options.concurrent();
        }
        if let Some(len) = self.max_batch {
            options = options.max_batch(len);
        }
        if let Some(batches) = self.in_flight {
            options = options.max_in_flight(batches);
        }
        options = match self.keys {
            Keys::Plain => options,
            Keys::Ordered => options.ordered(),
            Keys::Dedup => options.dedup(),
            Keys::Cache => options.cache(Result::is_ok),
        };
        options = match self.groups {
            None => options,
            Some(2) => options.group_by(|| groups(|key: &Key| key.number % 2)),
            Some(_) => options.group_by(|| groups(|key: &Key| key.number % 3)),
        };
        if let Some(retries) = &self.retries {
            let mut retry = Retry::attempts(retries.failures + retries.spare)
                .when(|answer: &Answer| matches!(answer, Err(RequestError::Failed(_))));
            if let Some((first, longest)) = retries.backoff {
                retry = retry.backoff(Duration::from_millis(first), Duration::from_millis(longest));
            }
            options = options.retry(if retries.jitter { retry.jitter() } else { retry });
        }
        if let Some(limit) = self.limit() {
            // Being late is not the end of the run; all other trouble is.
            options = options.timeout(limit).faults_as_errors();
        }
        options.show_keys()
    }
}

/// A case: everything that happens follows from it.
#[derive(Clone, Debug)]
struct Case {
    program: Program,
    plans: [Plan; DISPATCHERS],
    /// Of the schedule.
    in_flight: Option<usize>,
    rounds: bool,
}

fn case(dropping: bool) -> impl Strategy<Value = Case> {
    let plans = [plan(), plan(), plan()];
    (program(dropping), plans, option::weighted(0.3, 1..5usize), proptest::bool::weighted(0.2))
        .prop_map(|(program, plans, in_flight, rounds)| Case { program, plans, in_flight, rounds })
}

/// A number that looks random (splitmix64).
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn shuffle<T>(list: &mut [T], seed: u64) {
    for left in (2..=list.len()).rev() {
        list.swap(left - 1, (mix(seed ^ left as u64) % left as u64) as usize);
    }
}

// ── requests ──

/// A request of the dispatcher with this number.
struct Ask<const OF: usize>(Wanted);

/// Equal to another if the numbers are; the rest shows which request it was.
#[derive(Clone, Copy)]
struct Key {
    number: u64,
    request: usize,
    /// How many requests of the run were asked before.
    asked: usize,
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.number.hash(state);
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.number, self.request)
    }
}

#[derive(Clone, Copy, Debug)]
struct Reply {
    value: u64,
    /// Whose slot or position this was.
    request: usize,
    /// It was given after the time limit of its batch.
    late: bool,
}

#[derive(Debug)]
struct Busy;

type Answer = Result<Reply, RequestError<Busy>>;

impl<const OF: usize> Request for Ask<OF> {
    type Key = Key;
    type Answer = Answer;

    fn name() -> &'static str {
        NAMES[OF]
    }

    fn into_key(self) -> Key {
        self.0.into_key()
    }
}

impl<const OF: usize> Dispatch<Lab> for Ask<OF> {
    fn dispatch<'r>(lab: &'r Lab, requests: Requests<'_, 'r, Self>) {
        let plan = &lab.record.case.plans[OF];
        lab.answer_what_is_due();
        let batch = lab.record.arrives(OF, requests.keys());
        let times = plan.times(batch.number);
        let time = times[0];
        let on_the_way = plan.is_later().then(|| OnTheWay(batch.clone()));
        match plan.way {
            Way::InPlace if plan.by_value => requests.answer_owned(|keys| batch.replies(&keys)),
            Way::InPlace => requests.fill(|keys, answers| answers.extend(batch.replies(keys))),
            Way::SlotsInPlace => requests.batch(|slots| {
                let mut slots: Vec<_> = slots.into_iter().collect();
                shuffle(&mut slots, plan.seed);
                slots.into_iter().for_each(|slot| batch.answer(slot, false));
            }),
            Way::Later => {
                if plan.limit().is_some_and(|limit| time > limit) {
                    requests.keys().iter().for_each(|key| batch.will_be_late(key));
                }
                let slept = async move {
                    lab.clock.sleep(time).await;
                    drop(on_the_way);
                    batch
                };
                if plan.by_value {
                    requests.answer_owned_async(|keys| async move { slept.await.replies(&keys) });
                } else {
                    requests.answer_async(|keys| async move {
                        let replies = slept.await.replies(&keys);
                        keys.answer(replies)
                    });
                }
            }
            Way::SlotsLater | Way::Shelf => requests.batch_async(move |slots| async move {
                let start = lab.clock.now();
                let mut slots: Vec<_> = slots.into_iter().collect();
                shuffle(&mut slots, plan.seed);
                let mut parts: Vec<_> = times
                    .iter()
                    .map(|time| Part {
                        due: start + *time,
                        late: false,
                        batch: batch.clone(),
                        slots: Vec::new(),
                    })
                    .collect();
                for (at, slot) in slots.into_iter().enumerate() {
                    let part = (mix(plan.seed ^ at as u64) % times.len() as u64) as usize;
                    if plan.limit().is_some_and(|limit| times[part] > limit) {
                        parts[part].late = true;
                        batch.will_be_late(slot.key());
                    }
                    parts[part].slots.push(slot);
                }
                let dues: Vec<_> = parts.iter().map(|part| part.due).collect();
                let mut parts = parts.into_iter();
                if plan.way == Way::Shelf {
                    lock(&lab.shelf).extend(&mut parts);
                }
                for due in dues {
                    lab.clock.sleep(due.saturating_sub(lab.clock.now())).await;
                    match parts.next() {
                        Some(part) => part.answer(),
                        None => lab.answer_what_is_due(),
                    }
                }
                drop(on_the_way);
            }),
        }
    }
}

/// Slots that are answered together.
struct Part {
    due: Duration,
    late: bool,
    batch: BatchRecord,
    slots: Vec<Slot<Key, Answer>>,
}

impl Part {
    fn answer(self) {
        self.slots.into_iter().for_each(|slot| self.batch.answer(slot, self.late));
    }
}

/// The context.
#[derive(Context)]
struct Lab {
    record: Record,
    clock: VirtualClock,
    shelf: Mutex<Vec<Part>>,
}

impl Lab {
    /// Answers the slots on the shelf whose time has come; some may be late.
    fn answer_what_is_due(&self) {
        let now = self.clock.now();
        let due: Vec<Part> =
            lock(&self.shelf).extract_if(.., |part: &mut Part| part.due <= now).collect();
        due.into_iter().for_each(Part::answer);
    }
}

// ── what is recorded, and checked on the way ──

#[derive(Clone)]
struct Record {
    case: Arc<Case>,
    run: Arc<Mutex<Run>>,
}

/// What happened in a run so far.
#[derive(Default)]
struct Run {
    round: u64,
    tasks: Vec<TaskState>,
    requests: Vec<RequestState>,
    batches: Vec<BatchState>,
    asked: usize,
    /// For each dispatcher: where in the order of asking the next request has to be, if it is
    /// ordered.
    next_in_order: [usize; DISPATCHERS],
    /// Keys by how often they went wrong; that were answered in time; that could not be, at least
    /// once.
    failures: HashMap<(usize, u64), u32>,
    answered: HashSet<(usize, u64)>,
    late: HashSet<(usize, u64)>,
    /// Requests, as events count them.
    events: Counts,
    kinds: BTreeSet<Kind>,
    /// The last task that has gone on with the answers that are being given: when its request was
    /// asked.
    gone_on: Option<usize>,
    /// At the clock.
    looks: u32,
    /// What should not have happened.
    wrong: Vec<String>,
}

struct TaskState {
    may_be_dropped: bool,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Lives,
    Ended,
    Dropped,
}

struct RequestState {
    task: usize,
    of: usize,
    number: u64,
    /// How many were asked before, if it was.
    asked: Option<usize>,
    /// How often it went out, under its own key.
    sent: u32,
    answers: u32,
    /// By itself, in a task that goes on.
    dropped: bool,
}

struct BatchState {
    of: usize,
    /// Where groups may overtake each other, its group: each has the limit for itself.
    group: Option<u64>,
    round: u64,
    /// Those without an answer: the numbers, and whose requests they are.
    open: Vec<(u64, usize)>,
    /// It is answered by a future that has not ended.
    goes_on: bool,
    /// Nobody waits for it any more: its answers come too late.
    abandoned: bool,
}

impl BatchState {
    fn is_on_the_way(&self) -> bool {
        self.goes_on || !self.open.is_empty()
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    asked: usize,
    answered: usize,
    kept: usize,
    timed_out: usize,
}

/// What there was to be checked: cases in which nothing of all this happens would prove little.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    SeveralInABatch,
    SplitBatch,
    SeveralBatchesOnTheWay,
    HeldByALimit,
    AnsweredInParts,
    Joined,
    Kept,
    Retried,
    TimedOut,
    DroppedWhileQueued,
    DroppedWhileOnTheWay,
    AnsweredTooLate,
    Abandoned,
}

/// What there should be whatever programs do.
const ALWAYS: [Kind; 10] = [
    Kind::SeveralInABatch,
    Kind::SplitBatch,
    Kind::SeveralBatchesOnTheWay,
    Kind::HeldByALimit,
    Kind::AnsweredInParts,
    Kind::Joined,
    Kind::Kept,
    Kind::Retried,
    Kind::TimedOut,
    Kind::AnsweredTooLate,
];

impl Run {
    /// Whether anybody still waits for this request.
    fn waits(&self, request: &RequestState) -> bool {
        request.asked.is_some()
            && request.answers == 0
            && !request.dropped
            && self.tasks[request.task].fate == Fate::Lives
    }

    fn check(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.wrong.push(otherwise());
        }
    }

    /// Whole batches on the way: parts of one left in the same round.
    fn on_the_way(&self, which: impl Fn(usize, Option<u64>) -> bool) -> usize {
        let on_the_way = self
            .batches
            .iter()
            .filter(|batch| batch.is_on_the_way() && which(batch.of, batch.group));
        on_the_way.map(|batch| (batch.of, batch.group, batch.round)).collect::<BTreeSet<_>>().len()
    }
}

impl Record {
    fn new(case: &Case) -> Self {
        Record { case: Arc::new(case.clone()), run: Arc::default() }
    }

    fn run(&self) -> MutexGuard<'_, Run> {
        lock(&self.run)
    }

    fn begins(&self, at: At) -> Running {
        let mut run = self.run();
        run.tasks.push(TaskState { may_be_dropped: at.may_be_dropped, fate: Fate::Lives });
        Running { record: self.clone(), task: run.tasks.len() - 1, shift: at.shift }
    }

    /// A batch is handed to its dispatcher: what must hold then.
    fn arrives(&self, of: usize, keys: &[Key]) -> BatchRecord {
        let plan = &self.case.plans[of];
        let mut run = self.run();
        let run = &mut *run;
        let name = NAMES[of];
        let number = run.batches.len();
        let round = run.round;
        run.check(!keys.is_empty(), || format!("{name} gets an empty batch"));
        run.check(keys.len() <= plan.max_batch.unwrap_or(usize::MAX), || {
            format!("{name} gets more than max_batch: {keys:?}")
        });
        if let Some(by) = plan.groups {
            run.check(keys.iter().all(|key| key.number % by == keys[0].number % by), || {
                format!("{name} gets two groups at once: {keys:?}")
            });
        }
        if plan.retries.is_none() {
            run.check(keys.is_sorted_by_key(|key| key.asked), || {
                format!("{name} gets keys not in the order asked: {keys:?}")
            });
        }
        if plan.keys == Keys::Ordered {
            run.check(run.on_the_way(|other, _| other == of) == 0, || {
                format!("{name} gets {keys:?} before the last batch is back")
            });
            if plan.retries.is_none() {
                run.check(keys[0].asked >= run.next_in_order[of], || {
                    format!("{name} gets {keys:?} after what was asked later")
                });
                run.next_in_order[of] = keys[keys.len() - 1].asked + 1;
            }
        }
        if plan.shares_keys() {
            for (at, key) in keys.iter().enumerate() {
                run.check(!keys[..at].contains(key), || {
                    format!("{name} gets a key twice: {keys:?}")
                });
                let on_the_way = run.batches.iter().any(|batch| {
                    batch.of == of && batch.open.iter().any(|(number, _)| *number == key.number)
                });
                run.check(!on_the_way, || format!("{name} gets {key:?} while it is on the way"));
                let wanted = run.requests.iter().any(|request| {
                    request.of == of && request.number == key.number && run.waits(request)
                });
                run.check(wanted, || format!("{name} gets {key:?}, which nobody waits for"));
            }
        }
        for key in keys {
            let (at, answered) = ((of, key.number), run.answered.contains(&(of, key.number)));
            run.check(!answered || plan.keys != Keys::Cache, || {
                format!("{name} gets {key:?}, which is in its cache")
            });
            let sendings = 1 + plan.retries.as_ref().map_or(0, |retries| retries.failures);
            let request = &mut run.requests[key.request];
            request.sent += 1;
            let (sent, same) = (request.sent, (request.of, request.number) == at);
            run.check(same, || format!("{name} gets {key:?}, which is another's"));
            run.check(sent <= sendings, || format!("{name} gets {key:?} for the {sent}th time"));
            if !plan.shares_keys() {
                run.check(run.waits(&run.requests[key.request]), || {
                    format!("{name} gets {key:?}, which nobody waits for")
                });
            }
        }
        let kinds = [
            (Kind::SeveralInABatch, keys.len() > 1),
            (
                Kind::SplitBatch,
                run.batches.iter().any(|batch| (batch.of, batch.round) == (of, round)),
            ),
        ];
        run.kinds.extend(kinds.into_iter().filter(|(_, seen)| *seen).map(|(kind, _)| kind));

        let group = plan.group_of(keys[0].number);
        run.batches.push(BatchState {
            of,
            group,
            round,
            open: keys.iter().map(|key| (key.number, key.request)).collect(),
            goes_on: plan.is_later(),
            abandoned: false,
        });
        let limit = plan.in_flight().unwrap_or(usize::MAX);
        let on_the_way = run.on_the_way(|other, of_group| (other, of_group) == (of, group));
        if run.on_the_way(|other, _| other == of) > 1 {
            run.kinds.insert(Kind::SeveralBatchesOnTheWay);
        }
        run.check(on_the_way <= limit, || {
            format!("{name} gets a batch beyond its limit of {limit}")
        });
        if let Some(limit) = self.case.in_flight.filter(|_| plan.is_later()) {
            let on_the_way = run.on_the_way(|other, _| self.case.plans[other].is_later());
            run.check(on_the_way <= limit, || {
                format!("{name} gets a batch beyond the schedule's limit of {limit}")
            });
        }
        if self.case.rounds {
            let earlier =
                run.batches.iter().any(|batch| batch.is_on_the_way() && batch.round != round);
            run.check(!earlier, || {
                format!("{name} gets a batch before those of the last round are back")
            });
        }
        BatchRecord { record: self.clone(), number }
    }

    /// Time moves on: nobody can be waiting for anything but time, and nothing is on its way for
    /// nobody.
    fn is_idle(&self) {
        let mut run = self.run();
        let run = &mut *run;
        for at in 0..run.batches.len() {
            let BatchState { of, open, .. } = &run.batches[at];
            let plan = &self.case.plans[*of];
            // What has begun to be written is seen to its end.
            if open.is_empty() || plan.keys == Keys::Ordered {
                continue;
            }
            let asks = |request: &RequestState, number: u64| {
                request.of == *of && request.number == number && run.waits(request)
            };
            let is_wanted = |(number, request): &(u64, usize)| match plan.shares_keys() {
                true => run.requests.iter().any(|request| asks(request, *number)),
                false => run.waits(&run.requests[*request]),
            };
            let is_wanted = open.iter().any(is_wanted);
            run.check(is_wanted, || {
                format!("nobody waits for batch {at}, which is still on its way")
            });
        }
        for (of, plan) in self.case.plans.iter().enumerate() {
            // A key that waits under another request's, and pauses that hold who comes later, are
            // not known here.
            let pauses = plan.retries.is_some() && (plan.keys == Keys::Ordered || self.case.rounds);
            let is_queued = |request: &RequestState| {
                request.of == of && request.sent == 0 && run.waits(request)
            };
            if plan.shares_keys() || pauses || !run.requests.iter().any(is_queued) {
                continue;
            }
            let limit = plan.in_flight().unwrap_or(1);
            let is_full = |group: Option<u64>| {
                run.on_the_way(|other, of_group| (other, of_group) == (of, group)) >= limit
            };
            let free = run
                .requests
                .iter()
                .position(|request| is_queued(request) && !is_full(plan.group_of(request.number)));
            let schedule_limit = self.case.in_flight.filter(|_| plan.is_later()).unwrap_or(128);
            let schedule_full =
                run.on_the_way(|other, _| self.case.plans[other].is_later()) >= schedule_limit;
            let round = self.case.rounds && run.on_the_way(|_, _| true) > 0;
            run.kinds.insert(Kind::HeldByALimit);
            run.check(free.is_none() || schedule_full || round, || {
                format!("request {free:?} of {} waits for nothing", NAMES[of])
            });
        }
    }

    fn hears(&self, event: &Event<'_>) {
        let mut run = self.run();
        match event {
            Event::Round { round, .. } => run.round = *round,
            Event::Asked { .. } => run.events.asked += 1,
            Event::BatchAnswered { len, .. } => {
                run.events.answered += len;
                run.gone_on = None;
            }
            Event::CacheHit { len, .. } => {
                run.events.kept += len;
                run.gone_on = None;
                run.kinds.insert(Kind::Kept);
            }
            Event::TimedOut { len, .. } => {
                run.events.timed_out += len;
                run.kinds.insert(Kind::TimedOut);
            }
            Event::Retried { .. } => {
                run.kinds.insert(Kind::Retried);
            }
            Event::Abandoned { batch, .. } => {
                let batch = &mut run.batches[*batch as usize - 1];
                batch.open.clear();
                (batch.goes_on, batch.abandoned) = (false, true);
                run.kinds.insert(Kind::Abandoned);
            }
            _ => {}
        }
    }

    /// The run is over.
    fn is_over(&self) {
        let mut run = self.run();
        let run = &mut *run;
        for (number, task) in run.tasks.iter().enumerate() {
            if task.fate != Fate::Ended && !(task.fate == Fate::Dropped && task.may_be_dropped) {
                run.wrong.push(format!("task {number} has not ended: {:?}", task.fate));
            }
        }
        for (number, request) in run.requests.iter().enumerate() {
            let dropped = request.dropped || run.tasks[request.task].fate == Fate::Dropped;
            if request.answers != 1 && !dropped {
                run.wrong.push(format!("request {number} has {} answers", request.answers));
            }
        }
        let all = run.requests.iter().filter(|request| request.asked.is_some()).count();
        let Counts { asked, answered, kept, .. } = run.events;
        run.check(asked == all, || format!("events tell of {asked} requests, asked were {all}"));
        if !drops(&self.case.program) {
            run.check(answered + kept == all, || {
                format!("events tell of {answered} + {kept} answers to {all} requests")
            });
        }
    }
}

/// A batch that was handed over.
#[derive(Clone)]
struct BatchRecord {
    record: Record,
    number: usize,
}

impl BatchRecord {
    /// Cannot be answered in time.
    fn will_be_late(&self, key: &Key) {
        let mut run = self.record.run();
        let of = run.batches[self.number].of;
        run.late.insert((of, key.number));
    }

    /// What becomes of a key; nothing if it is to be sent again.
    fn outcome(&self, key: &Key, late: bool) -> Option<Reply> {
        let mut run = self.record.run();
        let run = &mut *run;
        let BatchState { of, open, abandoned, .. } = &mut run.batches[self.number];
        let (of, late) = (*of, late || *abandoned);
        if let Some(at) = open.iter().position(|open| *open == (key.number, key.request)) {
            open.swap_remove(at);
            if !open.is_empty() {
                run.kinds.insert(Kind::AnsweredInParts);
            }
        }
        if late {
            run.kinds.insert(Kind::AnsweredTooLate);
        } else {
            let failures = run.failures.entry((of, key.number)).or_default();
            if *failures
                < self.record.case.plans[of].retries.as_ref().map_or(0, |retries| retries.failures)
            {
                *failures += 1;
                return None;
            }
            run.answered.insert((of, key.number));
        }
        Some(Reply { value: answer_to(of, key.number), request: key.request, late })
    }

    fn reply(&self, key: &Key, late: bool) -> Answer {
        self.outcome(key, late).ok_or_else(|| RequestError::of_dispatcher(Busy))
    }

    fn replies(&self, keys: &[Key]) -> Vec<Answer> {
        keys.iter().map(|key| self.reply(key, false)).collect()
    }

    fn answer(&self, slot: Slot<Key, Answer>, late: bool) {
        let plan = &self.record.case.plans[self.record.run().batches[self.number].of];
        match self.outcome(slot.key(), late) {
            None if plan.retries.as_ref().is_some_and(|retries| retries.by_slot) => slot.retry(),
            None => slot.answer(Err(RequestError::of_dispatcher(Busy))),
            Some(reply) if plan.by_value => slot.answer_with(|_| Ok(reply)),
            Some(reply) => slot.answer(Ok(reply)),
        }
    }
}

/// As long as it is there, its batch may be answered; a future that is dropped gives it up.
struct OnTheWay(BatchRecord);

impl Drop for OnTheWay {
    fn drop(&mut self) {
        let batch = &mut self.0.record.run().batches[self.0.number];
        batch.open.clear();
        batch.goes_on = false;
    }
}

/// No run of a case looks at the clock so often, unless it never ends.
const MANY_LOOKS: u32 = 100_000;

/// Tells of what waits in vain.
struct WatchfulClock {
    clock: VirtualClock,
    record: Record,
}

impl Clock for WatchfulClock {
    fn now(&self) -> Duration {
        let mut run = self.record.run();
        run.looks += 1;
        assert!(run.looks < MANY_LOOKS, "the run goes round without end");
        self.clock.now()
    }

    fn sleep_until(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        self.clock.sleep_until(time)
    }

    fn idle(&self) {
        self.record.is_idle();
        self.clock.idle();
    }
}

// ── the task that runs programs ──

/// Where in a program a task is.
#[derive(Clone, Copy)]
struct At {
    /// Added to all numbers.
    shift: u64,
    may_be_dropped: bool,
}

impl At {
    fn shifted(self, by: u64) -> Self {
        At { shift: self.shift + by, ..self }
    }

    fn in_danger(self) -> Self {
        At { may_be_dropped: true, ..self }
    }
}

/// A task that runs. Dropped before it has ended, it was dropped half-way.
struct Running {
    record: Record,
    task: usize,
    shift: u64,
}

/// What a task asks for.
#[derive(Clone)]
struct Wanted {
    record: Record,
    request: usize,
    number: u64,
}

impl Running {
    fn wants(&self, Wish { of, number }: Wish) -> Wanted {
        let number = (number + self.shift) % NUMBERS;
        let mut run = self.record.run();
        run.requests.push(RequestState {
            task: self.task,
            of,
            number,
            asked: None,
            sent: 0,
            answers: 0,
            dropped: false,
        });
        Wanted { record: self.record.clone(), request: run.requests.len() - 1, number }
    }

    fn ends(self, digest: Digest) -> u64 {
        self.becomes(Fate::Ended);
        digest.0
    }

    fn becomes(&self, fate: Fate) {
        let mut run = self.record.run();
        let run = &mut *run;
        if run.tasks[self.task].fate != Fate::Lives {
            return;
        }
        for request in &run.requests {
            if fate == Fate::Dropped && request.task == self.task && run.waits(request) {
                run.kinds.insert(if request.sent == 0 {
                    Kind::DroppedWhileQueued
                } else {
                    Kind::DroppedWhileOnTheWay
                });
            }
        }
        run.tasks[self.task].fate = fate;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.becomes(Fate::Dropped);
    }
}

impl Wanted {
    fn into_key(self) -> Key {
        let mut run = self.record.run();
        let asked = run.asked;
        run.asked += 1;
        run.requests[self.request].asked = Some(asked);
        Key { number: self.number, request: self.request, asked }
    }

    fn is_dropped(&self) {
        self.record.run().requests[self.request].dropped = true;
    }

    /// The answer is the only one that its task waits for, which goes on as soon as it is there.
    fn gets_alone(&self, answer: Answer) -> u64 {
        let mut run = self.record.run();
        let RequestState { asked, of, .. } = run.requests[self.request];
        let plan = &self.record.case.plans[of];
        if plan.shares_keys() && plan.retries.is_none() {
            let before = run.gone_on.replace(asked.unwrap_or(0));
            run.check(before < asked, || {
                format!("request {} goes on after one that was asked later", self.request)
            });
        }
        drop(run);
        self.gets(answer)
    }

    /// Gives what the answer says, if it is the right one.
    fn gets(&self, answer: Answer) -> u64 {
        let mut run = self.record.run();
        let run = &mut *run;
        let Wanted { request, number, .. } = *self;
        let waits = run.waits(&run.requests[request]);
        run.check(waits, || format!("request {request} gets an answer that it does not wait for"));
        run.requests[request].answers += 1;
        let of = run.requests[request].of;
        let plan = &self.record.case.plans[of];
        match &answer {
            Ok(reply) => {
                let right = reply.value == answer_to(of, number)
                    && !reply.late
                    && (reply.request == request || plan.shares_keys());
                run.check(right, || {
                    format!("request {request} of {} for {number} gets {reply:?}", NAMES[of])
                });
                if reply.request != request && !run.kinds.contains(&Kind::Kept) {
                    run.kinds.insert(Kind::Joined);
                }
                reply.value
            }
            Err(error) => {
                let late = matches!(error, RequestError::TimedOut { dispatcher, limit, .. } if *dispatcher == NAMES[of] && Some(*limit) == plan.limit());
                run.check(late && run.late.contains(&(of, number)), || {
                    format!("request {request} of {} for {number} gets {error:?}", NAMES[of])
                });
                0
            }
        }
    }
}

#[corio::task(Lab)]
fn interpret(program: Program, at: At) -> u64 {
    let lab: &Lab = context!();
    let task = lab.record.begins(at);
    let mut digest = Digest::default();
    let mut spawned = VecDeque::new();
    for step in program.iter() {
        match step.clone() {
            Step::Ask(wish) => {
                let wanted = task.wants(wish);
                let asked = wanted.clone();
                let answer = match wish.of {
                    0 => io!(Ask::<0>(asked)),
                    1 => io!(Ask::<1>(asked)),
                    _ => io!(Ask::<2>(asked)),
                };
                digest.add(wanted.gets_alone(answer));
            }
            Step::AskTwo(first, second) => {
                let (a, b) = (task.wants(first), task.wants(second));
                let asked = (a.clone(), b.clone());
                let answers = match (first.of, second.of) {
                    (0, 0) => io!(Ask::<0>(asked.0), Ask::<0>(asked.1)),
                    (0, 1) => io!(Ask::<0>(asked.0), Ask::<1>(asked.1)),
                    (0, _) => io!(Ask::<0>(asked.0), Ask::<2>(asked.1)),
                    (1, 0) => io!(Ask::<1>(asked.0), Ask::<0>(asked.1)),
                    (1, 1) => io!(Ask::<1>(asked.0), Ask::<1>(asked.1)),
                    (1, _) => io!(Ask::<1>(asked.0), Ask::<2>(asked.1)),
                    (_, 0) => io!(Ask::<2>(asked.0), Ask::<0>(asked.1)),
                    (_, 1) => io!(Ask::<2>(asked.0), Ask::<1>(asked.1)),
                    (_, _) => io!(Ask::<2>(asked.0), Ask::<2>(asked.1)),
                };
                digest.add(a.gets(answers.0));
                digest.add(b.gets(answers.1));
            }
            Step::AskAll(of, numbers) => {
                let wanted: Vec<_> =
                    numbers.into_iter().map(|number| task.wants(Wish { of, number })).collect();
                let asked = wanted.clone().into_iter();
                let answers = match of {
                    0 => io_all!(asked.map(Ask::<0>)),
                    1 => io_all!(asked.map(Ask::<1>)),
                    _ => io_all!(asked.map(Ask::<2>)),
                };
                assert_eq!(answers.len(), wanted.len());
                wanted
                    .iter()
                    .zip(answers)
                    .for_each(|(wanted, answer)| digest.add(wanted.gets(answer)));
            }
            Step::AskWithin(limit, wish) => {
                let (wanted, limit, start) =
                    (task.wants(wish), Duration::from_millis(limit), lab.clock.now());
                let asked = wanted.clone();
                let answer = match wish.of {
                    0 => timeout!(limit, Ask::<0>(asked)),
                    1 => timeout!(limit, Ask::<1>(asked)),
                    _ => timeout!(limit, Ask::<2>(asked)),
                };
                lab.check_time(start, limit, answer.is_ok());
                match answer {
                    Ok(answer) => digest.add(wanted.gets(answer)),
                    Err(_) => wanted.is_dropped(),
                }
            }
            Step::Spawn(child) => spawned.push_back(spawn!(interpret(child, at))),
            Step::Collect => {
                if let Some(handle) = spawned.pop_front() {
                    digest.add(call!(handle));
                }
            }
            Step::Wait => wait!(),
            Step::Call(child) => digest.add(call!(interpret(child, at))),
            Step::All(copies, child) => {
                let results: Vec<u64> =
                    all!((0..copies).map(|copy| interpret(child.clone(), at.shifted(copy))));
                results.into_iter().for_each(|result| digest.add(result));
            }
            Step::Join(a, b) => {
                let (a, b) = join!(interpret(a, at), interpret(b, at));
                digest.add(a);
                digest.add(b);
            }
            Step::JoinRequest(wish, child) => {
                let wanted = task.wants(wish);
                let asked = wanted.clone();
                let (answer, result) = match wish.of {
                    0 => join!(Ask::<0>(asked), interpret(child, at)),
                    1 => join!(Ask::<1>(asked), interpret(child, at)),
                    _ => join!(Ask::<2>(asked), interpret(child, at)),
                };
                digest.add(wanted.gets(answer));
                digest.add(result);
            }
            Step::Race(a, b) => {
                digest.add(race!(interpret(a, at.in_danger()), interpret(b, at.in_danger())))
            }
            Step::Within(limit, child) => {
                let (limit, start) = (Duration::from_millis(limit), lab.clock.now());
                let result = timeout!(limit, interpret(child, at.in_danger()));
                lab.check_time(start, limit, result.is_ok());
                digest.add(result.unwrap_or(0));
            }
            Step::Return => return task.ends(digest),
        }
    }
    task.ends(digest)
}

impl Lab {
    /// After a `timeout!`.
    fn check_time(&self, start: Duration, limit: Duration, in_time: bool) {
        let took = self.clock.now() - start;
        // A child that has returned is in time; it may then wait for children that it has spawned.
        let right = in_time || took == limit;
        self.record.run().check(right, || {
            format!("a timeout of {limit:?} is over after {took:?}; in time: {in_time}")
        });
    }
}

// ── a case ──

#[derive(Clone, Copy, PartialEq, Eq)]
enum Driver {
    Run,
    /// A future that lets others in after every resume.
    OneATime,
    /// The same, and it goes on on another thread each time.
    Everywhere,
}

/// What came of a run.
struct Outcome {
    digest: u64,
    run: Run,
    /// Slots have outlived it. They are heard of in the next run, where answers that are there at
    /// the same time may then be taken in another order.
    leaves_slots: bool,
    everything: String,
    batches: String,
}

/// A schedule for a case, and what it writes down.
struct Setup {
    schedule: Schedule<Lab>,
    everything: Log,
    batches: Log,
}

impl Setup {
    fn new(case: &Case) -> Self {
        let clock = VirtualClock::new();
        let record = Record::new(case);
        let [alpha, beta, gamma] = &case.plans;
        let mut schedule = Schedule::new(Lab {
            record: record.clone(),
            clock: clock.clone(),
            shelf: Mutex::default(),
        })
        .options(Ask::<0>, |options| alpha.options(options))
        .options(Ask::<1>, |options| beta.options(options))
        .options(Ask::<2>, |options| gamma.options(options))
        .seed(7)
        .yield_every(1);
        // A net: nothing takes so long.
        schedule = schedule
            .clock(WatchfulClock { clock, record: record.clone() })
            .timeout(Duration::from_secs(3600));
        if let Some(batches) = case.in_flight {
            schedule = schedule.max_in_flight(batches);
        }
        if case.rounds {
            schedule = schedule.barrier();
        }
        let (everything, batches) = (Log::new(), Log::new());
        schedule = schedule
            .observe(move |event: &Event<'_>| record.hears(event))
            .observe(everything.verbose_observer())
            .observe(batches.observer());
        Setup { schedule, everything, batches }
    }

    fn run(&mut self, driver: Driver) -> Result<Outcome, TestCaseError> {
        let record = self.schedule.context().record.clone();
        *record.run() = Run::default();
        let task = interpret(record.case.program.clone(), At { shift: 0, may_be_dropped: false });
        let result = match driver {
            Driver::Run => self.schedule.run(task),
            Driver::OneATime => smol::block_on(self.schedule.run_local(task)),
            Driver::Everywhere => everywhere(self.schedule.run_async(task)),
        };
        let (everything, batches) = (self.everything.take(), self.batches.take());
        let digest = result.map_err(|error| {
            TestCaseError::fail(format!("the run ends with {error:?}\n{everything}"))
        })?;
        record.is_over();
        let left = mem::take(&mut *lock(&self.schedule.context().shelf));
        let leaves_slots = !left.is_empty();
        drop(left);
        let run = mem::take(&mut *record.run());
        prop_assert!(run.wrong.is_empty(), "{}\n{everything}", run.wrong.join("\n"));
        Ok(Outcome { digest, run, leaves_slots, everything, batches })
    }
}

/// Two logs are the same.
fn check_same(which: &str, first: &str, other: &str) -> Result<(), TestCaseError> {
    let differs = first.lines().zip(other.lines()).enumerate().find(|(_, (a, b))| a != b);
    prop_assert!(
        first == other,
        "{which} something else happens, first in line {differs:?}:\n{first}\nand:\n{other}"
    );
    Ok(())
}

/// All properties of a case. Gives what there was to be checked.
fn check(case: &Case) -> Result<BTreeSet<Kind>, TestCaseError> {
    let mut setup = Setup::new(case);
    let first = setup.run(Driver::Run)?;
    let in_the_same_schedule = setup.run(Driver::Run)?;
    let in_another = Setup::new(case).run(Driver::Run)?;
    let one_at_a_time = Setup::new(case).run(Driver::OneATime)?;
    let everywhere = Setup::new(case).run(Driver::Everywhere)?;
    check_same("in another schedule", &first.everything, &in_another.everything)?;
    if !first.leaves_slots {
        check_same(
            "once more in the same schedule",
            &first.everything,
            &in_the_same_schedule.everything,
        )?;
    }
    check_same("in small steps", &first.batches, &one_at_a_time.batches)?;
    check_same("on several threads", &first.everything, &everywhere.everything)?;
    for other in [&in_the_same_schedule, &in_another, &one_at_a_time, &everywhere] {
        prop_assert_eq!(first.digest, other.digest);
    }
    if !drops(&case.program) {
        let mut requests = 0;
        let digest = predict(&case.program, 0, &mut requests);
        prop_assert_eq!(first.run.requests.len(), requests, "as many requests as the model has");
        prop_assert!(
            first.run.events.timed_out > 0 || first.digest == digest,
            "not what the model gives"
        );
    }
    Ok(first.run.kinds)
}

/// Tries out random cases; so many, and the same ones each time, unless proptest's variables say
/// otherwise.
fn check_many(dropping: bool, expected: &[Kind]) {
    let variable = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let cases = variable("PROPTEST_CASES").unwrap_or(CASES);
    let rng_seed = RngSeed::Fixed(variable("PROPTEST_RNG_SEED").unwrap_or(1).into());
    let config = Config {
        cases,
        rng_seed,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    };
    let seen = RefCell::new(BTreeMap::<Kind, u32>::new());
    // How many were fine before the first that is not; what comes after that is the same case, made
    // smaller.
    let (fine, all_fine) = (Cell::new(0), Cell::new(true));
    let tried = TestRunner::new(config).run(&case(dropping), |case| {
        let were_fine = all_fine.replace(false);
        let kinds = check(&case)?;
        kinds.into_iter().for_each(|kind| *seen.borrow_mut().entry(kind).or_default() += 1);
        all_fine.set(were_fine);
        fine.set(fine.get() + u32::from(were_fine));
        Ok(())
    });
    if let Err(failed) = tried {
        panic!("after {} cases: {failed}", fine.get());
    }
    let seen = seen.into_inner();
    println!("{seen:?} of {cases}");
    for kind in expected {
        assert!(
            seen.get(kind).is_some_and(|seen| *seen * 100 >= cases),
            "{kind:?} is too rare: {seen:?} of {cases}"
        );
    }
}

const CASES: u32 = 2000;

#[test]
fn programs_that_run_to_their_end() {
    check_many(false, &ALWAYS);
}

#[test]
fn programs_whose_tasks_are_dropped() {
    check_many(
        true,
        &[&ALWAYS[..], &[Kind::DroppedWhileQueued, Kind::DroppedWhileOnTheWay, Kind::Abandoned]]
            .concat(),
    );
}
