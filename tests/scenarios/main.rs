//! What always holds, one scenario a test. What goes wrong is in `faults`, what goes by seeds in
//! `random`, what counts allocations in `allocations`, and what must not compile in `ui`.
//!
//! All tests share a process, and run at the same time on several threads: whatever one of them
//! counts or sets is its thread's.

mod dispatch;
mod runs;
mod sync;
mod tasks;
mod testing;
