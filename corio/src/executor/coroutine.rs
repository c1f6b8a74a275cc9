//! `Coroutine`: the `genawaiter` coroutine of one task.
//!
//! This is the only file that knows `genawaiter`. `Co` never leaves this file, because two yields
//! without an await in between are lost silently in release builds.
//!
//! An adapter around the future of the task yields whenever that future is pending, so a coroutine
//! suspends exactly where the future waits. Replacing genawaiter, by direct polling or by language
//! coroutines, changes this file alone.

use std::future::{Future, Ready};
use std::marker::PhantomPinned;
use std::mem::{MaybeUninit, transmute};
use std::pin::Pin;
use std::task::{Context, Poll};

use genawaiter::GeneratorState;
use genawaiter::stack::{Co, Gen, Shelf};

use crate::util::{OfRun, assert_has_not};

/// The future of a task as a coroutine. Self-referential: made in place by `init` and never moved.
// Without a lifetime: what an async block holds is checked with every lifetime erased, and then it
// could not be shown that `F` outlives it ("implementation of `Send` is not general enough"). It is
// `Send` if the future is.
#[repr(C)]
pub struct Coroutine<F: Future> {
    /// A `Gen<'_, (), (), Adapter<F>>`, which is a pinned reference to the shelf.
    generator: MaybeUninit<OfRun<*mut ()>>,
    shelf: Shelf<(), (), Adapter<F>>,
    _pinned: PhantomPinned,
}

/// Polls the future and yields when the future is pending. `!Unpin`, as `Gen::new` makes a
/// reference to the whole state while `co` points into that state.
struct Adapter<F> {
    /// Refers to the shelf that the adapter is on.
    co: OfRun<Co<'static, (), ()>>,
    future: F,
    _pinned: PhantomPinned,
}

// References to a whole adapter or coroutine are made while `co` points into it. A mutable
// reference claims to be unique unless its type is `!Unpin`.
assert_has_not!(Adapter<()>: Unpin);
assert_has_not!(Coroutine<Ready<()>>: Unpin);

impl<F: Future> Future for Adapter<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: `future` is pinned with the adapter and never moved out of the adapter; `co` is
        // not pinned, and only read.
        let (co, future) = unsafe {
            let this = self.get_unchecked_mut();
            (&this.co, Pin::new_unchecked(&mut this.future))
        };
        let poll = future.poll(context);
        if poll.is_pending() {
            // The yield takes place in this call; the returned future would only wait for the
            // resume that polls this adapter again.
            drop(co.yield_(()));
        }
        poll
    }
}

impl<F: Future> Coroutine<F> {
    /// The place of the generator.
    ///
    /// # Safety
    /// `this` points to memory for a coroutine.
    #[inline(always)]
    unsafe fn generator<'g>(this: *mut Self) -> *mut Gen<'g, (), (), Adapter<F>>
    where
        F: 'g,
    {
        const {
            assert!(size_of::<Gen<'_, (), (), Adapter<F>>>() == size_of::<*mut ()>());
            assert!(align_of::<Gen<'_, (), (), Adapter<F>>>() == align_of::<*mut ()>());
        }
        // SAFETY: the caller guarantees that the field lies in memory that belongs to `this`.
        unsafe { (&raw mut (*this).generator).cast() }
    }

    /// Makes a coroutine in place. Whatever was at `this` is overwritten, not dropped.
    ///
    /// # Safety
    /// `this` is valid for writes, aligned, and stays where it is until `drop_in_place`.
    #[inline]
    pub(crate) unsafe fn init(this: *mut Self, future: F) {
        // SAFETY: the caller guarantees that both fields can be written. The generator holds a
        // reference to the shelf, which stays where it is and is not accessed otherwise. `Co` lives
        // in the adapter, on that shelf, and so not longer than the generator: its lifetime is
        // never used. The generator has the size of its field. Both are pointers into the
        // coroutine, which is a part of its run.
        unsafe {
            let shelf = &raw mut (*this).shelf;
            shelf.write(Shelf::new());
            let generator = Gen::new(&mut *shelf, |co| {
                let co = OfRun::new(transmute::<Co<'_, (), ()>, Co<'static, (), ()>>(co));
                Adapter { co, future, _pinned: PhantomPinned }
            });
            Self::generator(this).write(generator);
        }
    }

    /// Runs the future until it is pending or ready.
    ///
    /// # Safety
    /// `this` was made by `init`, was not dropped, has not returned `Ready` before, and is used by
    /// no other code meanwhile.
    #[inline]
    pub(crate) unsafe fn resume(this: *mut Self) -> Poll<F::Output> {
        // SAFETY: the caller guarantees that the generator is initialised and not used elsewhere.
        let generator = unsafe { &mut *Self::generator(this) };
        match generator.resume_with(()) {
            GeneratorState::Yielded(()) => Poll::Pending,
            GeneratorState::Complete(output) => Poll::Ready(output),
        }
    }

    /// Drops the future in place.
    ///
    /// # Safety
    /// `this` was made by `init`, was not dropped, and is not used afterwards.
    #[inline]
    pub(crate) unsafe fn drop_in_place(this: *mut Self) {
        // SAFETY: the caller guarantees that the generator is initialised. Dropping the generator
        // drops the adapter on the shelf in place.
        unsafe { Self::generator(this).drop_in_place() }
    }
}
