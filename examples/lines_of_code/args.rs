//! The command line.

use std::path::{Path, PathBuf};

use clap::Parser;

/// Count lines of code, comments and blank lines by language. Files are read in batches, several
/// batches at the same time.
#[derive(Debug, Parser)]
#[command(name = "lines_of_code", version)]
pub(crate) struct Args {
    /// A folder with source code [default: the workspace of this example]
    path: Option<PathBuf>,

    /// At most so many files in a batch [default: 32, which the dispatcher says]
    #[arg(long, value_name = "NUMBER", value_parser = number())]
    pub(crate) max_batch: Option<u32>,

    /// At most so many batches on their way at once, the parts of one that was split counted once
    /// [default: 4, which the dispatcher says]
    #[arg(long, value_name = "NUMBER", value_parser = number())]
    pub(crate) max_in_flight: Option<u32>,

    /// Send nothing before all that was sent before has come back: the same batches every time
    #[arg(long)]
    pub(crate) barrier: bool,

    /// Go into hidden folders and caches (those with a CACHEDIR.TAG, such as `target`) as well, and
    /// count hidden files
    #[arg(long)]
    pub(crate) all: bool,
}

fn number() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..)
}

impl Args {
    pub(crate) fn path(&self) -> &Path {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let workspace = here.parent().unwrap_or(here);
        self.path.as_deref().unwrap_or(workspace)
    }
}
