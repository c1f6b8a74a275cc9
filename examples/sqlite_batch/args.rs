//! The command line.

use clap::Parser;

/// Import orders into SQLite twice, one statement after the other and as corio tasks, and compare
/// what it took.
#[derive(Debug, Parser)]
#[command(name = "sqlite_batch", version)]
pub(crate) struct Args {
    /// How many orders to import
    #[arg(long, value_name = "NUMBER", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=200_000))]
    pub(crate) orders: u32,

    /// Another number makes other orders
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,

    /// At most so many orders in a transaction [default: 50, which the dispatcher says]
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_batch: Option<u32>,

    /// Keep the databases in memory: transactions cost little there [default: a temporary file
    /// each]
    #[arg(long)]
    pub(crate) in_memory: bool,
}
