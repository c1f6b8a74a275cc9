//! Which queue is whose: from the type of a request to its queue, in a few instructions.
//!
//! What must hold: a queue that is registered stays until the registry is dropped, and the type written beside its pointer is that of its requests. A number alone would not
//! do: a static in a generic function is shared by all its instantiations, and users may write `dispatcher_id` by hand.

use std::any::TypeId;
use std::cell::RefCell;
use std::collections::HashMap;
use std::ptr::NonNull;
use std::rc::{Rc, Weak};

use super::queue::{AnyQueue, Queue};
use super::request::Request;

#[derive(Default)]
pub(super) struct Registry {
    /// In the order in which they were opened.
    queues: RefCell<Vec<Rc<dyn AnyQueue>>>,
    /// By the number of the dispatcher…
    by_id: RefCell<Vec<Option<Typed>>>,
    /// … or else by the type of the request.
    by_type: RefCell<HashMap<TypeId, Typed>>,
}

/// A queue in `queues`, with its type erased.
#[derive(Clone, Copy)]
struct Typed {
    requests: TypeId,
    queue: NonNull<()>,
}

impl Typed {
    #[inline]
    fn get<R: Request>(self) -> Option<NonNull<Queue<R>>> {
        (self.requests == TypeId::of::<R>()).then_some(self.queue.cast())
    }
}

impl Registry {
    /// The queue of `R`, if it is open.
    #[inline(always)]
    pub(super) fn get<R: Request>(&self) -> Option<&Queue<R>> {
        let by_id = R::dispatcher_id().and_then(|id| self.by_id.borrow().get(id.index()).copied().flatten()?.get::<R>());
        let queue = match by_id {
            Some(queue) => queue,
            None => self.get_by_type::<R>()?,
        };
        // SAFETY: the type was compared; the queue stays in `queues`, in its `Rc`, as long as `self` is borrowed.
        Some(unsafe { queue.as_ref() })
    }

    #[inline(never)]
    fn get_by_type<R: Request>(&self) -> Option<NonNull<Queue<R>>> {
        self.by_type.borrow().get(&TypeId::of::<R>())?.get::<R>()
    }

    #[inline]
    pub(super) fn number(&self, number: u32) -> Option<&dyn AnyQueue> {
        let queue = NonNull::from(&**self.queues.borrow().get(number as usize)?);
        // SAFETY: the queue stays in `queues`, in its `Rc`, as long as `self` is borrowed.
        Some(unsafe { queue.as_ref() })
    }

    pub(super) fn all(&self) -> Vec<Rc<dyn AnyQueue>> {
        self.queues.borrow().clone()
    }

    /// Opens a queue; `make` gets its number.
    pub(super) fn add<R: Request>(&self, make: impl FnOnce(&Weak<Queue<R>>, u32) -> Queue<R>) {
        let queue = Rc::new_cyclic(|me| make(me, self.queues.borrow().len() as u32));
        let typed = Typed { requests: TypeId::of::<R>(), queue: NonNull::from(&*queue).cast() };
        self.queues.borrow_mut().push(queue);
        if let Some(id) = R::dispatcher_id() {
            let mut by_id = self.by_id.borrow_mut();
            let index = id.index();
            if by_id.len() <= index {
                by_id.resize(index + 1, None);
            }
            // A number that two types share belongs to the first; the second is found by its type.
            if by_id[index].is_none() {
                by_id[index] = Some(typed);
                return;
            }
        }
        self.by_type.borrow_mut().insert(TypeId::of::<R>(), typed);
    }
}
