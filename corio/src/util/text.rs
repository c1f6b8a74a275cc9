//! TODO

pub(crate) fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

/// So many keys, which are not shown.
pub(crate) fn keys_of(len: usize) -> String {
    format!("{len} key{}", plural(len))
}
