//! Progress on stderr: drawn and wiped on a terminal, one plain line for each step where there is
//! none (a log, a pipe).

use std::io::{self, IsTerminal};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressFinish, ProgressStyle};

/// For work of unknown length.
pub(crate) fn spinner(message: &'static str) -> ProgressBar {
    let spinner = start(ProgressBar::new_spinner(), message);
    spinner.enable_steady_tick(Duration::from_millis(100));
    spinner
}

/// For `length` steps.
pub(crate) fn bar(message: &'static str, length: usize) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{msg} [{bar:40}] {pos}/{len}").expect("a valid template");
    start(ProgressBar::new(length as u64).with_style(style.progress_chars("=> ")), message)
}

fn start(bar: ProgressBar, message: &'static str) -> ProgressBar {
    if !io::stderr().is_terminal() {
        eprintln!("{message} …");
    }
    // Wiped as well when an error leaves the work half-way.
    bar.with_message(message).with_finish(ProgressFinish::AndClear)
}
