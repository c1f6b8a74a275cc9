//! The context of a run: what all tasks of a program share.

use std::sync::{Arc, Mutex as StdMutex};

use corio::sync::{Mutex, OnceCell, RwLock, Semaphore, SingleFlight};
use corio::testing::VirtualClock;

use crate::lock;
use crate::model::dispatchers::Pace;
use crate::model::program::{CELLS, MUTEXES, PERMITS, RWLOCKS};
use crate::model::record::{Answered, Record};

#[derive(corio::Context)]
pub(crate) struct Shared {
    /// Of the run that goes on.
    record: StdMutex<Arc<Record>>,
    #[provide(skip)]
    answered: Answered,
    #[provide(skip)]
    pub(crate) clock: VirtualClock,
    #[provide(skip)]
    pub(crate) pace: Pace,
    #[provide(skip)]
    pub(crate) shuffled: bool,
    #[provide(skip)]
    pub(crate) mutexes: [Mutex<u64>; MUTEXES],
    #[provide(skip)]
    pub(crate) rwlocks: [RwLock<u64>; RWLOCKS],
    #[provide(skip)]
    pub(crate) semaphores: [Semaphore; PERMITS.len()],
    #[provide(skip)]
    cells: StdMutex<Arc<[OnceCell<u64>; CELLS]>>,
    #[provide(skip)]
    pub(crate) flights: SingleFlight<usize, u64>,
}

impl Shared {
    pub(crate) fn new(pace: Pace, shuffled: bool, answered: Answered, clock: VirtualClock) -> Self {
        Shared {
            record: StdMutex::new(Record::new(false, answered)),
            answered,
            clock,
            pace,
            shuffled,
            mutexes: Default::default(),
            rwlocks: [RwLock::new(0), RwLock::new(0)],
            semaphores: PERMITS.map(Semaphore::new),
            cells: StdMutex::default(),
            flights: SingleFlight::new(),
        }
    }

    pub(crate) fn record(&self) -> Arc<Record> {
        lock(&self.record).clone()
    }

    pub(crate) fn cells(&self) -> Arc<[OnceCell<u64>; CELLS]> {
        lock(&self.cells).clone()
    }

    /// A new record for the next run. Locks stay as they are; cells are empty again.
    pub(crate) fn begins(&self, may_deadlock: bool) -> Arc<Record> {
        let record = Record::new(may_deadlock, self.answered);
        *lock(&self.cells) = Arc::default();
        *lock(&self.record) = record.clone();
        record
    }
}
