//! The command line.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Parser;

/// Report the dependencies of a Cargo project, asked from a database in three ways: plain
/// functions, corio tasks, and batches written by hand.
#[derive(Debug, Parser)]
#[command(name = "crate_graph", version)]
pub(crate) struct Args {
    /// A Cargo project: its folder or its Cargo.toml [default: the workspace of this example]
    path: Option<PathBuf>,

    /// Let every query wait this long, as over a network: 200us, 1ms, …
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
    pub(crate) round_trip: Duration,

    /// Print the whole tree of every workspace member
    #[arg(long)]
    pub(crate) full: bool,
}

impl Args {
    pub(crate) fn path(&self) -> &Path {
        self.path.as_deref().unwrap_or(Path::new(env!("CARGO_MANIFEST_DIR")))
    }
}
