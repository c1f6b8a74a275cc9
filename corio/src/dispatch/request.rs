//! What is asked, and who answers: the two traits that `#[corio::dispatcher]` implements.

use std::sync::atomic::{AtomicU32, Ordering};

use super::options::Options;

/// One thing to ask for: a key, and the type of the answer.
///
/// `#[corio::dispatcher]` implements it. By hand, a type of your own is a request when it says what
/// its key and its answer are, and [`Dispatch`] how a batch of its keys is answered:
///
/// ```
/// use corio::{Dispatch, Request, Requests};
///
/// struct Square(u64);
///
/// impl Request for Square {
///     type Key = u64;
///     type Answer = u64;
///
///     fn into_key(self) -> u64 {
///         self.0
///     }
/// }
///
/// impl<S> Dispatch<S> for Square {
///     fn dispatch<'r>(_: &'r S, requests: Requests<'_, 'r, Self>) {
///         requests.answer(|keys| keys.iter().map(|n| n * n).collect::<Vec<_>>());
///     }
/// }
///
/// let task = corio::task_fn(async |cx: corio::Cx<'_, ()>| cx.io(Square(7)).await);
/// assert_eq!(corio::Schedule::new(()).run(task)?, 49);
/// # Ok::<(), corio::Error>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a request",
    label = "not a request",
    note = "a request is what a `#[corio::dispatcher]` function gives: `io!(fetch_user(id))`; a \
            task is run with `call!(task)`"
)]
pub trait Request: Sized + 'static {
    /// What the dispatcher gets for each request. It owns its data.
    type Key: 'static;

    /// What `io!` gives. It owns its data.
    type Answer: 'static;

    /// How batches of this kind are put together.
    const OPTIONS: Options<Self::Key, Self::Answer> = Options::new();

    /// The name in errors and events: the type's own name unless told otherwise.
    fn name() -> &'static str {
        crate::util::type_names::short(std::any::type_name::<Self>())
    }

    /// The key.
    fn into_key(self) -> Self::Key;

    /// A static of this type's own, by which asking finds its queue faster than by the type.
    /// `None`, the default, is right, only slower.
    fn dispatcher_id() -> Option<&'static DispatcherId> {
        None
    }
}

/// A number for a dispatcher, given out when it is first asked for; for [`Request::dispatcher_id`].
///
/// ```
/// # use corio::{DispatcherId, Request};
/// # struct Square(u64);
/// impl Request for Square {
/// #    type Key = u64;
/// #    type Answer = u64;
/// #    fn into_key(self) -> u64 { self.0 }
///     fn dispatcher_id() -> Option<&'static DispatcherId> {
///         static ID: DispatcherId = DispatcherId::new();
///         Some(&ID)
///     }
///     // …
/// }
/// ```
///
/// Not in a generic `impl`: all its types would share the static. They would still get their own
/// queues, but slowly.
#[derive(Debug)]
pub struct DispatcherId(AtomicU32);

impl DispatcherId {
    /// Without a number yet.
    #[expect(clippy::new_without_default, reason = "only useful as a static")]
    pub const fn new() -> Self {
        DispatcherId(AtomicU32::new(0))
    }

    /// Only finds a queue faster: no order depends on it. 0 before one was given out.
    #[inline]
    pub(crate) fn number(&self) -> usize {
        self.0.load(Ordering::Relaxed) as usize
    }

    /// The number, given out now if need be.
    pub(crate) fn assign(&self) -> usize {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        if self.number() == 0 {
            // Another thread may be faster.
            let _ = self.0.compare_exchange(
                0,
                NEXT.fetch_add(1, Ordering::Relaxed),
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
        }
        self.number()
    }
}
