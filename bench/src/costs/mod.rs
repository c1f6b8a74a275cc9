//! What grows with what waits, and with what has gone: a table of every place where a request, task, permit, message or alarm can stand.
//!
//! Each row is a program, done with n and with 4n in processes of their own. Instructions are counted by callgrind, from the beginning of the program to its end, and memory by the
//! counting allocator, at its peak. Neither depends on what else the machine does. Both may grow as n does, and where n come and go while one stays, memory may not grow at all.

mod options;
mod places;
mod programs;

use std::collections::VecDeque;
use std::env;
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
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

/// What memory may do when there are four times as many.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Memory {
    /// Grow with them: they are all there at once.
    All,
    /// Stay as it was: they come and go.
    OneStays,
}

/// By how much instructions, and memory where all are there at once, may grow from n to 4n: four times, and something for what is sorted or searched.
const MOST: f64 = 4.5;
/// Bytes by which memory may grow where they come and go: less than one byte for each that has gone.
const SLACK: u64 = 512;

/// What tasks need that sleep.
#[derive(corio::Context)]
struct Time {
    clock: VirtualClock,
}

const SHORT: Duration = Duration::from_millis(1);
/// Longer than anything else in these programs takes.
const LONG: Duration = Duration::from_secs(1_000_000);

/// Runs it under virtual time.
fn run<T>(change: impl FnOnce(&mut Schedule<Time>), program: impl Task<Time, Output = T>) -> T {
    let clock = VirtualClock::new();
    let mut schedule = Schedule::new(Time { clock: clock.clone() });
    schedule.clock(clock);
    change(&mut schedule);
    schedule.run(program).expect("no run of these ends badly")
}

/// Ends after a while, of virtual time.
#[corio::task(Time)]
fn nap(time: Duration) {
    let clock = context!().clock.clone();
    io!(corio::future(clock.sleep(time)));
}

fn rows() -> Vec<Row> {
    let mut rows = places::rows();
    rows.extend(options::rows());
    rows.extend(programs::rows());
    rows
}

/// What a program took.
struct Cost {
    instructions: f64,
    bytes: f64,
}

pub fn costs(args: &CostsArgs) -> anyhow::Result<()> {
    let wanted = |row: &Row| args.only.is_empty() || args.only.iter().any(|text| row.name.contains(text.as_str()));
    let rows: Vec<Row> = rows().into_iter().filter(wanted).collect();
    ensure!(!rows.is_empty(), "there is no such row");
    if args.list {
        rows.iter().for_each(|row| println!("{}", row.name));
        return Ok(());
    }
    let mut table = print::table(["n, and 4n", "n", "instructions", "at 4n", "ratio", "bytes", "at 4n", "ratio", ""], 1);
    let mut grown = Vec::new();
    for (row, costs) in rows.iter().zip(count_all(&rows)) {
        let [one, four] = costs?;
        let steps = four.instructions / one.instructions;
        let bytes = four.bytes / one.bytes;
        let memory_grows = match row.memory {
            Memory::All => bytes > MOST,
            Memory::OneStays => four.bytes > one.bytes + SLACK as f64,
        };
        let verdict = match (steps > MOST, memory_grows) {
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
            row.n.to_string(),
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

/// Several at a time, as each is a process of one thread.
fn count_all(rows: &[Row]) -> Vec<anyhow::Result<[Cost; 2]>> {
    let work = Mutex::new((0..rows.len()).flat_map(|row| [(row, 1), (row, 4)]).collect::<VecDeque<_>>());
    let done = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let next = work.lock().expect("no panic").pop_front();
                    let Some((row, times)) = next else { return };
                    let cost = count(&rows[row], times * rows[row].n);
                    done.lock().expect("no panic").push((row, times, cost));
                }
            });
        }
    });
    let mut done = done.into_inner().expect("no panic");
    done.sort_by_key(|(row, times, _)| (*row, *times));
    let mut costs = done.into_iter().map(|(_, _, cost)| cost);
    (0..rows.len())
        .map(|_| {
            let (one, four) = (costs.next().expect("counted at n"), costs.next().expect("counted at 4n"));
            Ok([one?, four?])
        })
        .collect()
}

/// Instructions are collected within [`counted`] only.
fn count(row: &Row, n: u64) -> anyhow::Result<Cost> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*costs*counted*"])
        .arg(env::current_exe()?)
        .args(["cost", &row.name, &n.to_string()])
        .output()
        .context("cannot run valgrind: is it installed?")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} failed with {n} under valgrind:\n{said}", row.name);
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let (_, instructions) = collected.with_context(|| format!("callgrind says no number of instructions:\n{said}"))?;
    let instructions = instructions.trim().parse().context("callgrind says something else than a number")?;
    let bytes = String::from_utf8_lossy(&output.stdout).trim().parse().context("the process of a row printed something else than a number")?;
    Ok(Cost { instructions, bytes })
}

/// What runs under callgrind: prints the peak of its bytes.
pub fn cost(name: &str, n: u64) -> anyhow::Result<()> {
    let rows = rows();
    let row = rows.iter().find(|row| row.name == name).context("no such row")?;
    println!("{}", memory::peak(|| counted(row, n)));
    Ok(())
}

/// A function of its own, which callgrind can find.
#[inline(never)]
fn counted(row: &Row, n: u64) {
    (row.run)(n);
}
