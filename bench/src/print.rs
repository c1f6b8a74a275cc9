//! What all commands print alike.

use std::process::Command;
use std::{env, fs};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};

/// A table in Markdown: the first columns are text, all others numbers.
pub fn table<const N: usize>(header: [&str; N], text_columns: usize) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::ASCII_MARKDOWN)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header);
    table.column_iter_mut().skip(text_columns).for_each(|column| {
        column.set_cell_alignment(CellAlignment::Right);
    });
    table
}

/// Where, by what and beside what it was measured, as far as that can be known. Takes the load
/// average from before.
pub fn machine(before: &str) -> String {
    let cpus = read("/proc/cpuinfo");
    let cpu = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown CPU", |name| name.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{cpu}, {cores} cores; {}; load average before {before}, after {}", rustc(), load())
}

/// The load average of the last minute.
pub fn load() -> String {
    read("/proc/loadavg")
        .split(' ')
        .next()
        .filter(|load| !load.is_empty())
        .unwrap_or("?")
        .to_owned()
}

fn read(file: &str) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

pub fn rustc() -> String {
    let output = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
        .arg("--version")
        .output();
    output.map_or_else(
        |_| "unknown rustc".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
