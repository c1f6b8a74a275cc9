//! Runs that go from thread to thread: which are `Send`, and what holds when they move.
//!
//! The tests of this binary start threads, and what these do at the same time is by chance. So the
//! binary is for ThreadSanitizer, too (`.ci/threads`).

mod attacks;
mod is_send;
mod moved;
mod primitives;
mod send_by_what_it_holds;
