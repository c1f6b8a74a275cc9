//! A cell whose borrows are checked where debug assertions are on, in debug builds and so in tests,
//! and not in release builds: for the few that are borrowed some times with each request and each
//! resume, where the checks are some 6 % of the instructions.
//!
//! What must hold, and is checked where checks are on: whoever borrows calls nothing meanwhile that
//! may come back here, no code of the user's least of all. What is lent to such code lies in a
//! `RefCell`. `-C debug-assertions` has release builds check as well.

#[cfg(debug_assertions)]
pub(crate) use std::cell::{RefCell as HotCell, RefMut as HotMut};

#[cfg(not(debug_assertions))]
pub(crate) use unchecked::{HotCell, HotMut};

#[cfg(not(debug_assertions))]
mod unchecked {
    use std::cell::UnsafeCell;
    use std::mem;
    use std::ops::{Deref, DerefMut};

    #[derive(Default)]
    pub(crate) struct HotCell<T>(UnsafeCell<T>);

    pub(crate) struct HotMut<'b, T>(&'b mut T);

    impl<T> Deref for HotMut<'_, T> {
        type Target = T;

        #[inline(always)]
        fn deref(&self) -> &T {
            self.0
        }
    }

    impl<T> DerefMut for HotMut<'_, T> {
        #[inline(always)]
        fn deref_mut(&mut self) -> &mut T {
            self.0
        }
    }

    impl<T> HotCell<T> {
        #[inline(always)]
        pub(crate) fn new(value: T) -> Self {
            HotCell(UnsafeCell::new(value))
        }

        #[inline(always)]
        pub(crate) fn borrow(&self) -> &T {
            // SAFETY: by what must hold nobody changes it meanwhile.
            unsafe { &*self.0.get() }
        }

        #[inline(always)]
        pub(crate) fn borrow_mut(&self) -> HotMut<'_, T> {
            // SAFETY: by what must hold nobody else has a reference.
            HotMut(unsafe { &mut *self.0.get() })
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
