//! What happens in a run, told by the program as it happens, and checked at once.
//!
//! Every task that a program has is a *life*: it is built, begins, ends or is dropped. Lives lie in
//! *scopes*: a scope is what one construct has run, or what one task has spawned. A life that waits
//! for a thing does so under a number, its *waiter*.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard};

use corio::TaskId;

use crate::lock;
use crate::model::dispatchers::{Key, Reply, answer_to};
use crate::model::program::{CELLS, DISPATCHERS, MUTEXES, PERMITS, RWLOCKS, Wish};
use crate::model::rules::{Cell, Flights, Gate, Thing, Waiter};

/// What a task gives: a number made of its results, or an error.
pub(crate) type Outcome = Result<u64, Failure>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Failure(pub(crate) u64);

/// More than there are ever readers.
pub(crate) const WRITER: usize = 1 << 20;

/// Where the things that are there from the beginning stand.
pub(crate) const RWLOCK: usize = MUTEXES;
pub(crate) const SEMAPHORE: usize = RWLOCK + RWLOCKS;
pub(crate) const CELL: usize = SEMAPHORE + PERMITS.len();
pub(crate) const FLIGHTS: usize = CELL + CELLS;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    Built {
        life: usize,
        scope: usize,
    },
    Begins {
        life: usize,
    },
    Ends {
        life: usize,
        outcome: Outcome,
    },
    Dropped {
        life: usize,
    },
    Closed {
        scope: usize,
    },
    Asks {
        life: usize,
        request: usize,
        wish: Wish,
    },
    Sent {
        of: usize,
        requests: Vec<usize>,
    },
    Answered {
        request: usize,
    },
    Gets {
        request: usize,
    },
    Withdrawn {
        request: usize,
    },
    Waits {
        life: usize,
        waiter: Waiter,
        thing: usize,
    },
    Leads {
        waiter: Waiter,
    },
    Led {
        waiter: Waiter,
        value: Option<u64>,
    },
    Passes {
        waiter: Waiter,
    },
    Leaves {
        waiter: Waiter,
    },
    Does {
        thing: usize,
        what: &'static str,
    },
    /// What the schedule tells.
    Started {
        task: TaskId,
        parent: Option<TaskId>,
    },
    Resumed {
        task: TaskId,
    },
    Ended {
        task: TaskId,
    },
}

/// When the children of a scope are cut.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Until {
    Never,
    Error,
    /// At an error, but only as soon as no task can run.
    ErrorSoon,
    End,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) events: Vec<Event>,
    /// What should not have happened.
    pub(crate) wrong: Vec<String>,
    lives: Vec<LifeState>,
    scopes: Vec<ScopeState>,
    alive: BTreeSet<usize>,
    tasks: Tasks,
    requests: Vec<RequestState>,
    open: BTreeSet<usize>,
    /// Batches, by dispatcher.
    on_the_way: [usize; DISPATCHERS],
    things: Vec<Thing>,
    waiters: Vec<(usize, usize)>,
    waiting: BTreeSet<Waiter>,
    /// One that does not have to wait, and so goes on before anything else happens.
    at_once: Option<Waiter>,
    may_deadlock: bool,
    /// What was wrong when things began to be dropped, the last time: at the deadlock, if there is
    /// one.
    pub(crate) last_words: Vec<String>,
    is_torn_down: bool,
    /// How often what is under each lock was counted up.
    pub(crate) counted: [u64; MUTEXES + RWLOCKS],
}

struct LifeState {
    scope: usize,
    fate: Fate,
    /// How many lives below it are alive, and what it waits for itself.
    below: usize,
    waits: usize,
    /// Absent where the schedule does not tell whose turn it is: in members of an error group.
    task: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    Built,
    Lives,
    Ended(Outcome),
    Dropped,
}

impl Fate {
    fn is_over(self) -> bool {
        matches!(self, Fate::Ended(_) | Fate::Dropped)
    }
}

struct ScopeState {
    owner: Option<usize>,
    until: Until,
    /// The child that has decided it: the first that has ended, its own children included; or the
    /// first that has returned an error, which a group hears of at its end.
    decided: Option<usize>,
    /// Children may have to wait before they begin.
    may_wait: bool,
    /// How many lives in it and below are alive, and how many of them are its children.
    alive: usize,
    children: usize,
    /// So many children at a time.
    limit: Option<usize>,
}

