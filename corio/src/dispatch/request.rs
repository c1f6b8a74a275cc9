//! The trait of requests, and the numbers by which their lanes are found.

use std::sync::atomic::{AtomicU32, Ordering};

use super::options::Options;

/// One thing to ask for: a key, and the type of the answer.
///
/// `#[corio::dispatcher]` implements the trait. By hand, a type is a request if it implements
/// `Request`, which says what its key and its answer are, and [`Dispatch`](crate::Dispatch), which
/// says how a batch of keys is answered:
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
    /// What the dispatcher gets for each request. A key owns its data.
    type Key: 'static;

    /// What `io!` gives. An answer owns its data.
    type Answer: 'static;

    /// How batches of these requests are put together, sent and answered.
    const OPTIONS: Options<Self::Key, Self::Answer> = Options::new();

    /// Returns the name of the dispatcher in errors and events; by default the name of the type.
    fn name() -> &'static str {
        crate::util::type_names::short(std::any::type_name::<Self>())
    }

    /// Returns the key.
    fn into_key(self) -> Self::Key;

    /// Returns a static that belongs to this type alone, by which a request finds its queue faster
    /// than by the type. `None`, the default, is correct but slower.
    fn dispatcher_id() -> Option<&'static DispatcherId> {
        None
    }
}

/// A number for a dispatcher, assigned on first use; for [`Request::dispatcher_id`].
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
/// Not for a generic `impl`, all types of which would share the static. Each type would still get a
/// queue of its own, but find that queue slowly.
#[derive(Debug)]
pub struct DispatcherId(AtomicU32);

impl DispatcherId {
    /// Creates an id without a number.
    #[expect(clippy::new_without_default, reason = "only useful as a static")]
    pub const fn new() -> Self {
        DispatcherId(AtomicU32::new(0))
    }

    /// Returns the number, or 0 before `assign`. No order depends on the number: it only finds a
    /// queue faster, so relaxed loads are enough.
    #[inline]
    pub(super) fn number(&self) -> usize {
        self.0.load(Ordering::Relaxed) as usize
    }

    /// Returns the number, and assigns one if there is none.
    pub(super) fn assign(&self) -> usize {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        if self.number() == 0 {
            // If another thread was faster, its number stays, and this one is skipped.
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
