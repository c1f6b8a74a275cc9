//! What a task may change in a cache.

use crate::dispatch::request::Request;

/// A change of the cached answers that the current run sees; for `Dispatchers::change_cache`.
pub(crate) enum CacheChange<R: Request> {
    /// Caches an answer, and gives it to all waiters for the key.
    Prime(R::Key, R::Answer),
    /// Removes the answer for a key. An answer in flight is not cached either, and its followers
    /// ask again.
    Invalidate(R::Key),
    /// Invalidates all keys.
    Clear,
}
