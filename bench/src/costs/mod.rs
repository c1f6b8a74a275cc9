//! What grows with what waits, and with what has gone: a table of every place where a request,
//! task,
//! permit, message or alarm can stand.
//!
//! Each row is a program, done with n and with 4n. Instructions are counted by callgrind, and
//! memory
//! by the counting allocator, at its peak. Neither depends on what else the machine does. Both may
//! grow as n does, and where n come and go while one stays, memory may not grow at all.

mod options;
mod places;
mod programs;
mod ways;

use std::hint::black_box;
use std::process::Command;
use std::time::Duration;
use std::{env, fs, thread};

use anyhow::{Context, bail, ensure};
use clap::Args;
use corio::testing::VirtualClock;
use corio::{Schedule, Task};

use crate::memory;
use crate::print;

#[derive(Debug, Args)]
pub struct CostsArgs {
    /// Only rows with one of these texts in their names
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    only: Vec<String>,

    /// Print the names of the rows, and no more
    #[arg(long)]
    list: bool,
}

/// Something whose cost must follow what is there.
struct Row {
    name: String,
    n: u64,
    memory: Memory,
    run: Box<dyn Fn(u64) + Sync>,
}

impl Row {
    /// Whether instructions, and memory, grow by more than they may from n to 4n.
    fn grows(&self, [one, four]: [Cost; 2]) -> (bool, bool) {
        let memory = match self.memory {
            Memory::All => four.bytes / one.bytes > MOST,
            Memory::OneStays => four.bytes > most_when_one_stays(one.bytes),
        };
        (four.instructions / one.instructions > MOST, memory)
    }
}

/// What memory may do when there are four times as many.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Memory {
    /// Grow with them: they are all there at once.
    All,
    /// Stay as it was: they come and go.
    OneStays,
}

/// By how much instructions, and memory where all are there at once, may grow from n to 4n: four
/// times, and something for what is sorted or searched.
const MOST: f64 = 4.5;
/// What memory may grow to where they come and go: that of a hash map varies a little, and a word
/// for each that has gone would be more.
fn most_when_one_stays(bytes: f64) -> f64 {
    1.1 * bytes + 512.0
}

/// What tasks need that sleep.
#[derive(corio::Context)]
struct Time {
    clock: VirtualClock,
}

const SHORT: Duration = Duration::from_millis(1);
/// Longer than anything else in these programs takes.
const LONG: Duration = Duration::from_secs(1_000_000);

/// Runs it under virtual time.
fn run<T>(
    change: impl FnOnce(Schedule<Time>) -> Schedule<Time>,
    program: impl Task<Time, Output = T>,
) -> T {
    let clock = VirtualClock::new();
    let schedule = Schedule::new(Time { clock: clock.clone() }).clock(clock);
    change(schedule).run(program).expect("no run of these ends badly")
}

/// Ends after a while, of virtual time.
#[corio::task(Time)]
fn nap(time: Duration) {
    let clock = context!().clock.clone();
    io!(corio::future(clock.sleep(time)));
}

fn rows() -> Vec<Row> {
    let mut rows = ways::rows();
    rows.extend(options::rows());
    rows.extend(programs::rows());
    rows
}

/// What a program took.
#[derive(Clone, Copy)]
struct Cost {
    instructions: f64,
    bytes: f64,
}

pub fn costs(args: &CostsArgs) -> anyhow::Result<()> {
    let wanted = |row: &Row| {
        args.only.is_empty() || args.only.iter().any(|text| row.name.contains(text.as_str()))
    };
    let rows: Vec<Row> = rows().into_iter().filter(wanted).collect();
    ensure!(!rows.is_empty(), "there is no such row");
    if args.list {
        rows.iter().for_each(|row| println!("{}", row.name));
        return Ok(());
    }
    let mut table = print::table(
        ["n, and 4n", "n", "instructions", "at 4n", "ratio", "bytes", "at 4n", "ratio", ""],
        1,
    );
    let mut grown = Vec::new();
    let mut costs: Vec<(u64, [Cost; 2])> =
        rows.iter().map(|row| row.n).zip(count_all(&rows.iter().collect::<Vec<_>>(), 1)?).collect();
    // A single step of the allocator or of a table that doubles may lie between n and 4n. What
    // grows without end shows at four times as many as well.
    let suspects: Vec<usize> =
        (0..rows.len()).filter(|row| rows[*row].grows(costs[*row].1) != (false, false)).collect();
    if !suspects.is_empty() {
        let larger: Vec<&Row> = suspects.iter().map(|row| &rows[*row]).collect();
        for (row, cost) in suspects.iter().zip(count_all(&larger, 4)?) {
            costs[*row] = (4 * rows[*row].n, cost);
        }
    }
    for (row, (n, [one, four])) in rows.iter().zip(costs) {
        let steps = four.instructions / one.instructions;
        let bytes = four.bytes / one.bytes;
        let verdict = match row.grows([one, four]) {
            (false, false) => "",
            (true, false) => "INSTRUCTIONS",
            (false, true) => "MEMORY",
            (true, true) => "INSTRUCTIONS, MEMORY",
        };
        if !verdict.is_empty() {
            grown.push(format!("{}: {verdict}", row.name));
        }
        table.add_row([
            row.name.clone(),
            n.to_string(),
            format!("{:.0}", one.instructions),
            format!("{:.0}", four.instructions),
            format!("{steps:.2}"),
            format!("{:.0}", one.bytes),
            format!("{:.0}", four.bytes),
            format!("{bytes:.2}"),
            verdict.to_owned(),
        ]);
    }
    println!("{table}");
    ensure!(
        grown.is_empty(),
        "{} of {} grow by more than what there is (see one of them by `costs --only NAME`):\n{}",
        grown.len(),
        rows.len(),
        grown.join("\n")
    );
    Ok(())
}

