//! Memory for task bodies and sets of children: taken from chunks, given back to free lists by
//! size, kept with the schedule from run to run.
//!
//! Each run takes its blocks from the beginning of the first chunk again, one beside the other.
//! With the free lists that the run before has left, in the order in which it gave back,
//! a large run would find its blocks all over the memory (a tree of 100,000 tasks took twice as
//! long).
//!
//! What must hold: a block is given back at most once, for the layout it was taken for, to the pool
//! it came from. Chunks are freed when the pool is dropped, so no block may be used after that: a
//! run drops everything it made before it lets go of its pool, or leaks the pool with it. Where
//! blocks are in use nevertheless (a set of children was forgotten), the chunks are leaked:
//! something pinned there may be known elsewhere by its address.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::{Cell, RefCell};
use std::ptr;
use std::ptr::NonNull;

/// Blocks come in steps of this many bytes, and are aligned to it; to `ALIGN`, if their size is a
/// multiple of that.
const STEP: usize = 8;
/// No layout with a greater alignment gets a block; its size is a multiple of its alignment.
const ALIGN: usize = 16;
/// Up to this size each step has its own free list; above it, each quarter of the way to the next
/// power of two.
const STEPPED: usize = 1024;
/// Larger blocks (sets of very many children) are not kept.
const LARGEST: usize = 1 << 20;
const CLASSES: usize = STEPPED / STEP + 1 + 4 * (LARGEST.ilog2() - STEPPED.ilog2()) as usize;

/// Chunks double from the first to the last of these sizes: a schedule made for one request stays
/// small.
const FIRST_CHUNK: usize = 4 << 10;
const LAST_CHUNK: usize = 256 << 10;

/// A free block; the list goes through the blocks themselves.
struct Free {
    next: *mut Free,
}

pub struct Pool {
    free: [Cell<*mut Free>; CLASSES],
    /// What is left of the chunk that blocks are taken from.
    rest: Cell<*mut u8>,
    rest_len: Cell<usize>,
    chunks: RefCell<Vec<(NonNull<u8>, Layout)>>,
    /// How many chunks blocks were taken from in this run, or were too small for the block that
    /// was wanted.
    begun: Cell<usize>,
    /// How many blocks of chunks were not given back.
    in_use: Cell<usize>,
}

/// A layout, and where blocks for it are kept: worked out when compiled, where the layout is known
/// then.
#[derive(Clone, Copy)]
pub(crate) struct BlockOf {
    layout: Layout,
    kept: Kept,
}

#[derive(Clone, Copy)]
enum Kept {
    /// It has no size: there is no block.
    Nowhere,
    /// On the free list of this class, whose blocks have this size.
    InClass { class: usize, size: usize },
    /// By the global allocator.
    Globally,
}

impl BlockOf {
    pub(crate) const fn new(layout: Layout) -> Self {
        let size = layout.size();
        assert!(size % layout.align() == 0, "layouts of types and arrays are padded");
        let kept = if size == 0 {
            Kept::Nowhere
        } else if layout.align() > ALIGN || size > LARGEST {
            Kept::Globally
        } else if size <= STEPPED {
            let steps = size.div_ceil(STEP);
            Kept::InClass { class: steps, size: steps * STEP }
        } else {
            let power = (size - 1).ilog2();
            let quarter = 1 << (power - 2);
            // From 5 to 8, of which 4 would be the power itself.
            let quarters = size.div_ceil(quarter);
            Kept::InClass {
                class: STEPPED / STEP + 4 * (power - STEPPED.ilog2()) as usize + quarters - 4,
                size: quarters * quarter,
            }
        };
        BlockOf { layout, kept }
    }
}

impl Pool {
    pub(crate) fn new() -> Self {
        Pool {
            free: [const { Cell::new(ptr::null_mut()) }; CLASSES],
            rest: Cell::new(ptr::null_mut()),
            rest_len: Cell::new(0),
            chunks: RefCell::new(Vec::new()),
            begun: Cell::new(0),
            in_use: Cell::new(0),
        }
    }