/// The tasks that the schedule tells of, in the order in which they start.
#[derive(Default)]
struct Tasks {
    numbers: BTreeMap<TaskId, usize>,
    /// The parent of each, and how many lives in it and below are alive.
    all: Vec<(Option<usize>, usize)>,
    running: Option<usize>,
}

impl Tasks {
    fn count(&mut self, task: Option<usize>, more: bool) {
        let mut at = task;
        while let Some(task) = at {
            let (parent, alive) = &mut self.all[task];
            if more {
                *alive += 1
            } else {
                *alive -= 1
            }
            at = *parent;
        }
    }
}

#[derive(Clone, Copy)]
struct RequestState {
    life: usize,
    wish: Wish,
    sent: bool,
    answered: bool,
}

impl State {
    fn push(&mut self, event: Event) {
        // What it brought may be dropped, as it is not needed.
        if let Some(waiter) = self.at_once.take_if(|_| !matches!(event, Event::Dropped { .. })) {
            let right = matches!(event, Event::Passes { waiter: other } | Event::Leads { waiter: other } if other == waiter);
            self.check(right, || {
                format!("waiter {waiter} need not wait, but {event:?} comes before it goes on")
            });
        }
        self.is_torn_down &= matches!(
            event,
            Event::Dropped { .. }
                | Event::Leaves { .. }
                | Event::Withdrawn { .. }
                | Event::Does { .. }
        );
        self.events.push(event);
    }

    /// Something of a life is dropped; by the end of the run, if nothing else happens any more, and
    /// it was not cut with its scope.
    fn drops(&mut self, life: usize) {
        if self.may_deadlock && !self.is_cut(life) && !mem::replace(&mut self.is_torn_down, true) {
            let wrong = mem::take(&mut self.wrong);
            self.is_quiescent();
            self.last_words = mem::replace(&mut self.wrong, wrong);
        }
    }

    /// Another has decided the scope of this life, or one above it.
    fn is_cut(&self, mut life: usize) -> bool {
        loop {
            let ScopeState { owner, decided, .. } = self.scopes[self.lives[life].scope];
            match (decided, owner) {
                (Some(by), _) if by != life => return true,
                (_, Some(owner)) => life = owner,
                (_, None) => return false,
            }
        }
    }

