//! Instructions an operation, counted by callgrind: they do not depend on what else the machine
//! does, so a merge gate can compare them.
//!
//! A count is that of a process with three repetitions less that of one with one repetition, by
//! two: neither the start of the process nor the first repetition, which fills the pools, is in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, bail, ensure};
use clap::Args;
use serde::{Deserialize, Serialize};

use crate::contenders::{Contender, corio, state_machine};
use crate::measure::check;
use crate::print;
use crate::work::{Size, Workload};

#[derive(Debug, Args)]
pub struct InstructionsArgs {
    /// Only these workloads
    #[arg(long, value_name = "WORKLOAD", value_delimiter = ',')]
    only: Vec<Workload>,

    /// Keep these counts, for others to be compared with; those of other workloads stay as they are
    #[arg(long)]
    write: bool,
}

/// How a workload is counted.
struct Gate {
    workload: Workload,
    /// Small: instructions are slow under callgrind, but every run takes the same.
    scale: f64,
    /// By how much a count may grow before it is an error.
    tolerance: f64,
}

const fn gate(workload: Workload, scale: f64) -> Gate {
    Gate { workload, scale, tolerance: 0.05 }
}

/// All but W5, which sleeps. W10 is answered in place, as what another thread does depends on when
/// it runs.
const GATES: [Gate; 12] = [
    gate(Workload::W1, 0.1),
    gate(Workload::W2, 0.1),
    gate(Workload::W3, 0.1),
    gate(Workload::W4, 0.1),
    // Its three nested futures are inlined in another way when something unrelated changes, which
    // has moved it by 5 %.
    Gate { tolerance: 0.07, ..gate(Workload::W6, 0.1) },
    gate(Workload::W7, 0.1),
    // What begins a run is a part of the cost of each task: as many tasks as are timed.
    gate(Workload::W8, 1.0),
    gate(Workload::W9, 0.1),
    gate(Workload::W10, 1.0),
    gate(Workload::W11, 1.0),
    gate(Workload::W12, 1.0),
    gate(Workload::W13, 1.0),
];

const CONTENDERS: [Contender; 2] = [
    Contender { name: corio::NAME, job: corio::job },
    Contender { name: state_machine::NAME, job: state_machine::job },
];

/// What is kept.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    rustc: String,
    /// By workload and contender.
    counts: BTreeMap<String, BTreeMap<String, f64>>,
}

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("instructions.json")
}

pub fn run(args: &InstructionsArgs) -> anyhow::Result<()> {
    let file = file();
    let kept: Option<Kept> = match fs::read(&file) {
        Ok(text) => Some(
            serde_json::from_slice(&text)
                .with_context(|| format!("cannot read {}", file.display()))?,
        ),
        Err(_) => None,
    };
    let counts = kept.as_ref().map(|kept| kept.counts.clone()).unwrap_or_default();
    let mut counted = Kept { rustc: print::rustc(), counts };
    let mut grown = Vec::new();
    let mut table = print::table(["instructions an operation", "", "now", "kept", "change"], 2);
    for Gate { workload, scale, tolerance } in GATES {
        if !args.only.is_empty() && !args.only.contains(&workload) {
            continue;
        }
        for contender in &CONTENDERS {
            let now = count(Size { in_place: true, ..workload.scaled(scale) }, contender)?;
            let before = kept
                .as_ref()
                .and_then(|kept| kept.counts.get(workload.name())?.get(contender.name))
                .copied();
            let change = before.map(|before| now / before - 1.0);
            let percent = |change: f64| format!("{:+.1} %", 100.0 * change);
            // The one by hand is there to compare with, and may be compiled differently when
            // something else changes.
            if let Some(change) =
                change.filter(|change| *change > tolerance && contender.name == corio::NAME)
            {
                grown.push(format!("{} by {}", workload.name(), percent(change)));
            }
            table.add_row([
                workload.name().to_owned(),
                contender.name.to_owned(),
                format!("{now:.1}"),
                before.map_or("–".to_owned(), |before| format!("{before:.1}")),
                change.map_or("–".to_owned(), percent),
            ]);
            counted
                .counts
                .entry(workload.name().to_owned())
                .or_default()
                .insert(contender.name.to_owned(), (now * 10.0).round() / 10.0);
        }
    }
    println!("{table}");
    if args.write {
        fs::write(&file, serde_json::to_string_pretty(&counted)? + "\n")
            .with_context(|| format!("cannot write {}", file.display()))?;
        return Ok(());
    }
    let Some(kept) = kept else {
        bail!("there is nothing to compare with: keep these counts by `instructions --write`");
    };
    if kept.rustc != counted.rustc {
        println!("The kept counts are of {}, these of {}.", kept.rustc, counted.rustc);
    }
    ensure!(
        grown.is_empty(),
        "instructions have grown: {}. If they are worth it, keep them by `cargo bench --manifest-path bench/Cargo.toml --no-default-features -- instructions --write`",
        grown.join(", ")
    );
    Ok(())
}

fn count(size: Size, contender: &Contender) -> anyhow::Result<f64> {
    let (three, one) = (instructions(size, contender, 3)?, instructions(size, contender, 1)?);
    Ok((three - one) / 2.0 / size.operations() as f64)
}

fn instructions(size: Size, contender: &Contender, repetitions: u32) -> anyhow::Result<f64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe()?)
        .args(["repeat", &serde_json::to_string(&size)?, contender.name, &repetitions.to_string()])
        .output()
        .context("cannot run valgrind: is it installed?")?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{} of {} failed under valgrind:\n{text}",
        contender.name,
        size.workload.name()
    );
    let collected = text.lines().find_map(|line| line.split_once("Collected :"));
    let (_, number) =
        collected.with_context(|| format!("callgrind says no number of instructions:\n{text}"))?;
    number.trim().parse().context("callgrind says something else than a number")
}

/// What runs under callgrind; also of use under other profilers.
pub fn repeat(size: Size, contender: &str, repetitions: u32) -> anyhow::Result<()> {
    let contender = CONTENDERS.iter().find(|c| c.name == contender).context("no such contender")?;
    let mut job = (contender.job)(size).context("no such workload")?;
    for _ in 0..repetitions {
        job();
        check(size, 1)?;
    }
    Ok(())
}