    /// A block for at least this layout, uninitialised. Where that has no size there is none, but
    /// an address of its alignment.
    #[inline]
    pub(crate) fn take(&self, of: BlockOf) -> NonNull<u8> {
        let (class, size) = match of.kept {
            Kept::InClass { class, size } => (class, size),
            Kept::Nowhere => return nothing(of.layout),
            Kept::Globally => return global(of.layout),
        };
        self.in_use.set(self.in_use.get() + 1);
        let head = self.free[class].get();
        match NonNull::new(head) {
            Some(block) => {
                // SAFETY: a block on a free list is at least `STEP` bytes, aligned, unused, and was
                // written as a `Free` by `give`.
                self.free[class].set(unsafe { block.as_ref().next });
                block.cast()
            }
            None => self.carve(size),
        }
    }

    /// Takes back a block.
    ///
    /// # Safety
    /// `block` came from `take` of this pool for this layout, was not given back since, and is not
    /// used any more.
    #[inline]
    pub(crate) unsafe fn give(&self, block: NonNull<u8>, of: BlockOf) {
        let class = match of.kept {
            Kept::InClass { class, .. } => class,
            Kept::Nowhere => return,
            // SAFETY: `take` got it from the global allocator with this layout.
            Kept::Globally => return unsafe { dealloc(block.as_ptr(), of.layout) },
        };
        self.in_use.set(self.in_use.get() - 1);
        let block: NonNull<Free> = block.cast();
        // SAFETY: the block is ours again, large enough and aligned for a `Free`.
        unsafe { block.write(Free { next: self.free[class].get() }) };
        self.free[class].set(block.as_ptr());
    }

    #[inline]
    fn carve(&self, size: usize) -> NonNull<u8> {
        // Chunks and what is left of them are aligned to `STEP`, chunks to `ALIGN`.
        let gap = if size % ALIGN == 0 { self.rest_len.get() % ALIGN } else { 0 };
        if size + gap > self.rest_len.get() {
            return self.carve_new_chunk(size);
        }
        // SAFETY: `rest..rest + rest_len` lies in one chunk and is not handed out yet, and `gap +
        // size <= rest_len`.
        unsafe {
            let block = self.rest.get().add(gap);
            self.rest.set(block.add(size));
            self.rest_len.set(self.rest_len.get() - gap - size);
            NonNull::new_unchecked(block)
        }
    }

    /// What was left of the chunk before is given up: less than one block of this size.
    #[cold]
    #[inline(never)]
    fn carve_new_chunk(&self, size: usize) -> NonNull<u8> {
        loop {
            let (chunk, layout) = self.next_chunk(size);
            self.rest.set(chunk.as_ptr());
            self.rest_len.set(layout.size());
            if size <= layout.size() {
                return self.carve(size);
            }
        }
    }

    /// The first that nothing was taken from in this run, or else a new one, for a block of this
    /// size.
    fn next_chunk(&self, size: usize) -> (NonNull<u8>, Layout) {
        let mut chunks = self.chunks.borrow_mut();
        let begun = self.begun.replace(self.begun.get() + 1);
        if let Some(chunk) = chunks.get(begun) {
            return *chunk;
        }
        let last = chunks.last().map_or(FIRST_CHUNK / 2, |(_, layout)| layout.size());
        let len = (last * 2).clamp(FIRST_CHUNK, LAST_CHUNK).max(size.next_multiple_of(ALIGN));
        let layout = Layout::from_size_align(len, ALIGN)
            .expect("chunks are far smaller than the address space");
        let chunk = (global(layout), layout);
        chunks.push(chunk);
        chunk
    }

