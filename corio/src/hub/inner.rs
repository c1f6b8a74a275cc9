//! What the handles of a hub, its queues and its drivers share.
//!
//! Drivers hold it, and it does not hold them: when the last handle is gone, the hub closes, and
//! each driver ends as soon as its lane is idle.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use super::counts::Counts;
use super::drivers::Drivers;
use super::places::Places;
use crate::dispatch::{Options, Request};
use crate::observe::{BoxedObserver, Event, Observers};
use crate::util::Time;

/// What a hub spawns: a future that never fails, polled by the executor until it is ready.
pub type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

pub(super) type Spawner = Box<dyn Fn(Work) + Send + Sync>;

pub(super) struct HubInner<H: Send + Sync + 'static> {
    context: H,
    spawner: Spawner,
    pub(super) settings: Settings<H>,
    places: Places,
    drivers: Drivers,
    next_batch: AtomicU64,
    is_closing: AtomicBool,
    is_cancelled: AtomicBool,
    /// The queues by the type of their requests, each an `Arc<HubQueue<H, R>>`.
    queues: RwLock<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
    /// The names and counts of the queues, in the order in which they were opened.
    counts: Mutex<Vec<(&'static str, Arc<Counts>)>>,
}

/// What a hub was told before it was used.
pub(super) struct Settings<H: Send + Sync + 'static> {
    pub(super) time: Arc<Time>,
    pub(super) max_in_flight: usize,
    pub(super) max_queued: usize,
    pub(super) seed: Option<u64>,
    pub(super) observers: Option<Arc<Mutex<Vec<BoxedObserver>>>>,
    /// Changed options, by the type of the request.
    pub(super) options: HashMap<TypeId, Box<dyn Any + Send + Sync>>,
    /// How the carriers of the dispatchers that runs share are made.
    pub(super) shared: HashMap<TypeId, Box<dyn SharesRequest<H>>>,
}

impl<H: Send + Sync + 'static> Default for Settings<H> {
    fn default() -> Self {
        Settings {
            time: Time::new(None),
            max_in_flight: usize::MAX,
            max_queued: usize::MAX,
            seed: None,
            observers: None,
            options: HashMap::new(),
            shared: HashMap::new(),
        }
    }
}

impl<H: Send + Sync + 'static> HubInner<H> {
    pub(super) fn new(context: H, spawner: Spawner) -> Self {
        HubInner {
            context,
            spawner,
            settings: Settings::default(),
            places: Places::new(usize::MAX),
            drivers: Drivers::default(),
            next_batch: AtomicU64::new(1),
            is_closing: AtomicBool::new(false),
            is_cancelled: AtomicBool::new(false),
            queues: RwLock::default(),
            counts: Mutex::default(),
        }
    }

    /// Limits batches in flight of all dispatchers; before the hub is used.
    pub(super) fn limit(&mut self, batches: usize) {
        self.settings.max_in_flight = batches;
        self.places = Places::new(batches);
    }

    pub(super) fn context(&self) -> &H {
        &self.context
    }

    pub(super) fn spawn(&self, work: Work) {
        (self.spawner)(work);
    }

    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    pub(super) fn drivers(&self) -> &Drivers {
        &self.drivers
    }

    pub(super) fn time(&self) -> &Arc<Time> {
        &self.settings.time
    }

    pub(super) fn seed(&self) -> Option<u64> {
        self.settings.seed
    }

    /// How many requests of a dispatcher may wait.
    pub(super) fn max_queued(&self) -> usize {
        self.settings.max_queued
    }

    pub(super) fn next_batch(&self) -> u64 {
        self.next_batch.fetch_add(1, Ordering::Relaxed)
    }

    /// The observers of a lane: they pass on what happens to those of the hub.
    pub(super) fn observers(&self) -> Observers {
        let observers = Observers::default();
        if let Some(of_hub) = self.settings.observers.clone() {
            observers.add(Box::new(move |event: &Event<'_>| {
                // Rounds are a matter of runs.
                if !matches!(event, Event::Round { .. }) {
                    let mut of_hub = of_hub.lock().unwrap_or_else(PoisonError::into_inner);
                    of_hub.iter_mut().for_each(|observer| observer.on(event));
                }
            }));
        }
        observers
    }

    /// The options of `R`, as this hub may have changed them.
    pub(super) fn options<R: Request>(&self) -> Options<R::Key, R::Answer> {
        let changed = self.settings.options.get(&TypeId::of::<R>());
        changed.and_then(|any| any.downcast_ref()).copied().unwrap_or(R::OPTIONS)
    }

    /// The queue of `R`, of type `Q`. If there is none yet, `open` makes it.
    pub(super) fn queue<R: Request, Q: Send + Sync + 'static>(
        &self,
        open: impl FnOnce(Arc<Counts>) -> Q,
    ) -> Arc<Q> {
        let id = TypeId::of::<R>();
        let found = self.queues.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        let queue = found.unwrap_or_else(|| {
            let counts = Arc::new(Counts::default());
            // Code of the user's makes groups: not under the lock.
            let queue: Arc<dyn Any + Send + Sync> = Arc::new(open(counts.clone()));
            let mut queues = self.queues.write().unwrap_or_else(PoisonError::into_inner);
            let open_queue = || {
                let mut all = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
                all.push((R::name(), counts));
                queue
            };
            queues.entry(id).or_insert_with(open_queue).clone()
        });
        queue.downcast().expect("one type of queue for each type of request")
    }

    /// Calls `f` with the name and the counts of each queue.
    pub(super) fn each_count(&self, mut f: impl FnMut(&'static str, &Counts)) {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().for_each(|(name, counts)| f(name, counts));
    }

    // ── the end ──

    /// Whether nothing new is taken.
    pub(super) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    /// Whether what is queued or in flight is given up.
    pub(super) fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Acquire)
    }

    /// Takes nothing new; drivers end when their lanes are idle.
    pub(super) fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
        self.drivers.wake_all();
    }

    /// Gives up what is left.
    pub(super) fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Release);
        self.drivers.wake_all();
    }
}

/// Makes the carrier of one kind of request, with the type of the request erased.
pub(super) trait SharesRequest<H: Send + Sync + 'static>: Send + Sync {
    /// An `Arc<dyn Carrier<R>>` to this hub.
    fn carrier(&self, hub: &Arc<HubInner<H>>) -> Box<dyn Any>;
}

/// What the clones of a hub share, and all who may ask it. When it is dropped, the hub closes.
pub(super) struct Handle<H: Send + Sync + 'static> {
    pub(super) inner: Arc<HubInner<H>>,
}

impl<H: Send + Sync + 'static> Handle<H> {
    /// A number that no other hub has meanwhile.
    pub(super) fn id(&self) -> usize {
        Arc::as_ptr(&self.inner).addr()
    }
}

impl<H: Send + Sync + 'static> Drop for Handle<H> {
    fn drop(&mut self) {
        self.inner.close();
    }
}
