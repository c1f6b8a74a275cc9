//! TODO

mod faulty;
mod probe;
mod shapes;

pub use faulty::{Faulty, FaultyEach, each_answer, plain_answer};
pub use probe::{FailingAnswer, Probe, ProbeAny, ProbeResult, is_transient, is_transient_fault};
pub use shapes::{Answers, answers};
