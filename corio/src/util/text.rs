//! Helpers for English messages.

/// Returns the plural ending for `n` items: `""` for one, `"s"` otherwise.
pub(crate) fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

/// Returns `"3 keys"` and the like, in place of keys that are not shown.
pub(crate) fn keys_of(len: usize) -> String {
    format!("{len} key{}", plural(len))
}
