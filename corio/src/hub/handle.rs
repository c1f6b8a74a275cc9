//! The handle of a hub: making it, asking, driving.

use std::any::TypeId;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::ask::Ask;
use super::drive::Drive;
use super::inner::{Handle, HubInner, Work};
use super::shared_dispatch::SharedDispatch;
use super::shutdown::Shutdown;
use super::snapshot::{DispatcherSnapshot, HubSnapshot};
use super::through::Shares;
use crate::dispatch::{Options, Request};
use crate::observe::Observer;
use crate::util::{Clock, Time};

/// Where runs and plain async code share dispatchers: their requests leave in batches together.
///
/// A hub has a context of its own, with what all askers share (connection pools, clients), and
/// spawns what it does on an executor of yours. What is asked while a batch is in flight gathers,
/// and leaves together when it is back: no timer, and no delay to tune. Nobody waits for another
/// asker, and what one does wrong or gives up concerns no other.
///
/// - A run goes [through](crate::Config::through) it: what it asked when none of its tasks can run
///   arrives as one packet.
/// - Plain async code [asks](Hub::ask) for one thing; what is asked in a [drive](Hub::drive) leaves
///   when the driven future waits.
///
/// Dispatchers say `shared`:
///
/// ```
/// use std::collections::HashMap;
/// use corio::Hub;
///
/// #[derive(corio::Context)]
/// struct App { db: Db }
///
/// # struct Db;
/// # impl Db {
/// #     async fn names(&self, ids: &[u64]) -> HashMap<u64, String> {
/// #         ids.iter().map(|id| (*id, format!("user {id}"))).collect()
/// #     }
/// # }
/// #[corio::dispatcher(shared, max_batch = 500)]
/// async fn user_name(db: &Db, ids: &[u64]) -> HashMap<u64, String> {
///     db.names(ids).await
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let hub = Hub::new(App { db: Db }, |work| drop(tokio::spawn(work)));
/// let (emma, jane) = tokio::join!(hub.ask(user_name(1)), hub.ask(user_name(2)));
/// assert_eq!((emma?.as_deref(), jane?.as_deref()), (Some("user 1"), Some("user 2")));
/// assert_eq!(hub.snapshot().batches(), 1);
/// # Ok::<(), corio::RequestError>(()) }).unwrap();
/// ```
///
/// # Who shares what
///
/// A dispatcher may take pieces that only the asker has, its tenant say, if it says so:
/// `shared, by = |tenant: &Tenant| tenant.clone()`. Then only requests of equal tenants share a
/// batch, an answer or a cached one. Plain code names it: [`ask_for`](Hub::ask_for). A piece that
/// is neither in the hub's context nor given by `by` is a compile error.
///
/// # Rules
///
/// - **When a batch leaves.** A packet arrives, and its dispatcher (or its part and group) has a
///   place: then it leaves as soon as the executor comes to it, with whatever was asked until then.
///   Without a place it waits, and leaves with all that waits when a place is free.
/// - **Places.** `max_in_flight` of the dispatcher counts for each part and group, and
///   [`Hub::max_in_flight`] for all together. Places of all are granted in turn.
/// - **Fairness.** Where more waits than fits into a batch, packets take turns: a small one waits
///   for a few batches, however large others are. Each packet keeps its order; with `ordered`, all
///   do.
/// - **Answers** of a batch become visible to a run, or to a drive, together.
/// - **Dedup** is within a batch: a request never joins one that is in flight, which may have read
///   before the asker wrote. (Within a run it does: there the order is known.)
/// - **Trouble** with a batch is told to those aboard: an error for each that asked, and the hub
///   goes on.
/// - **Giving up.** What nobody waits for any more does not leave. A batch in flight that nobody
///   waits for is dropped, unless it is `ordered`, and its place is free.
/// - **A batch function** that asks its own dispatcher gets an error at once. Two that ask each
///   other wait for each other, if both have all their places used: give one of them a `timeout`.
///
/// # How it ends
///
/// When the last handle is dropped (the [`Config`](crate::Config)s that go through it hold one), or
/// by [`shutdown`](Hub::shutdown), which waits for what is in flight. A hub in its own context
/// holds itself: shut it down.
///
/// # A connection in the hand
///
/// Who holds a connection of a pool while asking a hub whose dispatchers need one of the same pool
/// may wait for himself, when all connections are in such hands. Ask first and take the connection
/// then, or give the dispatcher a `timeout`.
pub struct Hub<H: Send + Sync + 'static>(Arc<Handle<H>>);

