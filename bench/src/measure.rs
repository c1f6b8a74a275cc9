//! One workload, measured: all contenders in one process, by turns, so that what else the machine
//! does meets all alike.

use std::time::Instant;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

use crate::contenders::{ALL, Contender, Job, plain_loop, state_machine};
use crate::memory;
use crate::work::{Size, Tally, Workload, take_tally};

/// What a contender took.
#[derive(Debug, Serialize, Deserialize)]
pub struct Row {
    pub contender: String,
    /// Nothing where the workload makes no sense for it.
    pub figures: Option<Figures>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Figures {
    /// Nanoseconds an operation.
    pub min: f64,
    pub median: f64,
    /// The minimum, to that of the baseline.
    pub ratio: f64,
    pub batches: u64,
    /// Peak bytes a task of a repetition that begins with nothing.
    pub bytes: f64,
}

/// By whom the others are measured. Where a batch takes time that is the time itself: in W5 the
/// plain loop does nothing but sleep.
fn baseline(workload: Workload) -> &'static str {
    if workload == Workload::W5 { plain_loop::NAME } else { state_machine::NAME }
}

/// # Errors
/// If a contender does not do what was to be done.
pub fn measure(size: Size, repetitions: usize) -> anyhow::Result<Vec<Row>> {
    struct Runs {
        contender: &'static Contender,
        job: Option<Job>,
        batches: u64,
        times: Vec<f64>,
    }
    let mut all: Vec<Runs> = ALL
        .iter()
        .map(|contender| Runs {
            contender,
            job: (contender.job)(size),
            batches: 0,
            times: Vec::new(),
        })
        .collect();
    let warm_up = 1;
    for repetition in 0..warm_up + repetitions {
        for Runs { contender, job, batches, times } in &mut all {
            let Some(job) = job else { continue };
            take_tally();
            let start = Instant::now();
            for _ in 0..size.runs() {
                job();
            }
            let time = start.elapsed();
            let tally = check(size, size.runs())
                .with_context(|| format!("{} in {size}", contender.name))?;
            *batches = tally.batches / size.runs();
            if repetition >= warm_up {
                times.push(time.as_nanos() as f64 / (size.operations() * size.runs()) as f64);
            }
        }
    }
    let mut rows = Vec::new();
    for Runs { contender, job, batches, mut times } in all {
        let figures = job.map(|job| {
            drop(job);
            times.sort_by(f64::total_cmp);
            let bytes = memory::peak(|| {
                let mut job = (contender.job)(size).expect("it was there a moment ago");
                job();
            });
            Figures {
                min: times[0],
                median: times[times.len() / 2],
                ratio: f64::NAN,
                batches,
                bytes: bytes as f64 / size.tasks() as f64,
            }
        });
        rows.push(Row { contender: contender.name.to_owned(), figures });
    }
    let baseline = rows
        .iter()
        .find(|row| row.contender == baseline(size.workload))
        .and_then(|row| row.figures)
        .context("no baseline")?;
    for figures in rows.iter_mut().filter_map(|row| row.figures.as_mut()) {
        figures.ratio = figures.min / baseline.min;
    }
    Ok(rows)
}

/// That everything was asked in so many runs and every task has ended with the right result; how it
/// was batched is up to the contender.
pub fn check(size: Size, runs: u64) -> anyhow::Result<Tally> {
    let tally = take_tally();
    let Tally { asked, finished, sum, .. } = size.expected();
    let expected = Tally {
        batches: tally.batches,
        asked: asked * runs,
        finished: finished * runs,
        sum: sum * runs,
    };
    ensure!(tally == expected, "wrong: did {tally:?}, and was to do {expected:?}");
    Ok(tally)
}
