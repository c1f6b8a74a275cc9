//! A value behind permits: who holds all permits may change the value, who holds one may read it. A
//! mutex has one permit, a read-write lock as many as there can be readers.
//!
//! # Contract
//!
//! The permits of a `Guarded` are never added to or forgotten, so all of them together are
//! [`Sharing::PERMITS`]. A guard holds a [`PermitGuard`] of its own `Guarded`, for all permits or
//! for one, and refers to the value only as long as it does: so the value is referred to by one
//! [`UniqueGuard`], or by [`SharedGuard`]s, and what one guard did to it happens before the permits
//! pass to the next.

use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::task::Poll;

use super::permits::{Acquiring, PermitGuard, Permits, Wording};
use super::state_cell::StateCell;

/// Whether several tasks can have the value at a time.
pub(super) trait Sharing {
    /// All permits of the value.
    const PERMITS: usize;
}

/// One task at a time.
#[derive(Debug)]
pub(super) struct OneAtATime;

/// Many that read, or one that writes.
#[derive(Debug)]
pub(super) struct ManyReaders;

impl Sharing for OneAtATime {
    const PERMITS: usize = 1;
}

impl Sharing for ManyReaders {
    const PERMITS: usize = usize::MAX;
}

/// A value with its permits.
pub(super) struct Guarded<T, M> {
    value: UnsafeCell<T>,
    permits: StateCell<Permits>,
    mode: PhantomData<M>,
}

// SAFETY: by the contract one guard at a time refers to the value, which goes from thread to thread
// with the permit.
unsafe impl<T: Send> Sync for Guarded<T, OneAtATime> {}

// SAFETY: by the contract one guard, or guards that read, refer to the value; `T: Sync`, as the
// latter may be on several threads.
unsafe impl<T: Send + Sync> Sync for Guarded<T, ManyReaders> {}

impl<T, M: Sharing> Guarded<T, M> {
    pub(super) fn new(value: T, wording: &'static Wording) -> Self {
        Guarded {
            value: UnsafeCell::new(value),
            permits: Permits::new(M::PERMITS, wording),
            mode: PhantomData,
        }
    }

    /// Acquires all permits.
    #[inline]
    pub(super) fn acquire_all(&self) -> AcquiringAll<'_, T, M> {
        AcquiringAll { guarded: self, acquiring: Acquiring::new(&self.permits, M::PERMITS) }
    }

    /// Takes all permits without waiting, if they are free.
    pub(super) fn try_all(&self) -> Option<UniqueGuard<'_, T, M>> {
        PermitGuard::try_take(&self.permits, M::PERMITS).map(|permits| self.unique(permits))
    }

    /// Lets `look` see the value, if nobody holds all permits.
    pub(super) fn peek<R>(&self, look: impl FnOnce(Option<&T>) -> R) -> R {
        let permit = PermitGuard::try_borrow_one(&self.permits);
        // SAFETY: one permit of this value is held until `look` has returned.
        look(permit.is_some().then(|| unsafe { &*self.value.get() }))
    }

    fn unique<'a>(&'a self, permits: PermitGuard<'a>) -> UniqueGuard<'a, T, M> {
        UniqueGuard { guarded: self, _permits: permits, value: PhantomData }
    }

    pub(super) fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    pub(super) fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T> Guarded<T, ManyReaders> {
    /// Acquires one permit.
    pub(super) fn acquire_one(&self) -> AcquiringOne<'_, T> {
        AcquiringOne { guarded: self, acquiring: Acquiring::new(&self.permits, 1) }
    }

    /// Takes one permit without waiting, if there is a free one.
    pub(super) fn try_one(&self) -> Option<SharedGuard<'_, T>> {
        PermitGuard::try_take(&self.permits, 1).map(|permit| self.shared(permit))
    }

    fn shared<'a>(&'a self, permit: PermitGuard<'a>) -> SharedGuard<'a, T> {
        SharedGuard { guarded: self, _permit: permit, value: PhantomData }
    }
}

/// Acquisition of all permits by the running task.
pub(super) struct AcquiringAll<'a, T, M> {
    guarded: &'a Guarded<T, M>,
    acquiring: Acquiring<'a>,
}

impl<'a, T, M: Sharing> AcquiringAll<'a, T, M> {
    #[inline]
    pub(super) fn poll(&mut self) -> Poll<UniqueGuard<'a, T, M>> {
        self.acquiring.poll().map(|permits| self.guarded.unique(permits))
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.acquiring.is_waiting()
    }
}

/// Acquisition of one permit by the running task.
pub(super) struct AcquiringOne<'a, T> {
    guarded: &'a Guarded<T, ManyReaders>,
    acquiring: Acquiring<'a>,
}

impl<'a, T> AcquiringOne<'a, T> {
    pub(super) fn poll(&mut self) -> Poll<SharedGuard<'a, T>> {
        self.acquiring.poll().map(|permit| self.guarded.shared(permit))
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.acquiring.is_waiting()
    }
}

/// Access to the value, for one task.
pub(super) struct UniqueGuard<'a, T, M> {
    guarded: &'a Guarded<T, M>,
    _permits: PermitGuard<'a>,
    /// `Send` and `Sync` as the reference that it stands for.
    value: PhantomData<&'a mut T>,
}

impl<T, M> Deref for UniqueGuard<'_, T, M> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard holds all permits of the value, and is borrowed for as long as the
        // reference lives.
        unsafe { &*self.guarded.value.get() }
    }
}

impl<T, M> DerefMut for UniqueGuard<'_, T, M> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: this guard holds all permits of the value, and is borrowed mutably for as long as
        // the reference lives.
        unsafe { &mut *self.guarded.value.get() }
    }
}

/// Access to the value, for one of several tasks that read.
pub(super) struct SharedGuard<'a, T> {
    guarded: &'a Guarded<T, ManyReaders>,
    _permit: PermitGuard<'a>,
    /// `Send` and `Sync` as the reference that it stands for.
    value: PhantomData<&'a T>,
}

impl<T> Deref for SharedGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: this guard holds a permit of the value, so no one holds all of them; it is
        // borrowed for as long as the reference lives.
        unsafe { &*self.guarded.value.get() }
    }
}
