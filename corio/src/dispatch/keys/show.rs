//! Keys in events and errors, where the dispatcher has `show_keys`.
//!
//! A long key is truncated: a message is there to be read, and is stored and sent to places that
//! the author of the key did not think of.

use std::fmt;
use std::fmt::Write;

use super::bounds::ShowKey;
use crate::util::keys_of;

/// The keys of a batch for an event. `Debug` prints only their number unless `show` is set.
pub(crate) struct ShownKeys<'a, K> {
    pub(crate) keys: &'a [K],
    pub(crate) show: Option<ShowKey<K>>,
}

/// One key, truncated by `Debug`.
struct ShownKey<'a, K> {
    key: &'a K,
    show: ShowKey<K>,
}

/// Returns a key as text for an error, if keys may be shown.
pub(crate) fn shown<K>(key: &K, show: Option<ShowKey<K>>) -> Option<String> {
    show.map(|show| format!("{:?}", ShownKey { key, show }))
}

/// Returns the keys of a batch as text, for errors after a dispatcher has taken the keys; empty if
/// keys may not be shown.
pub(crate) fn all_shown<K>(keys: &[K], show: Option<ShowKey<K>>) -> Vec<String> {
    keys.iter().filter_map(|key| shown(key, show)).collect()
}

impl<K> fmt::Debug for ShownKeys<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.show {
            Some(show) => {
                f.debug_list().entries(self.keys.iter().map(|key| ShownKey { key, show })).finish()
            }
            None => write!(f, "[{}]", keys_of(self.keys.len())),
        }
    }
}

impl<K> fmt::Debug for ShownKey<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct FullKey<'a, K>(&'a ShownKey<'a, K>);

        impl<K> fmt::Debug for FullKey<'_, K> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (self.0.show)(self.0.key, f)
            }
        }

        let mut prefix = Prefix { text: String::new(), left: MAX_SHOWN_CHARS, is_truncated: false };
        match write!(prefix, "{:?}", FullKey(self)) {
            Err(error) if !prefix.is_truncated => return Err(error),
            _ => f.write_str(&prefix.text)?,
        }
        if prefix.is_truncated { f.write_char('…') } else { Ok(()) }
    }
}

/// Number of characters of a key that are shown.
const MAX_SHOWN_CHARS: usize = 200;

/// Collects at most `left` further characters. Fails on the first character beyond, so that a long
/// `Debug` output is not produced to its end.
struct Prefix {
    text: String,
    left: usize,
    is_truncated: bool,
}

impl fmt::Write for Prefix {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let end = more.char_indices().nth(self.left).map(|(end, _)| end);
        self.is_truncated = end.is_some();
        let fits = &more[..end.unwrap_or(more.len())];
        self.left -= fits.chars().count();
        self.text.push_str(fits);
        if self.is_truncated { Err(fmt::Error) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text<K: fmt::Debug>(key: &K) -> String {
        shown(key, Some(<K as fmt::Debug>::fmt)).unwrap()
    }

    #[test]
    fn a_key_is_shown_as_it_is() {
        assert_eq!(text(&("a", 7)), "(\"a\", 7)");
        assert_eq!(text(&"ö".repeat(198)), format!("\"{}\"", "ö".repeat(198)));
    }

    #[test]
    fn a_long_key_is_truncated() {
        assert_eq!(text(&"ö".repeat(199)), format!("\"{}…", "ö".repeat(199)));
        let long = if cfg!(miri) { 1000 } else { 1_000_000 };
        assert_eq!(text(&"x".repeat(10 * long)), format!("\"{}…", "x".repeat(199)));
        assert_eq!(text(&(0..long).collect::<Vec<_>>()).chars().count(), 201);
    }
}
