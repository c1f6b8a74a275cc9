//! The tokens of a context: [`Over`] and [`Frame`]. What tasks do with the context of their run,
//! and with the lanes of their requests, goes through a token, and is safe code elsewhere.
//!
//! A run knows its context by an untyped pointer. The type is in the tasks: a task over `S` runs in
//! runs over `S` only, since [`Task::into_future`](super::Task::into_future), which takes an
//! `Over<S>`, is the only method that gives out the future of a task.
//!
//! # Contracts
//!
//! A *run over `S`* is a run whose context is an `S`, or any run if `S` is `AnyContext`.
//!
//! - **`Over<S>`**: what is made with the token is used only while a run over `S` is the current
//!   one. The token itself may exist outside of a run. Tokens are made where a run over `S` begins,
//!   by a `Frame<S>`, and by a [`Within`], whose value is given out for another token over `S`.
//! - **`Frame<S>`**: the code that has the frame runs only in a task of a run over `S` that is the
//!   current one. See [`Frame::new`].

use std::marker::PhantomData;

use crate::dispatch::{Dispatch, Request};
use crate::runtime::current;

/// Allows making what runs in a run over the context `S`. Code outside this crate cannot name this
/// type, and so can neither call nor implement a method that takes one.
// Invariant in `S`, as `Frame` is.
#[derive(Debug)]
pub struct Over<S>(PhantomData<fn(S) -> S>);

impl<S> Over<S> {
    /// # Safety
    /// What is made with the token is used only while a run over `S`, or any run if `S` is
    /// `AnyContext`, is the current one.
    #[inline]
    pub(crate) unsafe fn new() -> Self {
        Over(PhantomData)
    }

    /// Opens the lane of `R`.
    pub(super) fn opener<R: Dispatch<S>>(&self) -> Opener {
        // SAFETY: by the contract of `new`, the opener is used while a run over `S` is the current
        // one.
        Opener(|| current::with(|run| unsafe { run.open::<S, R>() }))
    }

    /// Asks `R` on behalf of the running task.
    pub(super) fn asker<R: Request + Dispatch<S>>(&self) -> Asker<R> {
        Asker(|request| {
            current::with(|run| {
                // SAFETY: by the contract of `new`, the asker is used while a run over `S` is the
                // current one.
                unsafe { run.open::<S, R>() };
                run.ask::<R>(run.executor.current(), request.into_key());
            });
        })
    }
}

/// Opens the lane of one dispatcher in the current run; made by [`Over::opener`].
pub(super) struct Opener(fn());

impl Opener {
    pub(super) fn open(&self) {
        (self.0)();
    }
}

/// Asks a request on behalf of the running task; made by [`Over::asker`].
pub(super) struct Asker<R>(fn(R));

impl<R> Asker<R> {
    pub(super) fn ask(&self, request: R) {
        (self.0)(request);
    }
}

/// A value for runs over `S`: made with a token over `S`, and given out for one.
pub(super) struct Within<S, T> {
    value: T,
    context: PhantomData<fn(&S)>,
}

impl<S, T> Within<S, T> {
    /// The value that `make` gives. The token cannot leave `make`.
    pub(super) fn new(make: impl FnOnce(&Over<S>) -> T) -> Self {
        // SAFETY: the token is dropped here. The value is given out by `into_inner` only, for a
        // token over `S`: so it is used only while a run over `S` is the current one.
        let over = unsafe { Over::new() };
        Within { value: make(&over), context: PhantomData }
    }

    /// The same value in another form.
    pub(super) fn map<U>(self, convert: impl FnOnce(T) -> U) -> Within<S, U> {
        Within { value: convert(self.value), context: PhantomData }
    }

    pub(super) fn into_inner(self, _: &Over<S>) -> T {
        self.value
    }
}

/// Witnesses that the code is in the body of a task over the context `S`; see the module `frame`.
// Invariant in `S`: a frame of `App<'a>` must not pass for a frame of `App<'static>`, whose
// reference to the context would live too long.
#[derive(Debug)]
pub struct Frame<S> {
    context: PhantomData<fn(S) -> S>,
}

impl<S> Frame<S> {
    /// Makes the frame of a task; for generated code only.
    ///
    /// # Safety
    /// - Code that has the frame, or a reference to it, runs only while a run over `S` is being
    ///   turned and the task of the frame is the one that runs.
    /// - A future that a method of the frame gives is awaited at once, in the same async block.
    /// - No code but the executor polls, moves or forgets this async block.
    #[inline]
    pub unsafe fn new() -> Self {
        Frame { context: PhantomData }
    }

    /// `context!()`
    pub fn context(&self) -> &S {
        // SAFETY: by the contract of `new`, a run over `S` is being turned. The run borrows its
        // context for longer than the frames of its tasks are used, and the reference lives no
        // longer than this frame.
        unsafe { &*current::with(|run| run.context.get()).cast::<S>() }
    }

    /// A token for what the task awaits.
    #[inline]
    pub(super) fn over(&self) -> Over<S> {
        // SAFETY: by the contract of `new`, what the frame gives is awaited in the task of the
        // frame, which runs only while a run over `S` is the current one.
        unsafe { Over::new() }
    }

    /// Opens the lane of `R` in the current run.
    #[inline]
    pub(super) fn open<R: Dispatch<S>>(&self) {
        // SAFETY: by the contract of `new`, the current run is over `S`, or over any context if `S`
        // is `AnyContext`.
        current::with(|run| unsafe { run.open::<S, R>() });
    }

    /// Asks on behalf of the running task, which is parked.
    #[inline]
    pub(super) fn ask<R: Dispatch<S>>(&self, request: R) {
        Self::ask_now(request);
    }

    /// Compiled once per request: has no part of the call site.
    fn ask_now<R: Dispatch<S>>(request: R) {
        let key = request.into_key();
        current::with(|run| {
            run.executor.park();
            // SAFETY: `ask` has a frame. By the contract of `new`, the current run is over `S`, or
            // over any context if `S` is `AnyContext`.
            unsafe { run.open_and_ask::<S, R>(run.executor.current(), key) };
        });
    }
}
