//! What goes wrong, is cut short or forgotten, and what holds nevertheless.
//!
//! All tests share a process, and run at the same time on several threads: whatever one of them
//! counts or sets is its thread's.

mod bad_input;
mod cancellation;
mod deadlocks;
mod dropping;
mod fault_matrix;
mod forgotten;
mod inline_executors;
mod panics;
mod regressions;
mod soundness;
mod user_callbacks;
