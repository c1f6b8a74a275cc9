//! Lines of one file, of one language, of all.
//!
//! Roughly: a line is looked at by its beginning. Code before a comment is code, a comment before
//! code is a comment, and comment signs in the middle of a string are taken for what they look
//! like.

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::path::PathBuf;

use crate::language::Language;

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lines {
    pub(crate) code: usize,
    pub(crate) comments: usize,
    pub(crate) blank: usize,
}

impl Lines {
    pub(crate) fn total(self) -> usize {
        self.code + self.comments + self.blank
    }

    /// Of a file with this text, in whatever encoding: what is looked for is ASCII.
    pub(crate) fn count(text: &[u8], language: &Language) -> Lines {
        let mut lines = Lines::default();
        if text.is_empty() {
            return lines;
        }
        let mut in_comment = false;
        // The end of the last line begins no other one.
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        for line in text.split(|byte| *byte == b'\n') {
            let line = line.trim_ascii();
            let opening = language.block.filter(|(begin, _)| line.starts_with(begin.as_bytes()));
            if line.is_empty() {
                lines.blank += 1;
            } else if in_comment || opening.is_some() {
                lines.comments += 1;
                let after =
                    opening.filter(|_| !in_comment).map_or(line, |(begin, _)| &line[begin.len()..]);
                in_comment = language.block.is_some_and(|(_, end)| !contains(after, end));
            } else if language.line.iter().any(|begin| line.starts_with(begin.as_bytes())) {
                lines.comments += 1;
            } else {
                lines.code += 1;
            }
        }
        lines
    }
}

fn contains(text: &[u8], part: &str) -> bool {
    text.windows(part.len()).any(|window| window == part.as_bytes())
}

impl AddAssign for Lines {
    fn add_assign(&mut self, other: Lines) {
        self.code += other.code;
        self.comments += other.comments;
        self.blank += other.blank;
    }
}

/// What a file or folder comes to, with all that is below it.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    /// By the name of the language: how many files, and their lines.
    pub(crate) languages: BTreeMap<&'static str, (usize, Lines)>,
    /// Files of other languages, of none, and what is no file. They are not read.
    pub(crate) other: usize,
    /// What can't be read, and why.
    pub(crate) unreadable: Vec<(PathBuf, String)>,
}

impl Totals {
    pub(crate) fn file(language: &Language, lines: Lines) -> Totals {
        Totals { languages: BTreeMap::from([(language.name, (1, lines))]), ..Totals::default() }
    }

    pub(crate) fn other() -> Totals {
        Totals { other: 1, ..Totals::default() }
    }

    pub(crate) fn unreadable(path: PathBuf, why: impl ToString) -> Totals {
        Totals { unreadable: vec![(path, why.to_string())], ..Totals::default() }
    }

    pub(crate) fn add(&mut self, other: Totals) {
        for (language, (files, lines)) in other.languages {
            let sum = self.languages.entry(language).or_default();
            sum.0 += files;
            sum.1 += lines;
        }
        self.other += other.other;
        self.unreadable.extend(other.unreadable);
    }
}
