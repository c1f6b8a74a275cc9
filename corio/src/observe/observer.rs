//! Who hears of the events of a run, and where they are kept.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::event::Event;

/// Hears of everything that happens in a run, in order: logs, spans, statistics, pictures.
///
/// Any `FnMut(&Event)` is one. A schedule has as many as it is given, and each hears every event,
/// in the order in which they were given. An observer must not use the schedule that it observes.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
///
/// #[corio::dispatcher]
/// fn double(numbers: &[u64]) -> Vec<u64> {
///     numbers.iter().map(|n| n * 2).collect()
/// }
///
/// #[corio::task]
/// fn program() -> (u64, u64) {
///     io!(double(1), double(2))
/// }
///
/// let batches = Arc::new(AtomicUsize::new(0));
/// let count = batches.clone();
/// let log = corio::Log::new();
/// let mut schedule = corio::Schedule::new(())
///     .observe(move |event: &corio::Event<'_>| {
///         if let corio::Event::BatchSent { .. } = event {
///             count.fetch_add(1, Ordering::Relaxed);
///         }
///     })
///     .observe(log.observer());
/// assert_eq!(schedule.run(program())?, (2, 4));
/// assert_eq!(batches.load(Ordering::Relaxed), 1);
/// assert_eq!(log.batches("double"), 1);
/// # Ok::<(), corio::Error>(())
/// ```
pub trait Observer {
    /// Called for each event.
    fn on(&mut self, event: &Event<'_>);
}

impl<F: FnMut(&Event<'_>)> Observer for F {
    fn on(&mut self, event: &Event<'_>) {
        self(event)
    }
}

pub(crate) type BoxedObserver = Box<dyn Observer + Send>;

/// The observers of a schedule, and those of the run that is going on. Clones share the list: the
/// executor, the dispatching side and the run hold one each.
///
/// What must hold: each clone is refreshed when a run begins, after the observers of that run are
/// in the list; no observer comes or goes while the run goes on.
#[derive(Clone, Default)]
pub(crate) struct Observers {
    /// Whether any observer is there: all that an event costs when none is.
    is_any: Cell<bool>,
    list: Rc<ObserverList>,
}

#[derive(Default)]
struct ObserverList {
    of_schedule: RefCell<Vec<BoxedObserver>>,
    of_run: RefCell<Vec<BoxedObserver>>,
}

impl Observers {
    /// Adds an observer of all runs to come.
    pub(crate) fn add(&self, observer: BoxedObserver) {
        self.list.of_schedule.borrow_mut().push(observer);
    }

    /// Puts the observers of a run into the list.
    pub(crate) fn begin_run(&self, observers: Vec<BoxedObserver>) {
        self.list.of_run.replace(observers);
        self.refresh();
    }

    /// Looks whether any observer is there.
    pub(crate) fn refresh(&self) {
        let ObserverList { of_schedule, of_run } = &*self.list;
        self.is_any.set(!of_schedule.borrow().is_empty() || !of_run.borrow().is_empty());
    }

    /// Drops the observers of the run, which is over.
    pub(crate) fn end_run(&self) {
        drop(self.list.of_run.take());
    }

    #[inline(always)]
    pub(crate) fn has_observer(&self) -> bool {
        self.is_any.get()
    }

    /// Tells all observers. The event is made only if there are any.
    #[inline(always)]
    pub(crate) fn emit<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        if self.has_observer() {
            self.list.tell(event);
        }
    }
}

impl ObserverList {
    // Out of the way of those who are not observed.
    #[cold]
    #[inline(never)]
    fn tell<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        let event = event();
        let (mut of_schedule, mut of_run) =
            (self.of_schedule.borrow_mut(), self.of_run.borrow_mut());
        of_schedule.iter_mut().chain(of_run.iter_mut()).for_each(|observer| observer.on(&event));
    }
}
