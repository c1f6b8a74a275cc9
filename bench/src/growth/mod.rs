//! How the cost of corio grows with the number of tasks, the depth of a tree, the number of
//! dispatchers and that of children in one `all!`; and with a thread more. It should not.

mod many;
mod plot;
#[cfg(unix)]
mod threads;

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use clap::Args;

use crate::contenders::Job;
use crate::print;

#[derive(Debug, Args)]
pub struct GrowthArgs {
    /// Keep the table and the picture in `bench/docs`
    #[arg(long)]
    write: bool,

    /// Repetitions of each, after one to warm up; the shortest counts
    #[arg(long, alias = "reps", value_name = "NUMBER", default_value_t = 9)]
    repetitions: u32,
}

/// Something of which there can be more.
pub struct Series {
    pub name: &'static str,
    points: &'static [u64],
    /// The job for a point, and how many operations it does.
    job: fn(u64) -> (Job, u64),
}

/// How many of it there are, and nanoseconds an operation.
pub type Point = (u64, f64);

const SERIES: [Series; 5] = [
    Series {
        name: "W1: tasks of 4 requests, a request",
        points: &[1000, 10_000, 100_000, 1_000_000],
        job: many::tasks_of_four,
    },
    Series {
        name: "W3: tasks of one request, a task",
        points: &[1000, 10_000, 100_000, 1_000_000],
        job: many::tasks_of_one,
    },
    Series {
        name: "W4: tasks in a tree of depth 2 to 6, a task",
        points: &[111, 1111, 11_111, 111_111, 1_111_111],
        job: many::nodes,
    },
    Series {
        name: "dispatchers asked by 64,000 tasks, a request",
        points: &[1, 2, 4, 8, 16, 32, 64],
        job: many::dispatchers,
    },
    Series {
        name: "children in one all!, a child",
        points: &[1, 10, 100, 1000, 10_000, 100_000],
        job: many::children,
    },
];

/// Done by one thread and by two, with a schedule each, in sizes for the caches that a core has for
/// itself. Within 5 % is wanted.
#[cfg(unix)]
const ON_THREADS: [Series; 3] = [
    Series {
        name: "W1 on one thread and on two, CPU time a request",
        points: &[1000],
        job: many::tasks_of_four,
    },
    Series {
        name: "W2 on one thread and on two, CPU time a request",
        points: &[100_000],
        job: many::requests,
    },
    Series {
        name: "runs that live at once, a mutex each, on one thread and on two, CPU time a run",
        points: &[100, 10_000],
        job: many::live_runs,
    },
];

pub fn run(args: &GrowthArgs) -> anyhow::Result<()> {
    let load = print::load();
    let mut table =
        print::table(["ns, the number of them", "1", "10", "10²", "10³", "10⁴", "10⁵", "10⁶"], 1);
    let mut measured = Vec::new();
    for series in &SERIES {
        eprintln!("{} …", series.name);
        let points: Vec<Point> = series
            .points
            .iter()
            .map(|point| (*point, shortest(series, *point, args.repetitions)))
            .collect();
        measured.push((series.name, points));
    }
    for (name, points) in &measured {
        let at =
            |exponent: u32| points.iter().filter(move |(number, _)| number.ilog10() == exponent);
        let cells = (0..=6).map(|exponent| {
            at(exponent).map(|(_, ns)| format!("{ns:.1}")).collect::<Vec<_>>().join(", ")
        });
        table.add_row([(*name).to_owned()].into_iter().chain(cells));
    }
    #[cfg(unix)]
    for Series { name, points, job } in ON_THREADS {
        eprintln!("{name} …");
        for point in points {
            let (one, two) = threads::alone_and_together(|| job(*point), args.repetitions);
            let more = 100.0 * (two / one - 1.0);
            table.add_row([name.to_owned(), format!("{one:.1}, {two:.1} ({more:+.1} %)")]);
        }
    }
    println!("{table}\n\n{}", print::machine(&load));
    if args.write {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
        plot::draw(&measured, &docs.join("growth.svg"))
            .with_context(|| format!("cannot draw in {}", docs.display()))?;
        std::fs::write(docs.join("growth.md"), format!("{table}\n"))
            .with_context(|| format!("cannot write into {}", docs.display()))?;
    }
    Ok(())
}

fn shortest(series: &Series, point: u64, repetitions: u32) -> f64 {
    let (mut job, operations) = (series.job)(point);
    job();
    let times = (0..repetitions).map(|_| {
        let start = Instant::now();
        job();
        start.elapsed().as_nanos() as f64 / operations as f64
    });
    times.fold(f64::INFINITY, f64::min)
}
