//! What tasks, requests and batches cost, beside other ways to batch.
//!
//! ```text
//! cargo bench --manifest-path bench/Cargo.toml                      # the comparison
//! cargo bench --manifest-path bench/Cargo.toml -- --help            # and what else can be measured
//! ```
//!
//! `work` says what is done, `contenders` who does it, `measure` and `table` how long it takes; the
//! other files are for other questions.

mod compile_time;
mod contenders;
mod costs;
mod growth;
#[cfg(feature = "peers")]
mod hub;
mod instructions;
mod measure;
mod memory;
mod print;
mod table;
mod work;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use work::Size;

/// Compare corio with other ways to batch; or measure something else about it.
#[derive(Debug, Parser)]
#[command(
    bin_name = "cargo bench --manifest-path bench/Cargo.toml --",
    args_conflicts_with_subcommands = true
)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    table: table::TableArgs,

    /// What cargo says to every benchmark.
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Count instructions an operation by callgrind, and fail if one has grown by more than 5 %, in
    /// W6 7 % (needs valgrind, and no peers: give cargo `--no-default-features`)
    Instructions(instructions::InstructionsArgs),
    /// Count instructions and bytes of n and of 4n, in every place where something can wait, and
    /// fail where they grow by more than what there is (needs valgrind)
    Costs(costs::CostsArgs),
    /// How cost grows with the number of tasks, dispatchers and children
    Growth(growth::GrowthArgs),
    /// What a request costs in a run, in a run through a hub, asked of the hub and driven
    #[cfg(feature = "peers")]
    Hub(hub::HubArgs),
    /// What a build costs those who use corio, beside the same program with the DataLoader of
    /// async-graphql
    CompileTime(compile_time::CompileTimeArgs),
    /// Measure one workload in this process
    #[command(hide = true)]
    Measure {
        #[arg(value_parser = size)]
        size: Size,
        repetitions: usize,
    },
    /// Do one workload, and no more
    #[command(hide = true)]
    Repeat {
        #[arg(value_parser = size)]
        size: Size,
        contender: String,
        repetitions: u32,
    },
    /// Do some programs of `costs`, and no more
    #[command(hide = true)]
    Cost { times: u64, names: Vec<String> },
}

fn size(text: &str) -> Result<Size, serde_json::Error> {
    serde_json::from_str(text)
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
    match &args.command {
        None => table::run(&args.table),
        Some(Command::Instructions(args)) => instructions::run(args),
        Some(Command::Costs(args)) => costs::costs(args),
        Some(Command::Growth(args)) => growth::run(args),
        #[cfg(feature = "peers")]
        Some(Command::Hub(args)) => hub::run(args),
        Some(Command::CompileTime(args)) => compile_time::run(args),
        Some(Command::Measure { size, repetitions }) => {
            println!("{}", serde_json::to_string(&measure::measure(*size, *repetitions)?)?);
            Ok(())
        }
        Some(Command::Repeat { size, contender, repetitions }) => {
            instructions::repeat(*size, contender, *repetitions)
        }
        Some(Command::Cost { times, names }) => costs::cost(*times, names),
    }
}
