//! TODO

use crate::dispatch::request::Request;

/// See `Dispatchers::change_cache`.
pub(crate) enum CacheChange<R: Request> {
    Prime(R::Key, R::Answer),
    Invalidate(R::Key),
    Clear,
}
