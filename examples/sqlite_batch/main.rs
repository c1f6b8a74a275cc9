//! Orders are imported into SQLite: reads in batches, and writes in batches of one transaction
//! each.
//!
//! ```text
//! cargo run --release --example sqlite_batch [-- --orders 5000] [--max-batch 20] [--in-memory]
//! ```
//!
//! Of each order the customer and the products are looked up, the order and its lines are written
//! and the goods are taken from the stock, and the total is read back. Some orders can't be
//! written: a customer or a product that nobody knows, an order that came before, a quantity of 0,
//! a product that is sold out. Such an order is refused, and only that one.
//!
//! * [`plain`]: one order after the other, a statement for each thing;
//! * [`tasks`]: the same functions as corio tasks. Read these two files side by side.
//!
//! Both must leave the same in the database, to the last row. SQLite itself counts the statements
//! ([`db`]).

mod args;
mod db;
mod orders;
mod plain;
mod tasks;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use clap::Parser;
use corio::Schedule;

use args::Args;
use db::{Counts, Db};
use orders::{Outcome, Refusal};
use tasks::App;

/// One way of importing, and what it cost.
struct Run {
    way: &'static str,
    outcomes: Vec<Outcome>,
    counts: Counts,
    time: Duration,
    /// What is in the database afterwards.
    rows: Vec<String>,
}

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
    let (shop, deliveries) = orders::make_up(args.orders, args.seed);
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let create = |name| {
        let path = folder.path().join(name);
        Db::create((!args.in_memory).then_some(path.as_path()), &shop)
            .context("cannot make a database")
    };

    let db = create("plain.sqlite")?;
    let started = Instant::now();
    let outcomes = plain::import(&db, &deliveries);
    let plain = Run::new("plain, one at a time", started.elapsed(), outcomes, &db)?;

    let mut schedule = Schedule::new(App { db: create("corio.sqlite")? });
    if let Some(max_batch) = args.max_batch {
        schedule =
            schedule.options(tasks::write_order, |options| options.max_batch(max_batch as usize));
    }
    let started = Instant::now();
    let outcomes = schedule.run(tasks::import(&deliveries))?;
    let corio = Run::new("corio, in batches", started.elapsed(), outcomes, &schedule.context().db)?;

    let out = &mut io::stdout().lock();
    writeln!(
        out,
        "{} orders in {} deliveries, from {} customers, of {} products\n",
        args.orders,
        deliveries.len(),
        shop.customers.len(),
        shop.products.len()
    )?;
    print_outcomes(out, &plain.outcomes)?;
    print_runs(out, &[&plain, &corio])?;
    compare(&plain, &corio)?;
    writeln!(out, "\nThe databases are equal: {} rows each.", plain.rows.len())?;
    Ok(())
}

impl Run {
    fn new(
        way: &'static str,
        time: Duration,
        outcomes: Vec<Outcome>,
        db: &Db,
    ) -> anyhow::Result<Run> {
        let counts = db.counts();
        let trouble = outcomes.iter().find(|outcome| matches!(outcome, Err(Refusal::Trouble(_))));
        if let Some(Err(trouble)) = trouble {
            bail!("{way}: {trouble}");
        }
        let rows = db.dump().with_context(|| format!("{way}: cannot read the database"))?;
        Ok(Run { way, outcomes, counts, time, rows })
    }
}

fn compare(one: &Run, other: &Run) -> anyhow::Result<()> {
    for (number, (a, b)) in one.outcomes.iter().zip(&other.outcomes).enumerate() {
        ensure!(
            a == b,
            "order {number} has different outcomes: {a:?} ({}) and {b:?} ({})",
            one.way,
            other.way
        );
    }
    ensure!(
        one.outcomes.len() == other.outcomes.len(),
        "{} and {} have different numbers of outcomes",
        one.way,
        other.way
    );
    for (a, b) in one.rows.iter().zip(&other.rows) {
        ensure!(a == b, "the databases are different: {a} ({}) and {b} ({})", one.way, other.way);
    }
    ensure!(
        one.rows.len() == other.rows.len(),
        "the databases are different: {} rows ({}) and {} ({})",
        one.rows.len(),
        one.way,
        other.rows.len(),
        other.way
    );
    Ok(())
}

fn print_outcomes(out: &mut impl Write, outcomes: &[Outcome]) -> io::Result<()> {
    let written: Vec<_> = outcomes.iter().flatten().collect();
    let total: i64 = written.iter().map(|receipt| receipt.total).sum();
    writeln!(out, "{:>6} written, for {}.{:02} in all", written.len(), total / 100, total % 100)?;
    let mut refused = BTreeMap::<&Refusal, usize>::new();
    for refusal in outcomes.iter().filter_map(|outcome| outcome.as_ref().err()) {
        *refused.entry(refusal).or_default() += 1;
    }
    for (refusal, orders) in refused {
        writeln!(out, "{orders:>6} refused: {refusal}")?;
    }
    writeln!(out)
}

fn print_runs(out: &mut impl Write, runs: &[&Run]) -> io::Result<()> {
    writeln!(
        out,
        "{:<20}  {:>10}  {:>13}  {:>12}  {:>10}",
        "", "statements", "SELECTs of it", "transactions", "time"
    )?;
    for Run { way, counts, time, .. } in runs {
        let Counts { statements, selects, transactions } = counts;
        writeln!(
            out,
            "{way:<20}  {statements:>10}  {selects:>13}  {transactions:>12}  {:>7.1} ms",
            time.as_secs_f64() * 1e3
        )?;
    }
    Ok(())
}
