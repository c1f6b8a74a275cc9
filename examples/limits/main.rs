//! How many batches of a dispatcher should be on the way at once? A simulation that answers it, on
//! a virtual clock.
//!
//! ```text
//! cargo run --release --example limits [-- --svg corio/docs/limits.svg]
//! cargo run --release --example limits -- --hub [--svg corio/docs/hub_limits.svg]
//! ```
//!
//! A thousand tasks ask a server twenty times each, under every limit: with `barrier()`, with
//! `max_in_flight` of 1, 2, 4 and 8, and without one. Without a limit every answer resumes some
//! tasks, which ask at once, in a batch of their own, which comes back alone: batches decay until
//! they hold single requests. With too small a limit everybody waits for the slowest. The default
//! of corio is chosen from this table.
//!
//! With `--hub` clients in a closed loop ask a hub, whose server has so many connections: what is
//! best for all of them together. The hub's default is chosen from that table.

mod hub;
mod plot;
mod results;
mod world;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use comfy_table::Table;

use plot::{Line, Point};
use results::{from_the_best, markdown};
use world::{Answers, Between, Latency, Limit, Scenario, Shards, Taken, simulate};

/// Simulate tasks and a server under different limits of batches in flight.
#[derive(Debug, Parser)]
#[command(name = "limits", version)]
struct Args {
    /// Draw the result into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Simulate a hub that many clients ask, instead of one run
    #[arg(long)]
    hub: bool,
}

const SCENARIOS: [Scenario; 11] = {
    use Answers::{AtOnce, InParts};
    use Between::{AnotherServer, Nothing, Something};
    use Latency::{BySize, Constant, Skewed};
    const fn scenario(
        name: &'static str,
        latency: Latency,
        answers: Answers,
        between: Between,
    ) -> Scenario {
        Scenario { name, latency, answers, between, shards: Shards::One }
    }
    [
        scenario("constant", Constant, AtOnce, Nothing),
        scenario("skewed", Skewed, AtOnce, Nothing),
        scenario("by size", BySize, AtOnce, Nothing),
        scenario("constant, in parts", Constant, InParts, Nothing),
        scenario("skewed, in parts", Skewed, InParts, Nothing),
        scenario("constant, tasks drift", Constant, AtOnce, Something),
        scenario("skewed, tasks drift", Skewed, AtOnce, Something),
        scenario("by size, tasks drift", BySize, AtOnce, Something),
        scenario("skewed, two servers", Skewed, AtOnce, AnotherServer),
        scenario("by size, two servers", BySize, AtOnce, AnotherServer),
        Scenario {
            shards: Shards::TenOfWhichOneIsSlow,
            ..scenario("ten groups, one slow", Constant, AtOnce, Nothing)
        },
    ]
};

const LIMITS: [(&str, Limit); 6] = [
    ("barrier()", Limit::Barrier),
    ("1", Limit::InFlight(1)),
    ("2", Limit::InFlight(2)),
    ("4", Limit::InFlight(4)),
    ("8", Limit::InFlight(8)),
    ("none", Limit::None),
];

/// What each limit took, in the order of `LIMITS`.
struct Row {
    name: &'static str,
    taken: Vec<Taken>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> anyhow::Result<()> {
    if args.hub {
        let rows = hub::simulate_all();
        println!("{}", hub::table(&rows));
        let caption = "A hub: batches in flight, and how long who asks waits in the mean";
        return draw(args, caption, &hub::lines(&rows));
    }
    let mut rows = Vec::new();
    for scenario in SCENARIOS {
        let taken =
            LIMITS.iter().map(|(_, limit)| simulate(scenario, *limit)).collect::<Result<_, _>>()?;
        rows.push(Row { name: scenario.name, taken });
    }
    println!("{}", table(&rows));
    let line = |row: &Row| {
        let points = LIMITS.iter().zip(&row.taken).map(|((limit, _), taken)| {
            let (batches, time) = (taken.batches as f64, taken.time.as_secs_f64());
            Point { limit, joins: true, batches, time }
        });
        Line { name: row.name.to_owned(), points: points.collect() }
    };
    let lines: Vec<Line> = rows.iter().map(line).collect();
    draw(args, "Batches in flight: 1000 tasks, 20 requests each", &lines)
}

/// Draws a picture, if one is wanted.
fn draw(args: &Args, caption: &str, lines: &[Line]) -> anyhow::Result<()> {
    let Some(file) = &args.svg else { return Ok(()) };
    plot::draw(caption, lines, file).with_context(|| format!("cannot draw {}", file.display()))
}

/// Time and batches of every scenario; at the end how far each limit is from the best, in the
/// geometric mean.
fn table(rows: &[Row]) -> Table {
    let measured = |measure: fn(&Taken) -> f64| -> Vec<Vec<f64>> {
        rows.iter().map(|row| row.taken.iter().map(measure).collect()).collect()
    };
    let times = from_the_best(&measured(|taken| taken.time.as_secs_f64()));
    let batches = from_the_best(&measured(|taken| taken.batches as f64));
    let of_scenario = |row: &Row| {
        let cells =
            row.taken.iter().map(|taken| format!("{}, {}", taken.time.as_millis(), taken.batches));
        (row.name.to_owned(), cells.collect())
    };
    let of_limit = |format: &dyn Fn(f64, f64) -> String| -> Vec<String> {
        times.iter().zip(&batches).map(|(time, batches)| format(*time, *batches)).collect()
    };
    let of_one = (0..LIMITS.len()).map(|limit| {
        let (of_one, all) = rows.iter().fold((0, 0), |(of_one, all), row| {
            (of_one + row.taken[limit].of_one, all + row.taken[limit].batches)
        });
        format!("{:.0} %", 100.0 * of_one as f64 / all as f64)
    });
    let ratios = of_limit(&|time, batches| format!("{time:.2} ×, {batches:.2} ×"));
    let products = of_limit(&|time, batches| format!("{:.2}", time * batches));
    let in_all = [
        ("of the best, mean".to_owned(), ratios),
        ("… multiplied".to_owned(), products),
        ("batches of one".to_owned(), of_one.collect()),
    ];
    let limits = LIMITS.iter().map(|(name, _)| *name);
    markdown("ms, batches", limits, rows.iter().map(of_scenario).chain(in_all))
}
