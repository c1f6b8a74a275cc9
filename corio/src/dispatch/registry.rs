//! The lanes of a schedule, found by request type in a few instructions.
//!
//! # Contract
//!
//! A registered lane stays in its `Rc` in `Tables::lanes` until the registry is dropped, so a
//! reference to a lane is valid as long as the registry is borrowed. The `TypeId` beside an erased
//! pointer is that of the requests of the lane it leads to, and is compared before the cast. The
//! tables are in an `UnsafeCell`: no reference into the tables outlives the method that made it,
//! and `add` has a mutable one only while nothing runs that could come back to the registry.
//!
//! The number of a `DispatcherId` alone would not identify a lane: all instantiations of a generic
//! function share its statics, and users may write `dispatcher_id` by hand.

use std::any::TypeId;
use std::cell::UnsafeCell;
use std::collections::HashMap;
use std::ptr::NonNull;
use std::rc::{Rc, Weak};

use super::any_lane::AnyLane;
use super::lane::Lane;
use super::request::Request;

/// Maps request types to lanes.
#[derive(Default)]
pub(super) struct Registry {
    /// Looked up with each request.
    tables: UnsafeCell<Tables>,
}

#[derive(Default)]
struct Tables {
    /// All lanes, in the order in which they were opened.
    lanes: Vec<Rc<dyn AnyLane>>,
    /// Lanes by the number of their `DispatcherId`.
    by_id: Vec<ErasedLane>,
    /// Lanes without a `DispatcherId`, or whose number belongs to another type.
    by_type: HashMap<TypeId, ErasedLane>,
}

/// A pointer to a lane in `Tables::lanes`, with its type erased.
#[derive(Clone, Copy)]
struct ErasedLane {
    request_type: TypeId,
    lane: NonNull<()>,
}

/// Stands for the request type of a vacant entry; it is no request.
struct NoRequest;

impl ErasedLane {
    /// An entry of `by_id` whose lane is not open.
    fn vacant() -> Self {
        ErasedLane { request_type: TypeId::of::<NoRequest>(), lane: NonNull::dangling() }
    }

    /// The lane, if its requests are `R`.
    ///
    /// # Safety
    /// The registry of this entry exists for `'l`.
    #[inline(always)]
    unsafe fn lane<'l, R: Request>(self) -> Option<&'l Lane<R>> {
        // SAFETY: the request type was compared. The lane stays in its `Rc` as long as its registry
        // exists, and the pointer was made from a reference to that lane.
        (self.request_type == TypeId::of::<R>()).then(|| unsafe { self.lane.cast().as_ref() })
    }
}

impl Registry {
    #[inline(always)]
    fn tables(&self) -> &Tables {
        // SAFETY: `add` has the only mutable reference, and calls nothing that comes here.
        unsafe { &*self.tables.get() }
    }

    /// Returns the lane of `R`, if it is open.
    #[inline]
    pub(super) fn get<R: Request>(&self) -> Option<&Lane<R>> {
        self.get_by_id().or_else(|| self.get_by_type())
    }

    /// Returns the lane of `R`, if it is open and has a number of its own.
    #[inline(always)]
    pub(super) fn get_by_id<R: Request>(&self) -> Option<&Lane<R>> {
        let id = R::dispatcher_id()?;
        let lane = self.tables().by_id.get(id.number())?;
        // SAFETY: `self`, which the entry is of, is borrowed.
        unsafe { lane.lane() }
    }

    #[inline(never)]
    fn get_by_type<R: Request>(&self) -> Option<&Lane<R>> {
        let lane = self.tables().by_type.get(&TypeId::of::<R>())?;
        // SAFETY: `self`, which the entry is of, is borrowed.
        unsafe { lane.lane() }
    }

    /// Returns the lane whose queue has this number.
    #[inline]
    pub(super) fn by_number(&self, number: u32) -> Option<&dyn AnyLane> {
        self.tables().lanes.get(number as usize).map(|lane| &**lane)
    }

    /// Opens a lane. `make` gets a weak reference to the lane and the number of its queue; it opens
    /// no other lane.
    pub(super) fn add<R: Request>(&self, make: impl FnOnce(&Weak<Lane<R>>, u32) -> Lane<R>) {
        // Code of the user's, which may open other lanes: called before the number is taken.
        let id = R::dispatcher_id();
        let number = self.tables().lanes.len() as u32;
        let lane = Rc::new_cyclic(|me| make(me, number));
        assert_eq!(self.tables().lanes.len(), number as usize, "`make` opens no lane");
        let erased =
            ErasedLane { request_type: TypeId::of::<R>(), lane: NonNull::from(&*lane).cast() };
        // SAFETY: no reference into the tables outlives the method that made it, and none is on its
        // way: those call nothing. Until this function returns, nothing comes back here.
        let Tables { lanes, by_id, by_type } = unsafe { &mut *self.tables.get() };
        lanes.push(lane);
        if let Some(id) = id {
            let number = id.assign();
            if by_id.len() <= number {
                by_id.resize(number + 1, ErasedLane::vacant());
            }
            // A number that two types share belongs to the first; the second is found by its type.
            if by_id[number].request_type == TypeId::of::<NoRequest>() {
                by_id[number] = erased;
                return;
            }
        }
        by_type.insert(TypeId::of::<R>(), erased);
    }
}
