//! Which queue is whose: from the type of a request to its queue, in a few instructions.
//!
//! What must hold: a queue that is registered stays until the registry is dropped, and the type
//! written beside its pointer is that of its requests. A number alone would not do: a static in a
//! generic function is shared by all its instantiations, and users may write `dispatcher_id` by
//! hand.

use std::any::TypeId;
use std::cell::UnsafeCell;
use std::collections::HashMap;
use std::ptr::NonNull;
use std::rc::{Rc, Weak};

use super::any_lane::AnyLane;
use super::lane::Lane;
use super::request::Request;

#[derive(Default)]
pub(crate) struct Registry {
    /// Looked up with each request. What must hold: a reference to them does not outlive the
    /// expression that looks into them, and while there is one that may change them there is no
    /// other. So nothing is called meanwhile that could come back here.
    tables: UnsafeCell<Tables>,
}

#[derive(Default)]
struct Tables {
    /// In the order in which they were opened.
    queues: Vec<Rc<dyn AnyLane>>,
    /// By the number of the dispatcher…
    by_id: Vec<Typed>,
    /// … or else by the type of the request.
    by_type: HashMap<TypeId, Typed>,
}

/// A queue in `queues`, with its type erased.
#[derive(Clone, Copy)]
struct Typed {
    requests: TypeId,
    queue: NonNull<()>,
}

/// No request.
struct Nobody;

impl Typed {
    /// In place of queues that are not open.
    fn of_nobody() -> Self {
        Typed { requests: TypeId::of::<Nobody>(), queue: NonNull::dangling() }
    }

    #[inline(always)]
    fn get<R: Request>(self) -> Option<NonNull<Lane<R>>> {
        (self.requests == TypeId::of::<R>()).then_some(self.queue.cast())
    }
}

impl Registry {
    #[inline(always)]
    fn tables(&self) -> &Tables {
        // SAFETY: by the rule at `tables`.
        unsafe { &*self.tables.get() }
    }

    /// The queue of `R`, if it is open.
    #[inline]
    pub(crate) fn get<R: Request>(&self) -> Option<&Lane<R>> {
        self.get_by_id().or_else(|| self.get_by_type())
    }

    /// The same, if it has a number of its own.
    #[inline(always)]
    pub(crate) fn get_by_id<R: Request>(&self) -> Option<&Lane<R>> {
        let id = R::dispatcher_id()?;
        let queue = self.tables().by_id.get(id.number())?.get::<R>()?;
        // SAFETY: the type was compared; the queue stays in `queues`, in its `Rc`, as long as
        // `self` is borrowed.
        Some(unsafe { queue.as_ref() })
    }

    #[inline(never)]
    fn get_by_type<R: Request>(&self) -> Option<&Lane<R>> {
        let queue = self.tables().by_type.get(&TypeId::of::<R>())?.get::<R>()?;
        // SAFETY: as above.
        Some(unsafe { queue.as_ref() })
    }

    #[inline]
    pub(crate) fn number(&self, number: u32) -> Option<&dyn AnyLane> {
        let queue = NonNull::from(&**self.tables().queues.get(number as usize)?);
        // SAFETY: the queue stays in `queues`, in its `Rc`, as long as `self` is borrowed.
        Some(unsafe { queue.as_ref() })
    }

    /// Opens a queue; `make` gets its number.
    pub(crate) fn add<R: Request>(&self, make: impl FnOnce(&Weak<Lane<R>>, u32) -> Lane<R>) {
        // Code of the user's, which may open other queues: before the number is taken.
        let id = R::dispatcher_id();
        let number = self.tables().queues.len() as u32;
        let queue = Rc::new_cyclic(|me| make(me, number));
        let typed = Typed { requests: TypeId::of::<R>(), queue: NonNull::from(&*queue).cast() };
        // SAFETY: by the rule at `tables`.
        let Tables { queues, by_id, by_type } = unsafe { &mut *self.tables.get() };
        assert_eq!(queues.len(), number as usize, "each queue has a number of its own");
        queues.push(queue);
        if let Some(id) = id {
            let number = id.assign();
            if by_id.len() <= number {
                by_id.resize(number + 1, Typed::of_nobody());
            }
            // A number that two types share belongs to the first; the second is found by its type.
            if by_id[number].requests == TypeId::of::<Nobody>() {
                by_id[number] = typed;
                return;
            }
        }
        by_type.insert(TypeId::of::<R>(), typed);
    }
}
