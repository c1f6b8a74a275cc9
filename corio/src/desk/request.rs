//! What is asked, and who answers: the two traits that `#[corio::dispatcher]` implements, and the options of a dispatcher.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use super::answers::{Answers, CloneAnswer, Dedup, HashKey};
use super::requests::Requests;

/// One thing to ask for: a key, and the type of the answer.
///
/// `#[corio::dispatcher]` implements it. By hand, a type of your own is a request when it says what its key and its answer are, and [`Dispatch`] how a batch of
/// its keys is answered:
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
    note = "a request is what a `#[corio::dispatcher]` function gives: `io!(fetch_user(id))`; a task is run with `call!(task)`"
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
        crate::names::short(std::any::type_name::<Self>())
    }

    /// The key.
    fn into_key(self) -> Self::Key;

    /// A static of this type's own, by which asking finds its queue faster than by the type. `None`, the default, is right, only slower.
    fn dispatcher_id() -> Option<&'static DispatcherId> {
        None
    }
}

/// How the requests of one kind are answered in a schedule over the context `S`.
///
/// Written by `#[corio::dispatcher]` for every `S` that provides the pieces which the per-batch function takes. See [`Request`] for an example by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a request that a task over `{S}` can ask for",
    label = "not a request",
    note = "a request is what a `#[corio::dispatcher]` function gives: `io!(fetch_user(id))`; a task is run with `call!(task)`"
)]
pub trait Dispatch<S>: Request {
    /// Answers a batch: calls one of the methods of [`Requests`], which say in which form. Returning without calling any is an error that names the dispatcher.
    fn dispatch<'r>(context: &'r S, requests: Requests<'_, 'r, Self>);
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
/// Not in a generic `impl`: all its types would share the static. They would still get their own queues, but slowly.
#[derive(Debug)]
pub struct DispatcherId(AtomicU32);

impl DispatcherId {
    /// Without a number yet.
    #[expect(clippy::new_without_default, reason = "only useful as a static")]
    pub const fn new() -> Self {
        DispatcherId(AtomicU32::new(0))
    }

    /// Only finds a queue faster: no order depends on it.
    #[inline]
    pub(crate) fn index(&self) -> usize {
        let number = self.0.load(Ordering::Relaxed);
        (if number == 0 { self.assign() } else { number }) as usize - 1
    }

    #[cold]
    fn assign(&self) -> u32 {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        match self.0.compare_exchange(0, number, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => number,
            Err(other_thread) => other_thread,
        }
    }
}

/// How a key prints: its `Debug::fmt`.
pub(crate) type ShowKey<K> = fn(&K, &mut fmt::Formatter<'_>) -> fmt::Result;

/// How batches of one kind of request are put together; for [`Request::OPTIONS`].
///
/// ```
/// # use corio::Options;
/// const OPTIONS: Options<u64, String> = Options::new().max_batch(500).dedup();
/// ```
pub struct Options<K, A> {
    pub(crate) max_batch: usize,
    pub(crate) dedup: Option<Dedup<K, A>>,
    pub(crate) show_key: Option<ShowKey<K>>,
    pub(crate) concurrent: bool,
}

impl<K, A> Clone for Options<K, A> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, A> Copy for Options<K, A> {}

impl<K, A> fmt::Debug for Options<K, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("max_batch", &self.max_batch)
            .field("dedup", &self.dedup.is_some())
            .field("show_keys", &self.show_key.is_some())
            .field("concurrent", &self.concurrent)
            .finish()
    }
}

impl<K, A> Options<K, A> {
    /// One batch of everything that was asked for, doubles included.
    #[expect(clippy::new_without_default, reason = "there is one way to write it, and it is const")]
    pub const fn new() -> Self {
        Options { max_batch: usize::MAX, dedup: None, show_key: None, concurrent: false }
    }

    /// The options that follow from what a per-batch function returns: one that returns a map gets each key once.
    pub const fn of<R: Answers<K, Answer = A>>() -> Self {
        let mut options = Options::new();
        options.dedup = R::DEDUP;
        options
    }

    /// At most `len` keys in a batch; what is more leaves as further batches at the same time.
    ///
    /// # Panics
    /// If `len` is 0; when compiled, as options are constants.
    pub const fn max_batch(mut self, len: usize) -> Self {
        assert!(len > 0, "max_batch must be at least 1");
        self.max_batch = len;
        self
    }

    /// Equal keys of a batch go out once, and each request gets a clone of the answer.
    pub const fn dedup(mut self) -> Self
    where
        K: HashKey,
        A: CloneAnswer,
    {
        self.dedup = Some(Dedup::by_hash());
        self
    }

    /// Keys are shown in errors and events, by their `Debug`. Without it only their positions are: keys may be secrets.
    pub const fn show_keys(mut self) -> Self
    where
        K: fmt::Debug,
    {
        self.show_key = Some(<K as fmt::Debug>::fmt);
        self
    }

    /// Batches are answered later: by a future, another thread. They start before a dispatcher that answers in place blocks the thread.
    pub const fn concurrent(mut self) -> Self {
        self.concurrent = true;
        self
    }
}