    pub(crate) fn check(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            let at = self.events.len();
            self.wrong.push(format!("after {at} events: {}", otherwise()));
        }
    }

    /// The task of this life does something: nothing above it may be over by force.
    fn steps(&mut self, life: usize) {
        let fate = self.lives[life].fate;
        self.check(fate == Fate::Lives, || format!("life {life} goes on, which is {fate:?}"));
        let mut at = life;
        loop {
            let scope = self.lives[at].scope;
            let ScopeState { owner, until, decided, .. } = self.scopes[scope];
            self.check(until == Until::ErrorSoon || decided.is_none_or(|by| by == at), || {
                format!(
                    "life {life} goes on, although life {decided:?} has decided its scope {scope}"
                )
            });
            let Some(owner) = owner else { return };
            let dropped = self.lives[owner].fate == Fate::Dropped;
            self.check(!dropped, || {
                format!("life {life} goes on, although life {owner} above it was dropped")
            });
            at = owner;
        }
    }

    fn is_in_a_team(&self, mut life: usize) -> bool {
        loop {
            let ScopeState { owner, until, .. } = self.scopes[self.lives[life].scope];
            match owner {
                Some(owner) if until != Until::ErrorSoon => life = owner,
                _ => return until == Until::ErrorSoon,
            }
        }
    }

    /// A life is alive, or no longer.
    fn count(&mut self, life: usize, more: bool) {
        let add = |count: &mut usize| if more { *count += 1 } else { *count -= 1 };
        if more {
            self.alive.insert(life)
        } else {
            self.alive.remove(&life)
        };
        if !more {
            self.tasks.count(self.lives[life].task, false);
        }
        add(&mut self.scopes[self.lives[life].scope].children);
        let mut at = life;
        loop {
            let scope = &mut self.scopes[self.lives[at].scope];
            add(&mut scope.alive);
            let Some(owner) = scope.owner else { return };
            add(&mut self.lives[owner].below);
            at = owner;
        }
    }

    /// No task can run. Then nobody may be left who could.
    fn is_quiescent(&mut self) {
        let could: Vec<Waiter> = self
            .waiting
            .iter()
            .copied()
            .filter(|waiter| self.things[self.waiters[*waiter].1].rules_ref().granted(*waiter))
            .collect();
        for waiter in could {
            let (life, thing) = self.waiters[waiter];
            self.check(false, || {
                format!("no task can run, but waiter {waiter} (life {life}) at thing {thing} could")
            });
        }
        let cut: Vec<usize> = self
            .alive
            .iter()
            .copied()
            .filter(|life| self.scopes[self.lives[*life].scope].decided.is_some())
            .collect();
        self.check(cut.is_empty(), || format!("no task can run, but lives {cut:?} are still there, although their scopes are decided"));
        let without: Vec<usize> = self
            .alive
            .iter()
            .copied()
            .filter(|life| self.lives[*life].below + self.lives[*life].waits == 0)
            .collect();
        for life in without {
            let LifeState { fate, scope, .. } = self.lives[life];
            let held = fate == Fate::Built && self.scopes[scope].may_wait;
            self.check(held, || {
                format!("no task can run, but life {life}, which is {fate:?}, waits for nothing")
            });
        }
    }

    /// A life is over; so some above it may have ended, which have waited for their children.
    fn ended(&mut self, life: usize) {
        let mut at = Some(life);
        while let Some(life) =
            at.filter(|at| self.lives[*at].fate.is_over() && self.lives[*at].below == 0)
        {
            let scope = &mut self.scopes[self.lives[life].scope];
            let decides = match (scope.until, self.lives[life].fate) {
                (Until::End, Fate::Ended(_)) => true,
                (Until::ErrorSoon, Fate::Ended(outcome)) => outcome.is_err(),
                _ => false,
            };
            if decides {
                scope.decided.get_or_insert(life);
            }
            at = scope.owner;
        }
    }

    fn wants(&self, request: usize) -> bool {
        self.open.contains(&request) && self.lives[self.requests[request].life].fate == Fate::Lives
    }
}

pub(crate) struct Record {
    state: Mutex<State>,
    answered: Answered,
}

/// Who answers what a program asks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answered {
    /// Its run, and the record tells of batches.
    Here,
    /// A hub, for several programs, of which this is one. It says nothing to their records, and
    /// does so with one of its own, which knows no requests.
    ByHub { program: u64 },
}

impl Answered {
    fn program(self) -> u64 {
        match self {
            Answered::Here => 0,
            Answered::ByHub { program } => program,
        }
    }
}

