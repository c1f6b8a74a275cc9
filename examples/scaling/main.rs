//! Does it stay linear? What one task, one child or one waiter costs, among ten thousand of them
//! and among a million.
//!
//! ```text
//! cargo run --release --example scaling [-- --most 100000]
//! ```
//!
//! Each line is one shape of program, each column a size, each cell the least of some repetitions
//! divided by the size. A cost that is linear shows about the same number in every column, but for
//! what falls out of the processor's caches; one that is quadratic shows ten times as much from
//! column to column.

mod shapes;

use std::time::{Duration, Instant};

use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};

use shapes::SHAPES;

/// Measure how the cost of tasks grows with their number.
#[derive(Debug, Parser)]
#[command(name = "scaling", version)]
struct Args {
    /// The largest size
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000_000)]
    most: u64,
    /// How often each is measured
    #[arg(long, value_name = "TIMES", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
}

const SIZES: [u64; 3] = [10_000, 100_000, 1_000_000];

fn main() -> Result<(), corio::Error> {
    let args = Args::parse();
    let sizes: Vec<u64> = SIZES.into_iter().filter(|size| *size <= args.most).collect();
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header(
        std::iter::once("ns each".to_owned()).chain(sizes.iter().map(ToString::to_string)),
    );
    for (name, run) in SHAPES {
        let mut row = vec![name.to_owned()];
        for size in &sizes {
            let mut least = Duration::MAX;
            for _ in 0..args.repeat {
                let start = Instant::now();
                run(*size)?;
                least = least.min(start.elapsed());
            }
            row.push(format!("{:.1}", least.as_nanos() as f64 / *size as f64));
        }
        table.add_row(row);
    }
    table
        .column_iter_mut()
        .skip(1)
        .for_each(|column| column.set_cell_alignment(CellAlignment::Right));
    println!("{table}");
    Ok(())
}
