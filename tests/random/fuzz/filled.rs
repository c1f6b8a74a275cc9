//! A value that knows what is to be in its memory, and looks when it is used or dropped.

use super::random::{random, seed};

/// Of a size of its own for each `N`, so that mixing up two of them shows.
#[derive(Debug)]
pub(crate) struct Filled<const N: usize> {
    on_the_heap: Box<u64>,
    inline: [u64; N],
    size: u64,
}

impl<const N: usize> Filled<N> {
    pub(crate) fn new() -> Self {
        let number = random(u64::MAX);
        Filled { on_the_heap: Box::new(number), inline: [number; N], size: N as u64 }
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.size == N as u64 && self.inline.iter().all(|number| *number == *self.on_the_heap)
    }

    /// Ends the process if it finds another's memory: a panic would be caught by the program.
    pub(crate) fn check(&self) {
        if !self.is_whole() {
            eprintln!(
                "the memory of a value is another's (alone: CORIO_FUZZ={}..{})",
                seed(),
                seed() + 1
            );
            std::process::abort();
        }
    }
}

impl<const N: usize> Clone for Filled<N> {
    fn clone(&self) -> Self {
        self.check();
        Filled { on_the_heap: self.on_the_heap.clone(), inline: self.inline, size: self.size }
    }
}

impl<const N: usize> Drop for Filled<N> {
    fn drop(&mut self) {
        self.check();
    }
}
