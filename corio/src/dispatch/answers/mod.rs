//! What a per-batch function may return, and what one request gets out of each such shape.
//!
//! | file | is |
//! |---|---|
//! | `shapes` | [`Answers`], implemented for vectors, maps and results of these |
//! | `faulty` | [`Faulty`], [`FaultyEach`]: shapes where a fault is an error of the requests |
//! | `probe` | what generated code asks of an answer whose type it does not know |
//!
//! Terms:
//! - **shape**: a type that holds the answers of a batch: by position (`Vec`) or by key (a map).
//! - **fault**: trouble with a batch, such as a wrong number of answers or a panic.
//!
//! Invariant: a shape gives one answer for each request, in the order of the requests; the caller
//! checks the number.

mod faulty;
mod probe;
mod shapes;

pub use faulty::{Faulty, FaultyEach, each_answer, plain_answer};
pub use probe::{FailingAnswer, Probe, ProbeAny, ProbeResult, is_transient, is_transient_fault};
pub use shapes::{Answers, answers};