/// A process for each core, which does its part of the rows: under callgrind, starting one takes
/// longer than most rows do.
fn count_all(rows: &[&Row], times: u64) -> anyhow::Result<Vec<[Cost; 2]>> {
    let processes = thread::available_parallelism().map_or(1, usize::from).min(rows.len());
    let parts: Vec<Vec<[Cost; 2]>> = thread::scope(|scope| {
        let part =
            |number| rows.iter().copied().skip(number).step_by(processes).collect::<Vec<&Row>>();
        let counting: Vec<_> =
            (0..processes).map(|number| scope.spawn(move || count(&part(number), times))).collect();
        counting
            .into_iter()
            .map(|counting| counting.join().expect("no panic"))
            .collect::<anyhow::Result<_>>()
    })?;
    let mut parts: Vec<_> = parts.into_iter().map(Vec::into_iter).collect();
    Ok((0..rows.len())
        .map(|row| parts[row % processes].next().expect("each row was counted"))
        .collect())
}

/// Instructions are counted anew from each call of [`counted`], and written into a file after each
/// of [`done`].
fn count(rows: &[&Row], times: u64) -> anyhow::Result<Vec<[Cost; 2]>> {
    let directory =
        tempfile::tempdir().context("cannot make a directory for what callgrind counts")?;
    let file = directory.path().join("counts");
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--dump-line=no",
            "--zero-before=*costs::counted*",
            "--dump-after=*costs::done*",
        ])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(env::current_exe()?)
        .args(["cost", &times.to_string()])
        .args(rows.iter().map(|row| &row.name))
        .output()
        .context("cannot run valgrind: is it installed?")?;
    let bytes = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::parse)
        .collect::<Result<Vec<f64>, _>>()
        .context("no number of bytes")?;
    if !output.status.success() {
        let row = rows.get(bytes.len() / 2).map_or("what was counted", |row| &row.name);
        bail!("{row} failed under valgrind:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let costs = bytes.into_iter().zip(1..).map(|(bytes, number)| {
        let text = fs::read_to_string(file.with_extension(number.to_string()))
            .context("callgrind has written no counts")?;
        let instructions = text
            .lines()
            .find_map(|line| line.strip_prefix("totals: "))
            .context("callgrind has written no total")?;
        Ok(Cost {
            instructions: instructions
                .parse()
                .context("callgrind has written something else than a number")?,
            bytes,
        })
    });
    let costs = costs.collect::<anyhow::Result<Vec<Cost>>>()?;
    let (pairs, _) = costs.as_chunks::<2>();
    ensure!(pairs.len() == rows.len(), "some rows have printed nothing");
    Ok(pairs.to_vec())
}

/// What runs under callgrind: prints the peaks of the bytes of each row, at n and at 4n; for n so
/// many times as large.
pub fn cost(times: u64, names: &[String]) -> anyhow::Result<()> {
    let rows = rows();
    for name in names {
        let row = rows.iter().find(|row| row.name == *name).context("no such row")?;
        for n in [times * row.n, 4 * times * row.n] {
            println!("{}", memory::peak(|| counted(row, n)));
        }
    }
    Ok(())
}

/// A function of its own, which callgrind can find.
#[inline(never)]
fn counted(row: &Row, n: u64) {
    (row.run)(n);
    done();
}

/// Another: callgrind takes one wish for each.
#[inline(never)]
fn done() {
    black_box(());
}