impl Record {
    pub(crate) fn new(may_deadlock: bool, answered: Answered) -> Arc<Self> {
        let mut things: Vec<Thing> = (0..MUTEXES).map(|_| Thing::Gate(Gate::new(1))).collect();
        things.extend((0..RWLOCKS).map(|_| Thing::Gate(Gate::new(WRITER))));
        things.extend(PERMITS.map(|permits| Thing::Gate(Gate::new(permits))));
        things.extend((0..CELLS).map(|_| Thing::Cell(Cell::default())));
        things.push(Thing::Flights(Flights::default()));
        let state = State { things, may_deadlock, ..State::default() };
        Arc::new(Record { state: Mutex::new(state), answered })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(crate) fn root(self: &Arc<Self>) -> Life {
        self.scope(None, Until::Never).child(0)
    }

    fn scope(self: &Arc<Self>, owner: Option<usize>, until: Until) -> Scope {
        let scopes = &mut self.state().scopes;
        scopes.push(ScopeState {
            owner,
            until,
            decided: None,
            may_wait: false,
            alive: 0,
            children: 0,
            limit: None,
        });
        Scope { record: self.clone(), id: scopes.len() - 1, children: Mutex::default() }
    }

    pub(crate) fn check(&self, holds: bool, otherwise: impl FnOnce() -> String) {
        self.state().check(holds, otherwise);
    }

    /// Adds a thing that only a part of the program knows.
    pub(crate) fn add(&self, thing: Thing) -> usize {
        let things = &mut self.state().things;
        things.push(thing);
        things.len() - 1
    }

    /// Something happens to a thing, other than that somebody waits.
    pub(crate) fn does<T>(
        &self,
        thing: usize,
        what: &'static str,
        with: impl FnOnce(&mut Thing) -> T,
    ) -> T {
        let state = &mut *self.state();
        state.push(Event::Does { thing, what });
        with(&mut state.things[thing])
    }

    pub(crate) fn thing<T>(&self, thing: usize, with: impl FnOnce(&mut Thing) -> T) -> T {
        with(&mut self.state().things[thing])
    }

    /// What is under a lock was counted up.
    pub(crate) fn counts(&self, lock: usize) {
        self.state().counted[lock] += 1;
    }

    // ── what the schedule says ──

    pub(crate) fn hears(&self, event: &corio::Event<'_>) {
        let state = &mut *self.state();
        match event {
            corio::Event::Started { task, parent, .. } => {
                state.events.push(Event::Started { task: *task, parent: *parent });
                let parent = parent.and_then(|parent| state.tasks.numbers.get(&parent).copied());
                state.tasks.numbers.insert(*task, state.tasks.all.len());
                state.tasks.all.push((parent, 0));
            }
            corio::Event::Resumed { task, .. } => {
                state.events.push(Event::Resumed { task: *task });
                state.is_torn_down = false;
                state.tasks.running = state.tasks.numbers.get(task).copied();
            }
            corio::Event::Suspended { .. } => state.tasks.running = None,
            corio::Event::Ended { task, .. } => {
                state.events.push(Event::Ended { task: *task });
                state.tasks.running = None;
                let alive = state.tasks.numbers.get(task).map(|task| state.tasks.all[*task].1);
                state.check(alive == Some(0), || {
                    format!("{task:?} has ended, but {alive:?} lives below it have not")
                });
            }
            _ => {}
        }
    }

    // ── what dispatchers say ──

    /// A batch is there: no task can run.
    pub(crate) fn arrives(self: &Arc<Self>, of: usize, keys: &[Key]) -> OnTheWay {
        let state = &mut *self.state();
        state.on_the_way[of] += 1;
        state.check(!keys.is_empty(), || "an empty batch".into());
        if self.answered != Answered::Here {
            return OnTheWay { record: self.clone(), of };
        }
        state.push(Event::Sent { of, requests: keys.iter().map(|key| key.request).collect() });
        state.is_quiescent();
        for key in keys {
            let (wants, again) = (
                state.wants(key.request),
                mem::replace(&mut state.requests[key.request].sent, true),
            );
            let right = state.requests[key.request].wish == Wish { of, number: key.number };
            state.check(wants, || {
                format!("request {} is sent, which nobody waits for", key.request)
            });
            state.check(!again && right, || {
                format!("request {} is sent again, or is another's", key.request)
            });
        }
        OnTheWay { record: self.clone(), of }
    }

    pub(crate) fn answers(&self, of: usize, key: &Key) -> Reply {
        let Key { number, request, program } = *key;
        if self.answered == Answered::Here {
            let state = &mut *self.state();
            state.push(Event::Answered { request });
            state.requests[request].answered = true;
        }
        Reply { value: answer_to(Wish { of, number }), request, program }
    }

    // ── what the clock says ──

    /// Time moves on: nobody can be waiting for anything but time.
    pub(crate) fn is_idle(&self) {
        let state = &mut *self.state();
        state.is_quiescent();
        let wanted: Vec<usize> =
            state.open.iter().copied().filter(|request| state.wants(*request)).collect();
        for request in wanted {
            let RequestState { life, sent, answered, wish } = state.requests[request];
            let held = !sent && state.on_the_way[wish.of] > 0;
            state.check(held || sent, || {
                format!("request {request} is not sent, and nothing is in its way")
            });
            let more = state.open.iter().any(|other| {
                state.requests[*other].life == life && !state.requests[*other].answered
            });
            let children = state.lives[life].below > 0;
            state.check(!answered || more || children, || {
                format!("request {request} was answered, but life {life} does not go on")
            });
        }
    }

    // ── the end ──

    /// The run is over, in whatever way.
    pub(crate) fn is_over(&self, deadlocked: bool) -> State {
        let mut state = mem::take(&mut *self.state());
        let alive = state.alive.clone();
        state.check(alive.is_empty(), || format!("the run is over, but lives {alive:?} are not"));
        let (open, waiting) = (state.open.clone(), state.waiting.clone());
        state.check(open.is_empty() && waiting.is_empty(), || {
            format!("the run is over, but requests {open:?} and waiters {waiting:?} are not")
        });
        let busy: Vec<usize> = (0..state.things.len())
            .filter(|thing| !state.things[*thing].rules_ref().at_rest())
            .collect();
        state.check(busy.is_empty() || deadlocked, || {
            format!("the run is over, but things {busy:?} are in use")
        });
        state
    }
}

/// A batch that may be answered.
pub(crate) struct OnTheWay {
    record: Arc<Record>,
    of: usize,
}

impl Drop for OnTheWay {
    fn drop(&mut self) {
        self.record.state().on_the_way[self.of] -= 1;
    }
}

// ── scopes and lives ──

pub(crate) struct Scope {
    record: Arc<Record>,
    pub(crate) id: usize,
    children: Mutex<Vec<usize>>,
}

impl Scope {
    /// Its children may have to wait before they begin.
    pub(crate) fn may_wait(&self) {
        self.record.state().scopes[self.id].may_wait = true;
    }

