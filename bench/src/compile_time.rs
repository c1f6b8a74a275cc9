//! What a build costs those who use corio: a fresh project with the first program of the README,
//! beside the same program with a DataLoader.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{env, fs};

use anyhow::{Context, ensure};
use clap::Args;
use tempfile::TempDir;

use crate::print;

#[derive(Debug, Args)]
pub struct CompileTimeArgs {
    /// Jobs of cargo at the same time [default: as many as it likes]
    #[arg(long, value_name = "NUMBER")]
    jobs: Option<u32>,
}

struct Program {
    name: &'static str,
    dependencies: String,
    source: &'static str,
}

/// Rebuilds after a change; the median counts.
const REBUILDS: usize = 5;

pub fn run(args: &CompileTimeArgs) -> anyhow::Result<()> {
    let corio = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corio").canonicalize()?;
    let programs = [
        Program { name: "corio", dependencies: format!("corio = {{ path = {corio:?} }}"), source: include_str!("../../examples/quickstart.rs") },
        Program {
            name: "async-graphql DataLoader, tokio",
            dependencies: "async-graphql = { version = \"7.2\", default-features = false, features = [\"dataloader\"] }\n\
                           tokio = { version = \"1\", features = [\"macros\", \"rt\"] }"
                .to_owned(),
            source: include_str!("../compile_time/dataloader.rs"),
        },
    ];
    let load = print::load();
    let mut table = print::table(
        [
            "quick start with",
            "crates",
            "cold build",
            "after a change",
            "cold release build",
            "binary",
        ],
        1,
    );
    for program in &programs {
        eprintln!("{} …", program.name);
        table.add_row(measure(program, args.jobs)?);
    }
    println!("{table}\n\n{}", print::machine(&load));
    Ok(())
}

fn measure(program: &Program, jobs: Option<u32>) -> anyhow::Result<Vec<String>> {
    let project = project(program).context("cannot write a project")?;
    let build = |arguments: &[&str]| {
        let mut command = command(project.path(), &["build", "--offline"]);
        command.args(arguments).args(jobs.map(|jobs| format!("--jobs={jobs}")));
        let start = Instant::now();
        output(&mut command)?;
        anyhow::Ok(start.elapsed())
    };
    // The network is no part of it.
    output(&mut command(project.path(), &["fetch"]))?;
    let cold = build(&[])?;
    let mut rebuilds = Vec::new();
    for number in 0..REBUILDS {
        // One of the tasks says something else.
        let changed = program.source.replace("create {", &format!("create, {number}, {{"));
        ensure!(changed != program.source, "{} has nothing to change", program.name);
        fs::write(project.path().join("src/main.rs"), changed)?;
        rebuilds.push(build(&[])?);
    }
    rebuilds.sort();
    let release = build(&["--release"])?;
    let binary = fs::metadata(project.path().join("target/release/program"))?.len();
    let tree = output(&mut command(
        project.path(),
        &["tree", "--offline", "--prefix=none", "--edges=normal,build"],
    ))?;
    // Its own is the first line.
    let crates: BTreeSet<_> =
        tree.lines().skip(1).map(|line| line.trim_end_matches(" (*)")).collect();
    let seconds = |time: Duration| format!("{:.2} s", time.as_secs_f64());
    Ok(vec![
        program.name.to_owned(),
        crates.len().to_string(),
        seconds(cold),
        seconds(rebuilds[REBUILDS / 2]),
        seconds(release),
        format!("{} KiB", binary / 1024),
    ])
}

fn project(program: &Program) -> anyhow::Result<TempDir> {
    let project = tempfile::tempdir()?;
    let manifest = format!(
        "[package]\nname = \"program\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[dependencies]\n{}\n",
        program.dependencies
    );
    fs::write(project.path().join("Cargo.toml"), manifest)?;
    fs::create_dir(project.path().join("src"))?;
    fs::write(project.path().join("src/main.rs"), program.source)?;
    Ok(project)
}

fn command(project: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // The one of this benchmark is not cold.
    command.args(arguments).current_dir(project).env_remove("CARGO_TARGET_DIR");
    command
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?} failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
