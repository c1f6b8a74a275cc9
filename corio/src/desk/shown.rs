//! Keys as they may be shown: in events and errors, where the dispatcher has `show_keys`.

use std::fmt;

use super::fault::plural;
use super::options::ShowKey;

/// The keys of a batch for an event: their number alone unless they may be shown.
pub(super) struct ShownKeys<'a, K> {
    pub(super) keys: &'a [K],
    pub(super) show: Option<ShowKey<K>>,
}

struct ShownKey<'a, K> {
    key: &'a K,
    show: ShowKey<K>,
}

/// A key for an error.
pub(super) fn shown<K>(key: &K, show: Option<ShowKey<K>>) -> Option<String> {
    show.map(|show| format!("{:?}", ShownKey { key, show }))
}

/// The keys of a batch that a dispatcher takes, for errors that may follow.
pub(super) fn all_shown<K>(keys: &[K], show: Option<ShowKey<K>>) -> Vec<String> {
    keys.iter().filter_map(|key| shown(key, show)).collect()
}

/// So many keys, which are not shown.
pub(crate) fn keys_of(len: usize) -> String {
    format!("{len} key{}", plural(len))
}

impl<K> fmt::Debug for ShownKeys<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.show {
            Some(show) => f.debug_list().entries(self.keys.iter().map(|key| ShownKey { key, show })).finish(),
            None => write!(f, "[{}]", keys_of(self.keys.len())),
        }
    }
}

impl<K> fmt::Debug for ShownKey<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.show)(self.key, f)
    }
}
