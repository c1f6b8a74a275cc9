//! A cell whose borrows are checked where debug assertions are on, in debug builds and so in tests,
//! and not in release builds: for the few that are borrowed some times with each request and each
//! resume, where the checks are some 6 % of the instructions.
//!
//! What must hold, and is checked where checks are on: whoever borrows calls nothing meanwhile that
//! may come back here, no code of the user's least of all. What is lent to such code lies in a
//! `RefCell`. `-C debug-assertions` has release builds check as well.

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

    #[derive(Default)]
    pub(crate) struct HotCell<T>(UnsafeCell<T>);

    /// A pointer, as in `RefMut`: a reference that a function gets must be the only one until that
    /// returns, but one of these may be dropped before.
    pub(crate) struct HotMut<'b, T>(NonNull<T>, PhantomData<&'b mut T>);

    impl<T> Deref for HotMut<'_, T> {
        type Target = T;

        #[inline(always)]
        fn deref(&self) -> &T {
            // SAFETY: it leads into the cell, and by what must hold nobody else has a reference.
            unsafe { self.0.as_ref() }
        }
    }

    impl<T> DerefMut for HotMut<'_, T> {
        #[inline(always)]
        fn deref_mut(&mut self) -> &mut T {
            // SAFETY: as above.
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
            // SAFETY: by what must hold nobody changes it meanwhile.
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
