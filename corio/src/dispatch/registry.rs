//! The lanes of a schedule, found by request type in a few instructions.
//!
//! # Invariants
//! - A registered lane stays until the registry is dropped.
//! - The `TypeId` beside an erased pointer is that of the requests of the lane it leads to.
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
    ///
    /// Invariant: a reference into the tables does not outlive the expression that looks into them,
    /// and while there is a mutable one there is no other. So nothing is called meanwhile that
    /// could come back to the registry.
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

    #[inline(always)]
    fn get<R: Request>(self) -> Option<NonNull<Lane<R>>> {
        (self.request_type == TypeId::of::<R>()).then_some(self.lane.cast())
    }
}

impl Registry {
    #[inline(always)]
    fn tables(&self) -> &Tables {
        // SAFETY: by the invariant of `tables` no mutable reference exists now, and none is made
        // while the returned one is used.
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
        let lane = self.tables().by_id.get(id.number())?.get::<R>()?;
        // SAFETY: the request type was compared; the lane stays in its `Rc` in `lanes` as long as
        // `self` is borrowed.
        Some(unsafe { lane.as_ref() })
    }

    #[inline(never)]
    fn get_by_type<R: Request>(&self) -> Option<&Lane<R>> {
        let lane = self.tables().by_type.get(&TypeId::of::<R>())?.get::<R>()?;
        // SAFETY: the request type was compared; the lane stays in its `Rc` in `lanes` as long as
        // `self` is borrowed.
        Some(unsafe { lane.as_ref() })
    }

    /// Returns the lane whose queue has this number.
    #[inline]
    pub(super) fn by_number(&self, number: u32) -> Option<&dyn AnyLane> {
        let lane = NonNull::from(&**self.tables().lanes.get(number as usize)?);
        // SAFETY: the lane stays in its `Rc` in `lanes` as long as `self` is borrowed.
        Some(unsafe { lane.as_ref() })
    }

    /// Opens a lane; `make` gets a weak reference to the lane and the number of its queue.
    pub(super) fn add<R: Request>(&self, make: impl FnOnce(&Weak<Lane<R>>, u32) -> Lane<R>) {
        // Code of the user's, which may open other lanes, so called before the number is taken.
        let id = R::dispatcher_id();
        let number = self.tables().lanes.len() as u32;
        let lane = Rc::new_cyclic(|me| make(me, number));
        let erased =
            ErasedLane { request_type: TypeId::of::<R>(), lane: NonNull::from(&*lane).cast() };
        // SAFETY: by the invariant of `tables` no other reference exists; until the function
        // returns nothing is called that comes back to the registry.
        let Tables { lanes, by_id, by_type } = unsafe { &mut *self.tables.get() };
        assert_eq!(lanes.len(), number as usize, "each queue has a number of its own");
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
