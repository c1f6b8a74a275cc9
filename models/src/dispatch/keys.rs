//! Of `corio/src/dispatch/keys`: which keys belong to one group.

#[path = "../../../corio/src/dispatch/keys/bounds.rs"]
mod bounds;
#[path = "../../../corio/src/dispatch/keys/groups.rs"]
mod groups;

pub(crate) use groups::{Groups, groups};

pub(crate) type ShowKey<K> = fn(&K, &mut std::fmt::Formatter<'_>) -> std::fmt::Result;

pub(crate) fn shown<K>(_: &K, _: Option<ShowKey<K>>) -> Option<String> {
    None
}
