//! `HotCell`: a `RefCell` whose borrows are checked only where debug assertions are on.
//!
//! Debug builds, and so tests, check every borrow; release builds do not. The cell is for the few
//! values that are borrowed several times per request and per resume, where the checks cost about
//! 6 % of the instructions. `-C debug-assertions` turns the checks on in a release build.
//!
//! # Invariant
//!
//! While a borrow lives, no function is called that may borrow the same cell, and no user
//! code at all. A value that is borrowed while user code runs belongs into a `RefCell`. The
//! invariant is what makes the unchecked variant sound; builds with checks panic when a borrow
//! violates the invariant.

#[cfg(debug_assertions)]
pub(crate) use std::cell::RefCell as HotCell;
#[cfg(debug_assertions)]
pub(crate) use std::cell::RefMut as HotMut;

#[cfg(not(debug_assertions))]
pub(crate) use unchecked::HotCell;
#[cfg(not(debug_assertions))]
pub(crate) use unchecked::HotMut;

#[cfg(not(debug_assertions))]
mod unchecked {
    use std::cell::UnsafeCell;
    use std::marker::PhantomData;
    use std::mem;
    use std::ops::Deref;
    use std::ops::DerefMut;
    use std::ptr::NonNull;

    /// The unchecked variant; its methods have the names and meanings of those of `RefCell`.
    #[derive(Default)]
    pub(crate) struct HotCell<T>(UnsafeCell<T>);

    /// A mutable borrow. Holds a pointer and not a reference, as `RefMut` does: a reference passed
    /// to a function must stay unique until the function returns, but a `HotMut` may be dropped
    /// earlier, after which the cell can be borrowed again.
    pub(crate) struct HotMut<'b, T>(NonNull<T>, PhantomData<&'b mut T>);

    impl<T> Deref for HotMut<'_, T> {
        type Target = T;

        #[inline(always)]
        fn deref(&self) -> &T {
            // SAFETY: the pointer leads into the cell, which outlives `'b`; by the invariant of the
            // module no other reference into the cell exists meanwhile.
            unsafe { self.0.as_ref() }
        }
    }

    impl<T> DerefMut for HotMut<'_, T> {
        #[inline(always)]
        fn deref_mut(&mut self) -> &mut T {
            // SAFETY: the pointer leads into the cell, which outlives `'b`; by the invariant of the
            // module no other reference into the cell exists meanwhile.
            unsafe { self.0.as_mut() }
        }
    }

    impl<T> HotCell<T> {
        #[inline(always)]
        pub(crate) fn new(value: T) -> Self {
            HotCell(UnsafeCell::new(value))
        }

        #[inline(always)]
        pub(crate) fn borrow(&self) -> &T {
            // SAFETY: by the invariant of the module the cell is not borrowed mutably meanwhile.
            unsafe { &*self.0.get() }
        }

        #[inline(always)]
        pub(crate) fn borrow_mut(&self) -> HotMut<'_, T> {
            // SAFETY: a pointer into a cell is not null.
            HotMut(unsafe { NonNull::new_unchecked(self.0.get()) }, PhantomData)
        }

        #[inline(always)]
        pub(crate) fn replace(&self, value: T) -> T {
            mem::replace(&mut *self.borrow_mut(), value)
        }
    }

    impl<T: Default> HotCell<T> {
        #[inline(always)]
        pub(crate) fn take(&self) -> T {
            mem::take(&mut *self.borrow_mut())
        }
    }
}