    /// There are never more than so many children.
    pub(crate) fn limited(&self, limit: Option<usize>) {
        self.record.state().scopes[self.id].limit = limit;
    }

    pub(crate) fn child(&self, shift: u64) -> Life {
        let state = &mut *self.record.state();
        let life = state.lives.len();
        let beside = state.scopes[self.id].children;
        let room = state.scopes[self.id].limit.is_none_or(|limit| beside < limit);
        state.check(room, || {
            format!("a child is built, although {beside} are there, and no more are allowed")
        });
        state.push(Event::Built { life, scope: self.id });
        state.lives.push(LifeState {
            scope: self.id,
            fate: Fate::Built,
            below: 0,
            waits: 0,
            task: None,
        });
        state.count(life, true);
        lock(&self.children).push(life);
        Life { record: self.record.clone(), id: life, shift, spawns: None }
    }

    /// What it has run is over, and has given these, in order.
    pub(crate) fn gave(&self, outcomes: &[Outcome]) {
        self.closes();
        let children = lock(&self.children).clone();
        self.record.check(children.len() == outcomes.len(), || {
            format!("{} children gave {} results", children.len(), outcomes.len())
        });
        for (child, outcome) in children.into_iter().zip(outcomes) {
            self.gave_one(child, outcome);
        }
    }

    pub(crate) fn gave_one(&self, child: usize, outcome: &Outcome) {
        let state = &mut *self.record.state();
        let fate = state.lives[child].fate;
        state.check(fate == Fate::Ended(*outcome), || {
            format!("life {child} is {fate:?}, but its result was {outcome:?}")
        });
        let below = state.lives[child].below;
        state.check(below == 0, || {
            format!("the result of life {child} is there, but {below} below it are alive")
        });
    }

    /// What it has run is over, and has given what the child that decided gave.
    pub(crate) fn was_decided(&self, outcome: &Outcome) {
        self.closes();
        let state = &mut *self.record.state();
        let by = state.scopes[self.id].decided.map(|life| state.lives[life].fate);
        state.check(by == Some(Fate::Ended(*outcome)), || {
            format!("the scope was decided by {by:?}, but gave {outcome:?}")
        });
    }

    /// What it has run is over, and has given what one of the children gave that had ended.
    pub(crate) fn was_decided_by_one(&self, outcome: &Outcome) {
        self.closes();
        let children = lock(&self.children).clone();
        let state = &mut *self.record.state();
        let right = children.iter().any(|child| {
            let LifeState { fate, below, .. } = state.lives[*child];
            fate == Fate::Ended(*outcome) && below == 0
        });
        state.check(right, || format!("no child that had ended has given {outcome:?}"));
    }

