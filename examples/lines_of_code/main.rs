//! Lines of code by language, of a folder and all that is below it.
//!
//! ```text
//! cargo run --release --example lines_of_code [-- PATH] [--max-batch 8] [--max-in-flight 1] [--barrier] [--all]
//! ```
//!
//! [`tasks`] looks like the simplest program there could be: list a folder, visit each entry, count
//! each file. What it asks for is read in batches, on a pool of threads.
//!
//! The table of languages is always the same. The batches are not: they depend on which of them
//! comes back first, unless there is a `--barrier`.

mod args;
mod batches;
mod count;
mod language;
mod print;
mod tasks;

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::Parser;
use corio::Schedule;
use indicatif::{ProgressBar, ProgressStyle};

use args::Args;
use batches::Batches;
use count::Totals;
use tasks::{App, Options, count_lines};

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        // The reader (`head`, a pager) has seen enough.
        Err(error)
            if error
                .downcast_ref::<io::Error>()
                .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) =>
        {
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    let folder = folder(args.path())?;
    let batches = Batches::default();
    let progress = progress();
    let mut schedule =
        Schedule::new(App { progress: progress.clone(), options: Options { all: args.all } })
            .observe(batches.observer())
            .options(count_lines, |options| {
                let options =
                    args.max_batch.map_or(options, |files| options.max_batch(files as usize));
                args.max_in_flight
                    .map_or(options, |batches| options.max_in_flight(batches as usize))
            });
    if args.barrier {
        schedule = schedule.barrier();
    }

    let started = Instant::now();
    let totals = schedule.run(tasks::walk(folder.to_owned()))?;
    let time = started.elapsed();
    progress.finish_and_clear();

    report(&totals)?;
    let out = &mut io::stdout().lock();
    if totals.languages.is_empty() {
        writeln!(out, "No source code in {}", folder.display())?;
    } else {
        print::languages(out, &totals)?;
    }
    writeln!(out)?;
    print::batches(out, &batches)?;
    writeln!(out, "in {:.1} ms", time.as_secs_f64() * 1e3)?;
    Ok(())
}

/// Checked here, for a good message: below it, what can't be read is reported and left out.
fn folder(path: &Path) -> anyhow::Result<&Path> {
    let metadata = fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(metadata.is_dir(), "{} is a file: this counts what is in a folder", path.display());
    fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(path)
}

/// On stderr; hidden where that is no terminal. Its end moves on while folders are found.
fn progress() -> ProgressBar {
    let style = ProgressStyle::with_template("counting [{bar:40}] {pos}/{len} files")
        .expect("a valid template");
    ProgressBar::new(0).with_style(style.progress_chars("=> "))
}

fn report(totals: &Totals) -> io::Result<()> {
    let err = &mut io::stderr().lock();
    for (path, why) in &totals.unreadable {
        writeln!(err, "left out: {}: {why}", path.display())?;
    }
    Ok(())
}
