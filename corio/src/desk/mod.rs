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
mod out;
mod queue;
mod request;
mod requests;

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::rc::Rc;
use std::sync::Arc;

pub use answers::Answers;
pub use batch::{Batch, Slot};
pub(crate) use board::Ring;
pub(crate) use queue::Replacement;
pub use request::{Dispatch, DispatcherId, Options, Request};
pub(crate) use requests::Futures;
pub use requests::Requests;

use crate::error::Error;
use crate::observe::Watch;
use board::Board;
use queue::{AnyQueue, Queue, dispatch_over};

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
pub(crate) type Replacements = HashMap<TypeId, Box<dyn Any>>;

/// A `Queue<R>`, and the type of `R`.
type Typed = (TypeId, Rc<dyn Any>);

pub(crate) struct Desk {
    queues: RefCell<Vec<Rc<dyn AnyQueue>>>,
    /// The queue of a request, with the type it was made for: by the number of its dispatcher…
    by_id: RefCell<Vec<Option<Typed>>>,
    /// … or else by its type.
    by_type: RefCell<HashMap<TypeId, Rc<dyn Any>>>,
    board: Rc<Board>,
}

impl Desk {
    pub(crate) fn new(ring: Arc<dyn Ring>, watch: Watch) -> Self {
        Desk { queues: RefCell::default(), by_id: RefCell::default(), by_type: RefCell::default(), board: Rc::new(Board::new(ring, watch)) }
    }

    // ── asking ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

    /// Makes sure that `R` has a queue, answered as over the context `S`.
    ///
    /// # Safety
    /// `S` is the context of every run of this desk, or `AnyContext`.
    #[inline]
    pub(crate) unsafe fn open<S, R: Dispatch<S>>(&self, replacements: &Replacements) {
        if self.with_queue::<R, _>(|_| ()).is_none() {
            self.open_new::<S, R>(replacements);
        }
    }

    /// Queues a request, opening its queue if need be.
    ///
    /// # Safety
    /// As `open`.
    #[inline]
    pub(crate) unsafe fn open_and_ask<S, R: Dispatch<S>>(&self, replacements: &Replacements, waiter: Waiter, key: R::Key) {
        // In a cell, as either of the two closures takes it.
        let mut key = Some(key);
        let mut ask = |queue: &Queue<R>| key.take().into_iter().for_each(|key| queue.ask(waiter, key));
        if self.with_queue::<R, _>(&mut ask).is_none() {
            self.open_new::<S, R>(replacements);
            self.with_queue::<R, _>(&mut ask);
        }
    }

    #[cold]
    fn open_new<S, R: Dispatch<S>>(&self, replacements: &Replacements) {
        let number = self.queues.borrow().len() as u32;
        let replacement = replacements.get(&TypeId::of::<R>()).and_then(|any| any.downcast_ref::<Replacement<R>>()).cloned();
        let queue = Rc::new(Queue::<R>::new(number, self.board.clone(), dispatch_over::<S, R>(), replacement));
        self.queues.borrow_mut().push(queue.clone());
        if let Some(id) = R::dispatcher_id() {
            let mut by_id = self.by_id.borrow_mut();
            let index = id.index();
            if by_id.len() <= index {
                by_id.resize_with(index + 1, || None);
            }
            // A number that two types share belongs to the first; the second is found by its type.
            if by_id[index].is_none() {
                by_id[index] = Some((TypeId::of::<R>(), queue));
                return;
            }
        }
        self.by_type.borrow_mut().insert(TypeId::of::<R>(), queue);
    }

    #[inline]
    fn with_queue<R: Request, T>(&self, use_it: impl FnOnce(&Queue<R>) -> T) -> Option<T> {
        if let Some(id) = R::dispatcher_id() {
            if let Some(Some((of, queue))) = self.by_id.borrow().get(id.index()) {
                if *of == TypeId::of::<R>() {
                    // SAFETY: `of` is the type of the requests that the queue was made for: `open_new` wrote both.
                    return Some(use_it(unsafe { &*Rc::as_ptr(queue).cast::<Queue<R>>() }));
                }
            }
        }
        self.by_type.borrow().get(&TypeId::of::<R>()).and_then(|queue| queue.downcast_ref()).map(use_it)
    }

    /// Queues a request of a kind that is open.
    #[inline]
    pub(crate) fn ask<R: Request>(&self, waiter: Waiter, key: R::Key) {
        let asked = self.with_queue::<R, _>(|queue| queue.ask(waiter, key));
        debug_assert!(asked.is_some(), "asked before the queue was opened");
    }

    /// The answer for the waiter that is being resumed.
    #[inline]
    pub(crate) fn take_incoming<R: Request>(&self) -> Option<R::Answer> {
        self.with_queue::<R, _>(Queue::take_incoming).flatten()
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
                let queue = self.queues.borrow()[number as usize].clone();
                queue.send(sending);
            }
            asked.borrow_mut().clear();
        }
    }

    /// Gives the answers that are there to those who wait, each dispatcher's batches in the order of their answers.
    pub(crate) fn deliver(&self, resume: &mut dyn FnMut(Waiter)) {
        loop {
            let Some(number) = self.board.answered.borrow_mut().pop_front() else { return };
            let queue = self.queues.borrow()[number as usize].clone();
            queue.deliver(resume);
        }
    }

    /// Takes the post of a queue.
    pub(crate) fn collect(&self, number: u32) {
        // A slot of an earlier run may ring for a queue that this desk does not have.
        let queue = self.queues.borrow().get(number as usize).cloned();
        if let Some(queue) = queue {
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
        let queues = self.queues.borrow().clone();
        for queue in queues {
            queue.clear();
        }
        self.board.clear();
    }
}
