//! A crate as strict as can be: the macros raise no warning in it.
#![deny(warnings, missing_docs, unreachable_pub, unused_qualifications, missing_debug_implementations, single_use_lifetimes, elided_lifetimes_in_paths)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery)]
#![forbid(unsafe_code)]

fn main() {}
