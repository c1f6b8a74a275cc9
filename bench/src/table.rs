//! The comparison: every workload in a process of its own, so that none finds the memory as another
//! left it; then all results in one table.

use std::env;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use comfy_table::Table;
use serde::Serialize;

use crate::measure::Row;
use crate::print;
use crate::work::{Size, Workload};

#[derive(Debug, Args)]
pub struct TableArgs {
    /// Only these workloads: `--only w1,w7`
    #[arg(long, value_name = "WORKLOAD", value_delimiter = ',')]
    only: Vec<Workload>,

    /// Repetitions of each contender, after one to warm up
    #[arg(long, alias = "reps", value_name = "NUMBER", default_value_t = 11)]
    repetitions: u32,

    /// So many times the full size; 0.1 for a first look
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = factor)]
    scale: f64,

    /// JSON instead of a table
    #[arg(long)]
    json: bool,
}

fn factor(text: &str) -> Result<f64, String> {
    let factor = text.parse().map_err(|error| format!("{error}"))?;
    if factor > 0.0 && factor <= 10.0 {
        Ok(factor)
    } else {
        Err("a number above 0, and at most 10".to_owned())
    }
}

#[derive(Debug, Serialize)]
struct Compared {
    #[serde(flatten)]
    size: Size,
    rows: Vec<Row>,
}

pub fn run(args: &TableArgs) -> anyhow::Result<()> {
    ensure!(args.repetitions > 0, "at least one repetition is needed");
    let load = print::load();
    let workloads = if args.only.is_empty() { Workload::value_variants() } else { &args.only };
    let mut all = Vec::new();
    for workload in workloads {
        let size = workload.scaled(args.scale);
        eprintln!("{size} …");
        all.push(Compared { size, rows: in_a_process(size, args.repetitions)? });
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&all)?);
    } else {
        println!("{}\n\n{} repetitions; {}", table(&all), args.repetitions, print::machine(&load));
    }
    Ok(())
}

fn in_a_process(size: Size, repetitions: u32) -> anyhow::Result<Vec<Row>> {
    let output = Command::new(env::current_exe()?)
        .args(["measure", &serde_json::to_string(&size)?, &repetitions.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start a process for a workload")?;
    ensure!(output.status.success(), "{} failed: {}", size.workload.name(), output.status);
    serde_json::from_slice(&output.stdout)
        .context("the process of a workload printed something else than its result")
}

fn table(all: &[Compared]) -> Table {
    let mut table = print::table(
        ["workload", "", "min ns", "median ns", "ratio", "batches", "bytes a task"],
        2,
    );
    for Compared { size, rows } in all {
        let mut title = size.to_string();
        for Row { contender, figures } in rows {
            let mut cells = vec![std::mem::take(&mut title), contender.clone()];
            match figures {
                Some(f) => cells.extend([
                    format!("{:.1}", f.min),
                    format!("{:.1}", f.median),
                    format!("{:.2}", f.ratio),
                    f.batches.to_string(),
                    format!("{:.0}", f.bytes),
                ]),
                None => cells.extend(["–"; 5].map(str::to_owned)),
            }
            table.add_row(cells);
        }
    }
    table
}
