//! The files of corio that threads share, with loom's atomics and locks in the place of std's, in
//! all orders in which threads can come: `cargo test --release` in this folder.
//!
//! The modules have the paths that the included files use, and the least that these need. The models
//! are the unit tests of each.

#![allow(
    dead_code,
    unused_imports,
    unexpected_cfgs,
    reason = "the files are a part of another crate"
)]

mod dispatch;
mod hub;
mod runtime;
mod sync;
mod util;

mod executor {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Id(pub(crate) u32);
}
