//! The desk: requests come in, batches go out, answers come back. It knows no tasks: whoever asks is a `Waiter`, a word that the asker chose and gets back with its
//! answer. Nor does it know clocks, threads or executors: `send` and `deliver` are called by whoever turns the run.
//!
//! What must hold:
//! - Every request leaves in exactly one batch, in the order asked, and is answered exactly once; or the run ends with an error that says which was not.
//! - An answer that is delivered is there only while its waiter runs. What is not taken then is dropped, and so reaches nobody else.
//! - No borrow of the desk is held while code of the user's runs: dispatchers, destructors, resumed tasks.

mod answers;
mod batch;
mod board;
mod incoming;
mod out;
mod queue;
mod registry;
mod request;
mod requests;

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;

pub use answers::{Answers, answers};
pub use batch::{Batch, Slot};
pub(crate) use board::Ring;
pub(crate) use queue::Replacement;
pub use request::{Dispatch, DispatcherId, Options, Request};
pub(crate) use requests::Futures;
pub use requests::Requests;

use crate::error::Error;
use crate::observe::Watch;
use crate::sweep::Sweep;
use board::Board;
use queue::{Queue, dispatch_over};
use registry::Registry;

/// Who asked; chosen by the asker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Waiter(pub(crate) u64);

/// The context of a run, with its type erased: a function that takes `&'r S` can be called with it.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct ContextRef<'r> {
    pointer: NonNull<()>,
    context: PhantomData<&'r ()>,
}

impl<'r> ContextRef<'r> {
    pub(crate) fn new<S>(context: &'r S) -> Self {
        ContextRef { pointer: NonNull::from(context).cast(), context: PhantomData }
    }
}

/// What sending needs to know.
pub(crate) struct Sending<'q, 'r> {
    pub(crate) context: ContextRef<'r>,
    pub(crate) futures: &'q dyn Futures<'r>,
    /// Tells whether a waiter is still there; absent when all are.
    pub(crate) only_alive: Option<&'q dyn Fn(Waiter) -> bool>,
}

/// Dispatchers that are replaced in one schedule, by the type of the request. Each holds a `Replacement` of that type.
pub(crate) type Replacements = HashMap<TypeId, Rc<dyn Any>>;

pub(crate) struct Desk {
    registry: Registry,
    board: Rc<Board>,
}

impl Desk {
    pub(crate) fn new(ring: Arc<dyn Ring>, watch: Watch) -> Self {
        Desk { registry: Registry::default(), board: Rc::new(Board::new(ring, watch)) }
    }

    // ── asking ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Makes sure that `R` has a queue, answered as over the context `S`.
    ///
    /// # Safety
    /// `S` is the context of every run of this desk, or `AnyContext`.
    #[inline]
    pub(crate) unsafe fn open<S, R: Dispatch<S>>(&self, replacements: &Replacements) {
        self.opened::<S, R>(replacements);
    }

    /// Queues a request, opening its queue if need be.
    ///
    /// # Safety
    /// As `open`.
    #[inline]
    pub(crate) unsafe fn open_and_ask<S, R: Dispatch<S>>(&self, replacements: &Replacements, waiter: Waiter, key: R::Key) {
        self.opened::<S, R>(replacements).ask(waiter, key);
    }

    #[inline]
    fn opened<S, R: Dispatch<S>>(&self, replacements: &Replacements) -> &Queue<R> {
        match self.registry.get::<R>() {
            Some(queue) => queue,
            None => self.open_new::<S, R>(replacements),
        }
    }

    #[cold]
    fn open_new<S, R: Dispatch<S>>(&self, replacements: &Replacements) -> &Queue<R> {
        let replacement = replacements.get(&TypeId::of::<R>()).and_then(|any| any.downcast_ref::<Replacement<R>>()).cloned();
        self.registry.add(|number| Queue::<R>::new(number, self.board.clone(), dispatch_over::<S, R>(), replacement));
        self.registry.get::<R>().expect("just added")
    }

    /// Queues a request of a kind that is open.
    #[inline]
    pub(crate) fn ask<R: Request>(&self, waiter: Waiter, key: R::Key) {
        self.registry.get::<R>().expect("opened before it is asked").ask(waiter, key);
    }

    /// The answer for the waiter that is being resumed.
    #[inline]
    pub(crate) fn take_incoming<A: 'static>(&self) -> Option<A> {
        self.board.incoming.take()
    }

    // ── turning ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    pub(crate) fn has_requests(&self) -> bool {
        !self.board.asked_in_place.borrow().is_empty() || !self.board.asked_concurrent.borrow().is_empty()
    }

    pub(crate) fn has_answers(&self) -> bool {
        !self.board.answered.borrow().is_empty()
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.board.in_flight.get()
    }

    /// Sends what has gathered: to the dispatcher first asked first, but to those that answer later before those that answer in place.
    pub(crate) fn send(&self, sending: &Sending<'_, '_>) {
        for asked in [&self.board.asked_concurrent, &self.board.asked_in_place] {
            // Nobody asks while batches leave: dispatchers are not tasks.
            for at in 0..asked.borrow().len() {
                let number = asked.borrow()[at];
                if let Some(queue) = self.registry.number(number) {
                    queue.send(sending);
                }
            }
            asked.borrow_mut().clear();
        }
    }

    /// Gives the answers that are there to those who wait, each dispatcher's batches in the order of their answers.
    pub(crate) fn deliver(&self, resume: &mut dyn FnMut(Waiter)) {
        loop {
            let Some(number) = self.board.answered.borrow_mut().pop_front() else { return };
            if let Some(queue) = self.registry.number(number) {
                queue.deliver(resume);
            }
        }
    }

    /// Takes the post of a queue.
    pub(crate) fn collect(&self, number: u32) {
        // A slot of an earlier run may ring for a queue that this desk does not have.
        if let Some(queue) = self.registry.number(number) {
            queue.collect();
        }
    }

    pub(crate) fn take_fault(&self) -> Option<Error> {
        self.board.take_fault()
    }

    /// The dispatcher whose code runs, or panicked.
    pub(crate) fn dispatching(&self) -> Option<&'static str> {
        self.board.dispatching.get()
    }

    pub(crate) fn set_dispatching(&self, dispatcher: Option<&'static str>) {
        self.board.dispatching.set(dispatcher);
    }

    /// Forgets everything that is queued and in flight.
    pub(crate) fn clear(&self) {
        let mut sweep = Sweep::default();
        for queue in self.registry.all() {
            sweep.run(|| queue.clear());
        }
        self.board.clear();
        sweep.finish();
    }
}
