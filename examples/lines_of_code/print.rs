//! The results, as text for a terminal.

use std::io::{self, Write};

use crate::batches::{Batch, Batches};
use crate::count::{Lines, Totals};

/// One line for each language, those with the most code first.
pub(crate) fn languages(out: &mut impl Write, totals: &Totals) -> io::Result<()> {
    let mut languages: Vec<_> =
        totals.languages.iter().map(|(name, (files, lines))| (*name, *files, *lines)).collect();
    languages.sort_by_key(|(name, _, lines)| (std::cmp::Reverse(lines.code), *name));
    let (mut all_files, mut all_lines) = (0, Lines::default());
    writeln!(
        out,
        "{:<12}{:>9}{:>11}{:>11}{:>11}{:>11}",
        "language", "files", "lines", "code", "comments", "blank"
    )?;
    for (name, files, lines) in languages {
        line(out, name, files, lines)?;
        all_files += files;
        all_lines += lines;
    }
    line(out, "all", all_files, all_lines)?;
    if totals.other > 0 {
        writeln!(out, "{:<12}{:>9}  (not read)", "other", totals.other)?;
    }
    Ok(())
}

fn line(out: &mut impl Write, name: &str, files: usize, lines: Lines) -> io::Result<()> {
    writeln!(
        out,
        "{name:<12}{files:>9}{:>11}{:>11}{:>11}{:>11}",
        lines.total(),
        lines.code,
        lines.comments,
        lines.blank
    )
}

/// One line for each dispatcher.
pub(crate) fn batches(out: &mut impl Write, batches: &Batches) -> io::Result<()> {
    writeln!(
        out,
        "{:<12}{:>9}{:>11}{:>11}{:>11}{:>11}",
        "dispatcher", "batches", "requests", "on average", "largest", "at once"
    )?;
    for (dispatcher, Batch { batches, requests, largest, most_at_once, .. }) in batches.counted() {
        let average = requests as f64 / batches as f64;
        writeln!(
            out,
            "{dispatcher:<12}{batches:>9}{requests:>11}{average:>11.1}{largest:>11}{most_at_once:>11}"
        )?;
    }
    Ok(())
}
