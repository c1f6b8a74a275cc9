//! An allocator that counts what each thread allocates and has in use. It is that of every test
//! binary; what tests do at the same time on other threads is not counted.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

#[derive(Clone, Copy)]
struct Counts {
    allocations: usize,
    /// What a global allocator must never be asked for: `GlobalAlloc::alloc` calls it undefined.
    of_size_zero: usize,
    /// May be negative: of what another thread has allocated.
    in_use: isize,
    peak: isize,
}

thread_local! {
    static COUNTS: Cell<Counts> = const { Cell::new(Counts { allocations: 0, of_size_zero: 0, in_use: 0, peak: 0 }) };
}

fn change(change: impl FnOnce(&mut Counts)) {
    // May be too late in the life of the thread to count.
    let _ = COUNTS.try_with(|cell| {
        let mut counts = cell.get();
        change(&mut counts);
        counts.peak = counts.peak.max(counts.in_use);
        cell.set(counts);
    });
}

// SAFETY: all calls go to the system's allocator, unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        change(|counts| {
            counts.allocations += 1;
            counts.of_size_zero += usize::from(layout.size() == 0);
            counts.in_use += layout.size() as isize;
        });
        // SAFETY: the caller's promise is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        change(|counts| counts.in_use -= layout.size() as isize);
        // SAFETY: the caller's promise is the same.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        change(|counts| {
            counts.allocations += 1;
            counts.of_size_zero += usize::from(size == 0);
            counts.in_use += size as isize - layout.size() as isize;
        });
        // SAFETY: the caller's promise is the same.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How many allocations it makes.
pub fn allocations_of<T>(it: impl FnOnce() -> T) -> (T, usize) {
    let before = allocations();
    let result = it();
    (result, allocations() - before)
}

/// How many bytes more than before it has in use at a time.
pub fn peak_of<T>(it: impl FnOnce() -> T) -> (T, usize) {
    let before = COUNTS.get().in_use;
    change(|counts| counts.peak = before);
    let result = it();
    (result, (COUNTS.get().peak - before) as usize)
}

/// How many allocations this thread has made.
pub fn allocations() -> usize {
    COUNTS.get().allocations
}

/// How many of them were of no bytes.
pub fn allocations_of_size_zero() -> usize {
    COUNTS.get().of_size_zero
}

/// Bytes that this thread has allocated and not freed.
pub fn in_use() -> isize {
    COUNTS.get().in_use
}
