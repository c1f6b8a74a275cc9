//! One task, one `genawaiter` coroutine. The only file that knows the crate: `Co` never leaves it,
//! because two yields without an await in between are lost silently in release builds.
//!
//! The adapter around the task's future yields whenever that future is pending. So a coroutine
//! suspends exactly where the future waits, and whoever replaces genawaiter by polling directly, or
//! by language coroutines, changes this file alone.

use std::future::{Future, Ready};
use std::marker::PhantomPinned;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use genawaiter::GeneratorState;
use genawaiter::stack::{Co, Gen, Shelf};

use crate::util::assert_has_not;

/// A task's future, ready to be resumed. Refers to itself: it is made in place by `init` and never
/// moves.
#[repr(C)]
pub struct Coroutine<'a, F: Future> {
    generator: MaybeUninit<Gen<'a, (), (), Adapter<'a, F>>>,
    shelf: Shelf<(), (), Adapter<'a, F>>,
    _pinned: PhantomPinned,
}

/// Yields when the future is pending. `!Unpin`, as `Gen::new` makes a reference to the whole state
/// while `co` points into it.
struct Adapter<'a, F> {
    co: Co<'a, (), ()>,
    future: F,
    _pinned: PhantomPinned,
}

// A reference to the whole of one of these, which is made while `co` points into it, claims to be
// the only one unless they are not `Unpin`.
assert_has_not!(Adapter<'static, ()>: Unpin);
assert_has_not!(Coroutine<'static, Ready<()>>: Unpin);

impl<F: Future> Future for Adapter<'_, F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: `future` is pinned with the adapter and never moved out of it; `co` is not pinned
        // and only read.
        let (co, future) = unsafe {
            let this = self.get_unchecked_mut();
            (&this.co, Pin::new_unchecked(&mut this.future))
        };
        let poll = future.poll(context);
        if poll.is_pending() {
            // The yield takes place here; the future it returns would only wait for the resume that
            // polls this adapter again.
            drop(co.yield_(()));
        }
        poll
    }
}

impl<'a, F: Future + 'a> Coroutine<'a, F> {
    /// Makes a coroutine in place.
    ///
    /// # Safety
    /// `this` is valid for writes, aligned, and stays where it is until `drop_in_place`. What is
    /// there is overwritten, not dropped.
    #[inline]
    pub(crate) unsafe fn init(this: *mut Self, future: F) {
        // SAFETY: by the caller, both fields can be written. The generator refers to the shelf
        // behind it, which stays where it is and is not touched otherwise; `Co` lives in
        // the adapter, on that shelf, and so not longer than the generator.
        unsafe {
            let shelf = &raw mut (*this).shelf;
            shelf.write(Shelf::new());
            let generator =
                Gen::new(&mut *shelf, |co| Adapter { co, future, _pinned: PhantomPinned });
            (&raw mut (*this).generator).write(MaybeUninit::new(generator));
        }
    }

    /// Runs the future until it is pending or ready.
    ///
    /// # Safety
    /// `this` was made by `init`, was not dropped, has not given `Ready` before, and nobody else
    /// uses it meanwhile.
    #[inline]
    pub(crate) unsafe fn resume(this: *mut Self) -> Poll<F::Output> {
        // SAFETY: by the caller it is initialised and ours alone.
        let generator = unsafe { (*this).generator.assume_init_mut() };
        match generator.resume_with(()) {
            GeneratorState::Yielded(()) => Poll::Pending,
            GeneratorState::Complete(output) => Poll::Ready(output),
        }
    }

    /// Drops the future where it is.
    ///
    /// # Safety
    /// `this` was made by `init` and was not dropped; it is not used afterwards.
    #[inline]
    pub(crate) unsafe fn drop_in_place(this: *mut Self) {
        // SAFETY: by the caller it is initialised. Dropping the generator drops what is on its
        // shelf, in place.
        unsafe { (*this).generator.assume_init_drop() }
    }
}