    /// What it has run was over before any child could decide.
    pub(crate) fn was_cut(&self) {
        self.closes();
        let state = &mut *self.record.state();
        let decided = state.scopes[self.id].decided;
        state.check(decided.is_none(), || {
            format!("the scope was cut, although life {decided:?} had decided it")
        });
    }

    pub(crate) fn closes(&self) {
        let state = &mut *self.record.state();
        state.push(Event::Closed { scope: self.id });
        let alive = state.scopes[self.id].alive;
        state.check(alive == 0, || {
            format!("scope {} is over, but {alive} in it are alive", self.id)
        });
    }
}

/// A task. Dropped before it has ended, it was dropped half-way.
pub(crate) struct Life {
    pub(crate) record: Arc<Record>,
    pub(crate) id: usize,
    /// Added to all numbers.
    pub(crate) shift: u64,
    /// What it spawns lies here.
    spawns: Option<Scope>,
}

impl Life {
    pub(crate) fn begins(&mut self) {
        {
            let state = &mut *self.record.state();
            let fate = mem::replace(&mut state.lives[self.id].fate, Fate::Lives);
            state.check(fate == Fate::Built, || {
                format!("life {} begins, which is {fate:?}", self.id)
            });
            state.push(Event::Begins { life: self.id });
            let task = state.tasks.running.filter(|_| !state.is_in_a_team(self.id));
            state.lives[self.id].task = task;
            state.tasks.count(task, true);
            state.steps(self.id);
        }
        self.spawns = Some(self.opens(Until::Never));
    }

    pub(crate) fn ends(self, outcome: Outcome) -> Outcome {
        let state = &mut *self.record.state();
        state.steps(self.id);
        state.push(Event::Ends { life: self.id, outcome });
        state.lives[self.id].fate = Fate::Ended(outcome);
        state.count(self.id, false);
        let scope = &mut state.scopes[state.lives[self.id].scope];
        if scope.until == Until::Error && outcome.is_err() {
            scope.decided.get_or_insert(self.id);
        }
        state.ended(self.id);
        outcome
    }

    pub(crate) fn opens(&self, until: Until) -> Scope {
        self.record.scope(Some(self.id), until)
    }

    pub(crate) fn spawns(&self) -> &Scope {
        self.spawns.as_ref().expect("it has begun")
    }

    pub(crate) fn steps(&self) {
        self.record.state().steps(self.id);
    }

    pub(crate) fn wants(&self, wish: Wish) -> (Wanted, Key) {
        let wish = Wish { of: wish.of, number: wish.number + self.shift };
        let state = &mut *self.record.state();
        state.steps(self.id);
        let request = state.requests.len();
        state.push(Event::Asks { life: self.id, request, wish });
        state.requests.push(RequestState { life: self.id, wish, sent: false, answered: false });
        state.open.insert(request);
        state.lives[self.id].waits += 1;
        let (number, program) = (wish.number, self.record.answered.program());
        (Wanted { record: self.record.clone(), request }, Key { number, request, program })
    }

    /// Asks a thing, and waits from here on.
    pub(crate) fn waits(&self, thing: usize, asks: impl FnOnce(&mut Thing, Waiter)) -> Waiting {
        let state = &mut *self.record.state();
        state.steps(self.id);
        let waiter = state.waiters.len();
        state.push(Event::Waits { life: self.id, waiter, thing });
        state.waiters.push((self.id, thing));
        state.waiting.insert(waiter);
        state.lives[self.id].waits += 1;
        asks(&mut state.things[thing], waiter);
        state.at_once = state.things[thing].rules_ref().granted(waiter).then_some(waiter);
        Waiting { record: self.record.clone(), waiter, thing, life: self.id }
    }

