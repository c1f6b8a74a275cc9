//! A report on the dependency graph of a Cargo project, asked from a database in three ways.
//!
//! ```text
//! cargo run --release --example crate_graph [-- PATH] [--round-trip 200us] [--full]
//! ```
//!
//! The graph is real: `cargo metadata` tells it, SQLite stores it. The report asks four things
//! about every package that a workspace member can reach. Written the obvious way, with a function
//! for each thing, that is four queries a package: the N+1 problem. The three ways:
//!
//! * (a) [`plain`]: plain functions and a query for each thing;
//! * (b) [`tasks`]: the same functions as corio tasks. Read these two files side by side;
//! * (c) [`levels`]: batched by hand, one level of the graph after the other.
//!
//! All three must give the same report. SQLite itself counts the queries ([`db`]); with
//! `--round-trip` each of them takes as long as it would over a network.

mod args;
mod catalogue;
mod db;
mod levels;
mod load;
mod plain;
mod print;
mod progress;
mod report;
mod tasks;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Parser;
use corio::Schedule;

use args::Args;
use db::{Counts, Db};
use report::Report;
use tasks::App;

/// One way of building the report, and what it cost.
struct Run {
    way: &'static str,
    report: Report,
    counts: Counts,
    time: Duration,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader (`head`, a pager) has seen enough.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    let started = Instant::now();
    let graph = load::load(args.path())?;
    let loaded = started.elapsed();

    // A connection for each way: none profits from the pages and the statements that an earlier one
    // left behind.
    let measure = |way, build: fn(Db) -> anyhow::Result<Report>| -> anyhow::Result<Run> {
        let db = graph.open(args.round_trip)?;
        let tally = db.tally();
        let spinner = progress::spinner(way);
        let started = Instant::now();
        let report = build(db).with_context(|| format!("{way} failed"))?;
        let time = started.elapsed();
        spinner.finish_and_clear();
        Ok(Run { way, report, counts: tally.counts(), time })
    };

    let a = measure("(a) plain functions", |db| Ok(plain::report(&db)?))?;
    let b = measure("(b) corio tasks", |db| Ok(Schedule::new(App { db }).run(tasks::report())??))?;
    let c = measure("(c) level by level", |db| Ok(levels::report(&db)?))?;

    for other in [&b, &c] {
        ensure!(a.report == other.report, "{} and {} give different reports", a.way, other.way);
    }
    ensure!(
        b.counts.queries <= c.counts.queries + 2,
        "{} made {} queries where {} made {}",
        b.way,
        b.counts.queries,
        c.way,
        c.counts.queries
    );

    let out = &mut io::stdout().lock();
    writeln!(
        out,
        "{} packages with {} dependencies in {}, loaded in {}\n",
        graph.packages,
        graph.dependencies,
        graph.root,
        print::milliseconds(loaded)
    )?;
    print::report(out, &a.report, args.full)?;
    writeln!(out)?;
    print::runs(out, &[a, b, c], args.round_trip)?;
    Ok(())
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
