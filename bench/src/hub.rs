//! What a request costs by each way to a dispatcher that answers at once: in a run, in a run that
//! goes through a hub, asked of the hub, driven. On tokio's executor of one thread, so that the
//! switch to the hub's task and back is in it.

use std::hint::black_box;
use std::time::Instant;

use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use corio::{Config, Hub, Schedule};
use futures_util::future::join_all;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::memory;

/// What a request costs by each way.
#[derive(Debug, Args)]
pub struct HubArgs {
    /// How often each is measured; the minimum and the median are printed
    #[arg(long, default_value_t = 200)]
    repetitions: usize,
}

/// Requests that are asked together.
const TOGETHER: u64 = 1000;

#[corio::dispatcher(shared)]
async fn increment(numbers: &[u64]) -> Vec<u64> {
    numbers.iter().map(|number| number + 1).collect()
}

#[corio::dispatcher]
fn increment_in_place(numbers: &[u64], answers: &mut Vec<u64>) {
    answers.extend(numbers.iter().map(|number| number + 1));
}

#[corio::task]
fn in_place() -> u64 {
    io_all!((0..TOGETHER).map(increment_in_place)).into_iter().sum()
}

#[corio::task]
fn by_a_future() -> u64 {
    io_all!((0..TOGETHER).map(increment)).into_iter().sum()
}

#[corio::task]
fn one() -> u64 {
    io!(increment(1))
}

/// A way to ask, done again and again in one runtime.
struct Way {
    name: &'static str,
    requests: u64,
    job: Box<dyn FnMut(&Runtime) -> u64>,
}

fn way(name: &'static str, requests: u64, job: impl FnMut(&Runtime) -> u64 + 'static) -> Way {
    Way { name, requests, job: Box::new(job) }
}

fn ways(runtime: &Runtime) -> Vec<Way> {
    let spawner = corio::spawn::tokio(Handle::clone(runtime.handle()));
    let hub = Hub::new((), spawner).share(increment);
    let config = Config::new().through(&hub);
    let (mut alone, mut async_alone) = (Schedule::new(()), Schedule::new(()));
    let (mut through, mut one_through) = (config.schedule(()), config.schedule(()));
    let (plain, driven, single) = (hub.clone(), hub.clone(), hub.clone());
    let ask_all = |hub: Hub<()>| async move {
        let asks = join_all((0..TOGETHER).map(|number| hub.ask(increment(number)))).await;
        asks.into_iter().map(|answer| answer.unwrap_or(0)).sum::<u64>()
    };
    vec![
        way("1000 in a run, answered in place", TOGETHER, move |runtime| {
            runtime.block_on(alone.run_async(in_place())).unwrap_or(0)
        }),
        way("1000 in a run, answered by a future", TOGETHER, move |runtime| {
            runtime.block_on(async_alone.run_async(by_a_future())).unwrap_or(0)
        }),
        way("1000 in a run through the hub", TOGETHER, move |runtime| {
            runtime.block_on(through.run_async(by_a_future())).unwrap_or(0)
        }),
        way("1000 asked together, driven", TOGETHER, move |runtime| {
            runtime.block_on(driven.drive(ask_all(driven.clone())))
        }),
        way("1000 asked together", TOGETHER, move |runtime| {
            runtime.block_on(ask_all(plain.clone()))
        }),
        way("a packet of one, there and back", 1, move |runtime| {
            runtime.block_on(one_through.run_async(one())).unwrap_or(0)
        }),
        way("one ask after another", 100, move |runtime| {
            runtime.block_on(async {
                let mut number = 0;
                for _ in 0..100 {
                    number = single.ask(increment(number)).await.unwrap_or(0);
                }
                number
            })
        }),
    ]
}

/// # Errors
/// If there is no runtime to be had.
pub fn run(args: &HubArgs) -> anyhow::Result<()> {
    let runtime = Builder::new_current_thread().build()?;
    let mut ways = ways(&runtime);
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); ways.len()];
    // By turns, so that what else the machine does meets all alike; the first time is to warm up.
    for repetition in 0..=args.repetitions {
        for (way, times) in ways.iter_mut().zip(&mut times) {
            let begin = Instant::now();
            black_box((way.job)(&runtime));
            if repetition > 0 {
                times.push(begin.elapsed().as_nanos() as f64 / way.requests as f64);
            }
        }
    }
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["a request", "ns, min", "ns, median", "allocations"]);
    for (way, mut times) in ways.iter_mut().zip(times) {
        times.sort_by(f64::total_cmp);
        let allocations = memory::allocations(|| {
            black_box((way.job)(&runtime));
        });
        table.add_row([
            way.name.to_owned(),
            format!("{:.0}", times[0]),
            format!("{:.0}", times[times.len() / 2]),
            format!("{:.2}", allocations as f64 / way.requests as f64),
        ]);
    }
    for column in 1..4 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    println!("{table}");
    Ok(())
}