    /// A waiter that does not wait.
    pub(crate) fn takes(&self, thing: usize, takes: impl FnOnce(&mut Thing, Waiter)) -> Waiter {
        let state = &mut *self.record.state();
        state.steps(self.id);
        let waiter = state.waiters.len();
        state.push(Event::Does { thing, what: "takes" });
        state.waiters.push((self.id, thing));
        takes(&mut state.things[thing], waiter);
        waiter
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let state = &mut *self.record.state();
        if state.lives[self.id].fate.is_over() {
            return;
        }
        state.drops(self.id);
        state.push(Event::Dropped { life: self.id });
        state.lives[self.id].fate = Fate::Dropped;
        state.count(self.id, false);
        // A panic unwinds the frame of the task that panics before anything else is dropped.
        if !std::thread::panicking() {
            let below = state.lives[self.id].below;
            state.check(below == 0, || {
                format!("life {} is dropped, but {below} below it are alive", self.id)
            });
        }
    }
}

/// A request that was asked.
pub(crate) struct Wanted {
    record: Arc<Record>,
    pub(crate) request: usize,
}

impl Wanted {
    /// Gives what the reply says, if it is the right one.
    pub(crate) fn gets(&self, reply: Reply) -> u64 {
        let by = self.record.answered;
        let state = &mut *self.record.state();
        state.push(Event::Gets { request: self.request });
        let RequestState { life, wish, answered, .. } = state.requests[self.request];
        let right = (reply.program, reply.request) == (by.program(), self.request)
            && reply.value == answer_to(wish)
            && (answered || by != Answered::Here);
        state.check(right, || format!("request {} for {wish:?} gets {reply:?}", self.request));
        let first = state.open.remove(&self.request);
        state.check(first, || format!("request {} gets two answers", self.request));
        state.lives[life].waits -= usize::from(first);
        state.steps(life);
        reply.value
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        let state = &mut *self.record.state();
        if state.open.contains(&self.request) {
            let life = state.requests[self.request].life;
            state.drops(life);
            state.open.remove(&self.request);
            state.lives[life].waits -= 1;
            state.push(Event::Withdrawn { request: self.request });
        }
    }
}

/// A life waits for a thing.
pub(crate) struct Waiting {
    record: Arc<Record>,
    pub(crate) waiter: Waiter,
    pub(crate) thing: usize,
    life: usize,
}

impl Waiting {
    /// It goes on.
    pub(crate) fn passes(self) -> Waiter {
        let state = &mut *self.record.state();
        state.push(Event::Passes { waiter: self.waiter });
        state.waiting.remove(&self.waiter);
        state.lives[self.life].waits -= 1;
        let rules = state.things[self.thing].rules();
        let granted = rules.granted(self.waiter);
        rules.passes(self.waiter);
        state.check(granted, || {
            format!("waiter {} goes on at thing {}, out of turn", self.waiter, self.thing)
        });
        state.steps(self.life);
        self.waiter
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let state = &mut *self.record.state();
        if state.waiting.contains(&self.waiter) {
            state.drops(self.life);
            state.waiting.remove(&self.waiter);
            state.lives[self.life].waits -= 1;
            state.push(Event::Leaves { waiter: self.waiter });
            state.things[self.thing].rules().leaves(self.waiter);
        }
    }
}

/// Runs the task that makes a value for itself and others.
pub(crate) struct Leading {
    record: Arc<Record>,
    waiter: Waiter,
    thing: usize,
}

impl Waiting {
    pub(crate) fn leading(&self) -> Leading {
        Leading { record: self.record.clone(), waiter: self.waiter, thing: self.thing }
    }
}

impl Leading {
    pub(crate) fn leads(&self) {
        let state = &mut *self.record.state();
        state.push(Event::Leads { waiter: self.waiter });
        let right = match &mut state.things[self.thing] {
            Thing::Cell(cell) => cell.leads(self.waiter),
            Thing::Flights(flights) => flights.leads(self.waiter),
            _ => false,
        };
        state.check(right, || {
            format!("waiter {} leads at thing {}, out of turn", self.waiter, self.thing)
        });
    }

    pub(crate) fn led(&self, value: Option<u64>) {
        let state = &mut *self.record.state();
        state.push(Event::Led { waiter: self.waiter, value });
        match &mut state.things[self.thing] {
            Thing::Cell(cell) => cell.led(self.waiter, value),
            Thing::Flights(flights) => flights.led(self.waiter, value.unwrap_or(0)),
            _ => {}
        }
    }
}
