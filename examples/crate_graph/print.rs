//! The report and the comparison, as text for a terminal.

use std::io::{self, Write};
use std::time::Duration;

use crate::Run;
use crate::report::{Line, Member, Report};

/// Lines of the tree in the short report.
const SHORT: usize = 16;

/// One line for each member and the beginning of the largest tree, or every tree to its end.
pub(crate) fn report(out: &mut impl Write, report: &Report, full: bool) -> io::Result<()> {
    members(out, &report.members)?;
    if full {
        for member in &report.members {
            writeln!(out)?;
            tree(out, member, usize::MAX)?;
        }
    } else if let Some(largest) =
        report.members.iter().rev().max_by_key(|member| member.totals.packages)
    {
        writeln!(out)?;
        tree(out, largest, SHORT)?;
    }
    Ok(())
}

/// What each way cost.
pub(crate) fn runs(out: &mut impl Write, runs: &[Run], round_trip: Duration) -> io::Result<()> {
    let mut table = Table::new(["", "queries", "rows", "time"], "<>>>");
    for run in runs {
        let Run { way, counts, time, .. } = run;
        table.row([
            (*way).to_owned(),
            counts.queries.to_string(),
            counts.rows.to_string(),
            milliseconds(*time),
        ]);
    }
    table.print(out)?;
    write!(out, "The reports are equal.")?;
    if !round_trip.is_zero() {
        write!(out, " Every query waited {} at least.", humantime::format_duration(round_trip))?;
    }
    writeln!(out)
}

/// One unit everywhere, so that numbers can be compared at a glance.
pub(crate) fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn members(out: &mut impl Write, members: &[Member]) -> io::Result<()> {
    let mut table =
        Table::new(["member", "version", "packages", "depth", "features", "licences"], "<<>>>>");
    for member in members {
        let (package, totals) = (member.package(), &member.totals);
        table.row([
            package.name.clone(),
            package.version.clone(),
            totals.packages.to_string(),
            totals.depth.to_string(),
            totals.features.to_string(),
            totals.licences.to_string(),
        ]);
    }
    table.print(out)
}

fn tree(out: &mut impl Write, member: &Member, limit: usize) -> io::Result<()> {
    let mut table =
        Table::new(["tree", "version", "depth", "features", "dependents", "licence"], "<<>>><");
    let branches = branches(&member.lines);
    for (line, branch) in member.lines.iter().zip(branches).take(limit) {
        let mark = if line.cut { " (*)" } else { "" };
        table.row([
            format!("{branch}{}{mark}", line.package.name),
            line.package.version.clone(),
            line.depth.to_string(),
            line.features.to_string(),
            line.dependents.to_string(),
            line.package.licence.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    table.print(out)?;
    let left = member.lines.len().saturating_sub(limit);
    if left > 0 {
        writeln!(out, "… and {left} more lines (--full prints every tree)")?;
    }
    Ok(())
}

/// What stands before the name on each line: `│   ├── `. Read from the last line up: whether a
/// branch goes on below is then known already.
fn branches(lines: &[Line]) -> Vec<String> {
    let mut goes_on: Vec<bool> = Vec::new();
    let mut branches: Vec<String> = lines
        .iter()
        .rev()
        .map(|line| {
            let more_below = goes_on.get(line.depth).copied().unwrap_or(false);
            goes_on.resize(line.depth + 1, false);
            goes_on[line.depth] = true;
            if line.depth == 0 {
                return String::new();
            }
            let outer = goes_on[1..line.depth].iter().map(|on| if *on { "│   " } else { "    " });
            outer.chain([if more_below { "├── " } else { "└── " }]).collect()
        })
        .collect();
    branches.reverse();
    branches
}

/// Columns as wide as their widest cell.
struct Table<const N: usize> {
    rows: Vec<[String; N]>,
    /// `<` or `>` for each column: the side its cells lean to.
    sides: &'static str,
}

impl<const N: usize> Table<N> {
    fn new(header: [&str; N], sides: &'static str) -> Table<N> {
        Table { rows: vec![header.map(str::to_owned)], sides }
    }

    fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }

    fn print(&self, out: &mut impl Write) -> io::Result<()> {
        let mut widths = [0; N];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in &self.rows {
            let mut text = String::new();
            for ((cell, width), side) in row.iter().zip(widths).zip(self.sides.chars()) {
                text += &if side == '<' {
                    format!("{cell:<width$}  ")
                } else {
                    format!("{cell:>width$}  ")
                };
            }
            writeln!(out, "{}", text.trim_end())?;
        }
        Ok(())
    }
}
