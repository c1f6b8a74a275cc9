//! TODO

use std::cell::RefCell;
use std::rc::Rc;

use super::event::Event;

/// Hears of everything that happens in the runs of a schedule, in order: logs, spans, statistics,
/// pictures.
///
/// Any `FnMut(&Event)` is one. It must not use the schedule it observes.
///
/// ```
/// # use std::{cell::Cell, rc::Rc};
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
/// let batches = Rc::new(Cell::new(0));
/// let count = batches.clone();
/// let mut schedule = corio::Schedule::new(());
/// schedule.observe(move |event: &corio::Event<'_>| {
///     if let corio::Event::BatchSent { .. } = event {
///         count.set(count.get() + 1);
///     }
/// });
/// assert_eq!(schedule.run(program())?, (2, 4));
/// assert_eq!(batches.get(), 1);
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

/// Out of the way of those who are not observed.
#[cold]
#[inline(never)]
fn tell<'a>(observer: &RefCell<dyn Observer>, event: impl FnOnce() -> Event<'a>) {
    observer.borrow_mut().on(&event());
}

/// Where events go; shared by engine and desk.
#[derive(Clone, Default)]
pub(crate) struct Observers {
    observer: Option<Rc<RefCell<dyn Observer>>>,
}

impl Observers {
    pub(crate) fn new(observer: impl Observer + 'static) -> Self {
        Observers { observer: Some(Rc::new(RefCell::new(observer))) }
    }

    #[inline(always)]
    pub(crate) fn has_observer(&self) -> bool {
        self.observer.is_some()
    }

    #[inline(always)]
    pub(crate) fn emit<'a>(&self, event: impl FnOnce() -> Event<'a>) {
        if let Some(observer) = &self.observer {
            tell(observer, event);
        }
    }
}
