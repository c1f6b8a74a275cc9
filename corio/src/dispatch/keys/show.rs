//! Keys as they may be shown: in events and errors, where the dispatcher has `show_keys`.
//!
//! Of a long one the beginning is shown: a message is there to be read, and is kept and sent to
//! places that nobody thought of when they chose their keys.

use std::fmt;
use std::fmt::Write;

use super::bounds::ShowKey;
use crate::util::keys_of;

/// The keys of a batch for an event: their number alone unless they may be shown.
pub(crate) struct ShownKeys<'a, K> {
    pub(crate) keys: &'a [K],
    pub(crate) show: Option<ShowKey<K>>,
}

struct ShownKey<'a, K> {
    key: &'a K,
    show: ShowKey<K>,
}

/// A key for an error.
pub(crate) fn shown<K>(key: &K, show: Option<ShowKey<K>>) -> Option<String> {
    show.map(|show| format!("{:?}", ShownKey { key, show }))
}

/// The keys of a batch that a dispatcher takes, for errors that may follow.
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
        struct Uncut<'a, K>(&'a ShownKey<'a, K>);

        impl<K> fmt::Debug for Uncut<'_, K> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                (self.0.show)(self.0.key, f)
            }
        }

        let mut beginning = Prefix { text: String::new(), left: LONGEST, is_cut: false };
        match write!(beginning, "{:?}", Uncut(self)) {
            Err(error) if !beginning.is_cut => return Err(error),
            _ => f.write_str(&beginning.text)?,
        }
        if beginning.is_cut { f.write_char('…') } else { Ok(()) }
    }
}

/// So many characters of a key are shown.
const LONGEST: usize = 200;

/// Takes so many characters, and refuses the rest: what is written is not worked out any further
/// then.
struct Prefix {
    text: String,
    left: usize,
    is_cut: bool,
}

impl fmt::Write for Prefix {
    fn write_str(&mut self, more: &str) -> fmt::Result {
        let end = more.char_indices().nth(self.left).map(|(end, _)| end);
        self.is_cut = end.is_some();
        let fits = &more[..end.unwrap_or(more.len())];
        self.left -= fits.chars().count();
        self.text.push_str(fits);
        if self.is_cut { Err(fmt::Error) } else { Ok(()) }
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
    fn of_a_long_key_the_beginning_is_shown() {
        assert_eq!(text(&"ö".repeat(199)), format!("\"{}…", "ö".repeat(199)));
        let long = if cfg!(miri) { 1000 } else { 1_000_000 };
        assert_eq!(text(&"x".repeat(10 * long)), format!("\"{}…", "x".repeat(199)));
        assert_eq!(text(&(0..long).collect::<Vec<_>>()).chars().count(), 201);
    }
}
