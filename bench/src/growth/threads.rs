//! Two threads with a schedule each. They share nothing, so a request should take each of them as
//! long as it takes one alone. What counts is the CPU time of the threads: wall time would tell of
//! what else the machine does.

use std::sync::Barrier;
use std::thread;

use rustix::time::{ClockId, clock_gettime};

use crate::contenders::Job;

/// Runs of a job in a repetition, so that the threads are at work together for most of it.
const RUNS: u32 = 10;

/// Nanoseconds an operation: of one thread while the other waits, and of both, in the mean. The two
/// take turns; of each the shortest counts.
pub fn alone_and_together(job: impl Fn() -> (Job, u64) + Sync, repetitions: u32) -> (f64, f64) {
    let barrier = Barrier::new(2);
    let work = |is_first: bool| {
        let (mut job, operations) = job();
        let mut measure = || {
            let start = cpu_time();
            (0..RUNS).for_each(|_| job());
            (cpu_time() - start) / (operations * u64::from(RUNS)) as f64
        };
        measure();
        let (mut alone, mut together) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..repetitions {
            barrier.wait();
            if is_first {
                alone = alone.min(measure());
            }
            barrier.wait();
            together = together.min(measure());
        }
        (alone, together)
    };
    thread::scope(|scope| {
        let second = scope.spawn(|| work(false));
        let (alone, together) = work(true);
        let (_, of_second) = second.join().expect("no job panics");
        (alone, (together + of_second) / 2.0)
    })
}

/// Of this thread, in nanoseconds.
fn cpu_time() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}
