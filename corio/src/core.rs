//! What one run needs, and how the code inside tasks finds it: through a thread-local pointer that is set while a run is being turned, and at no other time.
//!
//! Generated code and the futures of tasks carry no handle; that keeps their frames as small as what the user wrote.

use std::cell::Cell;
use std::ptr;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::desk::{Desk, Dispatch, Replacements, Request, Waiter};
use crate::drivers::Bell;
use crate::engine::{Engine, Id};
use crate::observe::Watch;

/// Engine and desk, kept with the schedule from run to run.
pub(crate) struct Core {
    /// Itself, for what outlives a run and may have to wake one of its tasks.
    me: Weak<Core>,
    pub(crate) engine: Engine,
    pub(crate) desk: Desk,
    pub(crate) bell: Arc<Bell>,
    /// The context of the run, while there is one.
    pub(crate) context: Cell<*const ()>,
    /// Tells runs apart, of all schedules. 0 between runs.
    run: Cell<u64>,
    replacements: Rc<Replacements>,
}

impl Core {
    pub(crate) fn new(watch: Watch, replacements: Rc<Replacements>) -> Rc<Self> {
        let bell = Arc::new(Bell::default());
        Rc::new_cyclic(|me| Core {
            me: me.clone(),
            engine: Engine::new(watch.clone()),
            desk: Desk::new(bell.clone(), watch),
            bell,
            context: Cell::new(ptr::null()),
            run: Cell::new(0),
            replacements,
        })
    }

    pub(crate) fn begin_run(&self, context: *const ()) {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        self.run.set(NEXT.fetch_add(1, Ordering::Relaxed));
        self.context.set(context);
    }

    pub(crate) fn end_run(&self) {
        self.run.set(0);
    }

    pub(crate) fn run(&self) -> u64 {
        self.run.get()
    }

    /// This run, for a lock.
    pub(crate) fn this_run(&self) -> RunRef {
        RunRef { core: self.me.clone(), run: self.run.get() }
    }

    /// Makes sure that `R` can be asked in this run.
    ///
    /// # Safety
    /// `S` is the context of the run, or `AnyContext`.
    #[inline]
    pub(crate) unsafe fn open<S, R: Dispatch<S>>(&self) {
        // SAFETY: a core serves one schedule, and so one type of context.
        unsafe { self.desk.open::<S, R>(&self.replacements) }
    }

    /// Asks on behalf of a task.
    ///
    /// # Safety
    /// As `open`.
    #[inline]
    pub(crate) unsafe fn open_and_ask<S, R: Dispatch<S>>(&self, id: Id, key: R::Key) {
        // SAFETY: as in `open`.
        unsafe { self.desk.open_and_ask::<S, R>(&self.replacements, Waiter(id.to_word()), key) };
        self.engine.asked(id, R::name);
    }

    /// Asks on behalf of a task, for what is open.
    #[inline]
    pub(crate) fn ask<R: Request>(&self, id: Id, key: R::Key) {
        self.desk.ask::<R>(Waiter(id.to_word()), key);
        self.engine.asked(id, R::name);
    }
}

/// A run, held by what may outlive it.
#[derive(Default)]
pub(crate) struct RunRef {
    core: Weak<Core>,
    run: u64,
}

impl RunRef {
    pub(crate) fn is(&self, core: &Core) -> bool {
        self.run == core.run()
    }

    /// The run, if it is not over.
    pub(crate) fn core(&self) -> Option<Rc<Core>> {
        self.core.upgrade().filter(|core| self.run != 0 && core.run() == self.run)
    }
}

impl Core {
    /// Wakes a task of this run, wherever the code stands: in the run, in another, or outside while this one sleeps.
    pub(crate) fn wake(&self, task: Id) {
        self.engine.wake(task);
        if !ptr::eq(CURRENT.get(), self) {
            self.bell.nudge();
        }
    }
}

thread_local! {
    static CURRENT: Cell<*const Core> = const { Cell::new(ptr::null()) };
}

/// Makes a core the current one of this thread until it is dropped; then the one before is again.
pub(crate) struct Entered<'c> {
    before: *const Core,
    _core: &'c Core,
}

pub(crate) fn enter(core: &Core) -> Entered<'_> {
    Entered { before: CURRENT.replace(core), _core: core }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        CURRENT.set(self.before);
    }
}

/// The core of the run that is being turned on this thread, if any.
#[inline]
pub(crate) fn current<T>(use_it: impl FnOnce(&Core) -> T) -> Option<T> {
    let core = CURRENT.get();
    // SAFETY: the pointer is set by `enter` from a reference that outlives the `Entered`, which puts the one before back.
    (!core.is_null()).then(|| use_it(unsafe { &*core }))
}

/// The same, where generated code or a future of a task runs.
///
/// # Panics
/// Outside a run.
#[inline]
pub(crate) fn with<T>(use_it: impl FnOnce(&Core) -> T) -> T {
    current(use_it).expect("corio: this only works in a task, while its schedule runs it")
}