    /// Has the next run take its blocks from the beginning again. If some were not given back (a
    /// set of children was forgotten), all stays as it is.
    pub(crate) fn start_over(&self) {
        if self.in_use.get() == 0 && self.begun.get() > 0 {
            self.free.iter().for_each(|free| free.set(ptr::null_mut()));
            self.rest_len.set(0);
            self.begun.set(0);
        }
    }
}

fn nothing(layout: Layout) -> NonNull<u8> {
    NonNull::new(ptr::without_provenance_mut(layout.align())).expect("alignments are not zero")
}

fn global(layout: Layout) -> NonNull<u8> {
    // SAFETY: neither chunks nor blocks have size zero.
    NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
}

impl Drop for Pool {
    fn drop(&mut self) {
        if self.in_use.get() > 0 {
            return;
        }
        for (chunk, layout) in self.chunks.get_mut().drain(..) {
            // SAFETY: the chunk came from `alloc` with this layout, and no block in it is in use.
            unsafe { dealloc(chunk.as_ptr(), layout) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_takes_the_blocks_of_the_one_before_from_the_beginning() {
        let pool = Pool::new();
        let of = |size| BlockOf::new(Layout::from_size_align(size, STEP).unwrap());
        let sizes = [48, 3000, 48, 700_000, 16, 2000, 64];
        let take_all = || sizes.map(|size| pool.take(of(size)));
        // SAFETY: each was taken for this size, and is given once.
        let give = |block, size| unsafe { pool.give(block, of(size)) };
        let first = take_all();
        std::iter::zip(first, sizes).for_each(|(block, size)| give(block, size));
        pool.start_over();
        assert_eq!(take_all(), first);
        std::iter::zip(first, sizes).skip(1).for_each(|(block, size)| give(block, size));
        pool.start_over();
        let second = take_all();
        assert!(!second.contains(&first[0]), "one that was not given back is not given out");
        std::iter::zip(second, sizes).for_each(|(block, size)| give(block, size));
        give(first[0], sizes[0]);
    }

    #[test]
    fn blocks_are_aligned_as_their_layouts_want() {
        let pool = Pool::new();
        let layouts = [
            (24, 8),
            (32, 16),
            (40, 8),
            (48, 16),
            (1 << 19, 16),
            (8, 8),
            (16, 16),
            (3008, 16),
            (24, 8),
            (16, 16),
            (64, 64),
        ];
        let of = |(size, align)| BlockOf::new(Layout::from_size_align(size, align).unwrap());
        let blocks = layouts.map(|layout| pool.take(of(layout)));
        for (block, (size, align)) in std::iter::zip(blocks, layouts) {
            assert!(
                block.addr().get() % align == 0,
                "{size} bytes aligned to {align} are at {block:?}"
            );
            // SAFETY: it was taken for this layout, and is given once.
            unsafe { pool.give(block, of((size, align))) };
        }
    }

    #[test]
    fn a_class_holds_what_is_of_it_and_wastes_at_most_a_quarter() {
        let mut last = (0, 0);
        let step = if cfg!(miri) { 61 } else { 1 };
        for size in (1..=8 * STEPPED).step_by(step).chain([LARGEST / 2 + 1, LARGEST - 1, LARGEST]) {
            let BlockOf { kept: Kept::InClass { class, size: rounded }, .. } =
                BlockOf::new(Layout::from_size_align(size, 1).unwrap())
            else {
                panic!()
            };
            assert!(
                class < CLASSES && rounded >= size && rounded % STEP == 0,
                "{size}: class {class} of {rounded} bytes"
            );
            assert!(
                rounded - size < STEP || rounded <= size + size / 4,
                "{size} takes {rounded} bytes"
            );
            assert!(
                (class == last.0) == (rounded == last.1) && class >= last.0,
                "{size}: a class has one size"
            );
            last = (class, rounded);
        }
        assert!(matches!(
            BlockOf::new(Layout::from_size_align(LARGEST + 1, 1).unwrap()).kept,
            Kept::Globally
        ));
    }
}