impl<H: Send + Sync + 'static> Clone for Hub<H> {
    fn clone(&self) -> Self {
        Hub(self.0.clone())
    }
}

impl<H: Send + Sync + 'static> Hub<H> {
    /// Makes a hub over this context, which has futures polled by `spawner`: any function that
    /// hands a future to an executor. On tokio, [`spawn::tokio`](crate::spawn::tokio) goes to one
    /// runtime from any thread; `tokio::spawn` itself goes to that of the thread which asks, and
    /// panics on others.
    ///
    /// If the executor drops what was spawned, whoever waits gets
    /// [`Unavailable`](crate::RequestError::Unavailable), and what is asked later is spawned anew.
    pub fn new(context: H, spawner: impl Fn(Work) + Send + Sync + 'static) -> Self {
        Hub(Arc::new(Handle { inner: Arc::new(HubInner::new(context, Box::new(spawner))) }))
    }

    // ── settings ──

    /// For a setting, made before the hub is used.
    fn set(mut self, set: impl FnOnce(&mut HubInner<H>)) -> Self {
        let inner = Arc::get_mut(&mut self.0).and_then(|handle| Arc::get_mut(&mut handle.inner));
        set(inner.expect("corio: a hub is told its settings before it is cloned or asked"));
        self
    }

    /// Answers what runs ask of this dispatcher when they go [through](crate::Config::through) the
    /// hub. Plain code may ask any `shared` dispatcher, this or another.
    ///
    /// # Panics
    /// As all settings, if the hub was cloned or asked before.
    pub fn share<K, R: SharedDispatch<H>>(self, _dispatcher: impl FnOnce(K) -> R) -> Self {
        self.set(|inner| {
            inner.settings.shared.insert(TypeId::of::<R>(), Box::new(Shares::<R>(PhantomData)));
        })
    }

    /// Limits the batches in flight of all dispatchers together, for a pool of connections that
    /// they share: without it, those that have got no connection wait for one where nothing
    /// gathers. No limit unless told.
    ///
    /// # Panics
    /// If `batches` is 0, or the hub was cloned or asked before.
    pub fn max_in_flight(self, batches: usize) -> Self {
        assert!(batches > 0, "max_in_flight must be at least 1");
        self.set(|inner| inner.limit(batches))
    }

    /// Limits the requests of each dispatcher that wait for their batch. More are refused, with
    /// [`Unavailable::Full`](crate::Unavailable::Full); what a run or a drive asks at once is
    /// refused or taken as a whole, and where nothing waits it is taken whatever its size.
    ///
    /// Without a limit who asks waits, and what is queued takes as much memory as those who ask:
    /// each holds its key, here or in its own hands. So a limit is for a server that would rather
    /// refuse than let everybody wait.
    ///
    /// # Panics
    /// If `requests` is 0, or the hub was cloned or asked before.
    pub fn max_queued(self, requests: usize) -> Self {
        assert!(requests > 0, "max_queued must be at least 1");
        self.set(|inner| inner.settings.max_queued = requests)
    }

    /// Changes options of one dispatcher in this hub; see
    /// [`Config::options`](crate::Config::options).
    ///
    /// # Panics
    /// If the hub was cloned or asked before.
    pub fn options<K, R: Request>(
        self,
        _dispatcher: impl FnOnce(K) -> R,
        change: impl FnOnce(Options<R::Key, R::Answer>) -> Options<R::Key, R::Answer>,
    ) -> Self {
        self.set(|inner| {
            let changed = change(inner.options::<R>());
            inner.settings.options.insert(TypeId::of::<R>(), Box::new(changed));
        })
    }

    /// Time limits, pauses and caches look at this clock instead of the system's.
    ///
    /// # Panics
    /// If the hub was cloned or asked before.
    pub fn clock(self, clock: impl Clock + 'static) -> Self {
        self.set(|inner| inner.settings.time = Time::new(Some(Arc::new(clock))))
    }

    /// Seeds what is random (the jitter of pauses).
    ///
    /// # Panics
    /// If the hub was cloned or asked before.
    pub fn seed(self, seed: u64) -> Self {
        self.set(|inner| inner.settings.seed = Some(seed))
    }

    /// Tells an observer of the batches of this hub. A run's own observer hears of its packets.
    ///
    /// # Panics
    /// If the hub was cloned or asked before.
    pub fn observe(self, observer: impl Observer + Send + 'static) -> Self {
        self.set(|inner| {
            let observers = inner.settings.observers.get_or_insert_default();
            let observers = Arc::get_mut(observers).map(Mutex::get_mut);
            let observers = observers.expect("not shared yet").expect("not locked yet");
            observers.push(Box::new(observer));
        })
    }

    // ── asking ──

    /// Asks for one thing. What others ask until the executor comes to it leaves in the same batch.
    ///
    /// In a [drive](Hub::drive) it leaves with all else that is asked there.
    ///
    /// # Errors
    /// Trouble with the batch, or the hub. What the dispatcher itself says is in the answer; with
    /// the option `faults = "error"` trouble is there too, and this is no error.
    pub fn ask<R: SharedDispatch<H, Part = ()>>(&self, request: R) -> Ask<H, R> {
        Ask::new(self.0.clone(), (), request)
    }

    /// Asks on behalf of a part: a tenant, say, whose requests share a batch with no other's.
    ///
    /// # Errors
    /// As [`ask`](Hub::ask).
    pub fn ask_for<R: SharedDispatch<H>>(&self, part: R::Part, request: R) -> Ask<H, R> {
        Ask::new(self.0.clone(), part, request)
    }

    /// Drives a future: what is asked in it leaves when it waits for something else, in one packet
    /// a dispatcher. So futures that are joined in it share batches, as tasks of a run do.
    ///
    /// On an executor with one thread that is exact. On several it is where the executor polls no
    /// part of it meanwhile; a part that it spawns takes part with [`follow`](Hub::follow). A drive
    /// in a drive of the same hub is a part of it.
    ///
    /// ```
    /// # use corio::Hub;
    /// #[corio::dispatcher(shared)]
    /// async fn double(numbers: &[u64]) -> Vec<u64> {
    ///     numbers.iter().map(|n| n * 2).collect()
    /// }
    ///
    /// async fn twice(hub: &Hub<()>, n: u64) -> u64 {
    ///     let doubled = hub.ask(double(n)).await.unwrap();
    ///     hub.ask(double(doubled)).await.unwrap()
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let hub = Hub::new((), |work| drop(tokio::spawn(work)));
    /// let both = hub.drive(async { tokio::join!(twice(&hub, 1), twice(&hub, 10)) }).await;
    /// assert_eq!(both, (4, 40));
    /// assert_eq!(hub.snapshot().batches(), 2);
    /// # });
    /// ```
    pub fn drive<F: Future>(&self, future: F) -> Drive<H, F> {
        Drive::new(self.0.clone(), future)
    }

    /// Makes a future that is spawned elsewhere a part of the drive in which this is called:
    /// nothing of that drive leaves while this can go on. Outside of drives it is a drive of its
    /// own.
    pub fn follow<F: Future>(&self, future: F) -> Drive<H, F> {
        Drive::following(self.0.clone(), future)
    }

    // ── looking, and ending ──

    /// What is going on, by dispatcher.
    pub fn snapshot(&self) -> HubSnapshot {
        let mut dispatchers = Vec::new();
        self.inner().each_count(|name, counts| {
            dispatchers.push(DispatcherSnapshot::new(name, counts));
        });
        HubSnapshot::new(dispatchers)
    }

    /// Takes nothing new, and waits until all that was asked before is answered, at most this long;
    /// what is left by then is given up. Requests that are refused or given up get
    /// [`Unavailable::ShutDown`](crate::Unavailable::ShutDown).
    pub fn shutdown(&self, limit: Duration) -> Shutdown<H> {
        Shutdown::new(self.inner().clone(), limit)
    }

    /// The hub's context.
    pub fn context(&self) -> &H {
        self.inner().context()
    }

    pub(super) fn inner(&self) -> &Arc<HubInner<H>> {
        &self.0.inner
    }
}

impl<H: Send + Sync + 'static> fmt::Debug for Hub<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("dispatchers", &self.snapshot()).finish_non_exhaustive()
    }
}
