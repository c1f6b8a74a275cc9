//! `Pool`: memory for task bodies and for sets of children.
//!
//! Blocks are carved from chunks and freed to free lists, one for each size class. The pool belongs
//! to the schedule, so that later runs need no memory from the allocator. Taking and giving back a
//! block take constant time, but for a new chunk.
//!
//! Each run carves its blocks from the beginning of the first chunk again, adjacent to each other.
//! With the free lists of the previous run, in the order in which blocks were freed, a large run
//! would find its blocks scattered over the memory (a tree of 100,000 tasks took twice as long).
//!
//! # Invariants
//!
//! - A block is given back at most once, with the layout of `take`, to the pool of `take`.
//! - No block is used after the pool was dropped, which frees the chunks: a run drops everything
//!   that uses a block before the run drops the pool, or leaks the pool as well.
//! - If blocks are still in use when the pool is dropped (a set of children was forgotten), the
//!   chunks are leaked: a pinned value in such a block may be known elsewhere by its address.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::{Cell, RefCell};
use std::ptr;
use std::ptr::NonNull;

/// Block sizes are multiples of this many bytes, and so are the addresses of blocks.
const STEP: usize = 8;
/// The greatest alignment that the pool provides: a block whose size is a multiple of `ALIGN` is
/// aligned to `ALIGN`. Blocks for layouts with a greater alignment come from the global allocator.
const ALIGN: usize = 16;
/// Up to this size each multiple of `STEP` is a size class. Above, each doubling of the size is
/// divided into four classes, so that a block is at most a quarter larger than its layout.
const MAX_STEPPED: usize = 1024;
/// Larger blocks (sets of very many children) come from the global allocator.
const MAX_POOLED: usize = 1 << 20;
/// Number of size classes. Class 0 is unused.
const CLASSES: usize =
    MAX_STEPPED / STEP + 1 + 4 * (MAX_POOLED.ilog2() - MAX_STEPPED.ilog2()) as usize;

/// Size of the first chunk. Each further chunk has twice the size of the one before, up to
/// `LAST_CHUNK`: the pool of a schedule that is made for one request stays small.
const FIRST_CHUNK: usize = 4 << 10;
/// Size of the largest chunks, but for chunks made for a larger block.
const LAST_CHUNK: usize = 256 << 10;

/// A free block, linked into the free list of its class.
struct FreeBlock {
    next: *mut FreeBlock,
}

/// Blocks of memory that keep their addresses; see the module documentation.
pub struct Pool {
    /// The heads of the intrusive free lists, by class.
    free: [Cell<*mut FreeBlock>; CLASSES],
    /// The unused rest of the current chunk.
    rest: Cell<*mut u8>,
    rest_len: Cell<usize>,
    chunks: RefCell<Vec<(NonNull<u8>, Layout)>>,
    /// Number of chunks that were used in this run, or skipped as too small for the wanted block.
    chunks_used: Cell<usize>,
    /// Number of blocks of chunks that were not given back.
    in_use: Cell<usize>,
}

/// A layout and the source of blocks for the layout. A constant wherever the layout is known when
/// the program is compiled.
#[derive(Clone, Copy)]
pub(crate) struct BlockOf {
    layout: Layout,
    source: BlockSource,
}

/// Where blocks of a layout come from.
#[derive(Clone, Copy)]
enum BlockSource {
    /// The layout has size zero, and a dangling pointer takes the place of a block.
    Dangling,
    /// The free list of `class`, whose blocks have `size` bytes, or a chunk if the list is empty.
    Pooled { class: usize, size: usize },
    /// The global allocator.
    Global,
}

impl BlockOf {
    /// # Panics
    /// If the size of the layout is no multiple of its alignment.
    pub(crate) const fn new(layout: Layout) -> Self {
        let size = layout.size();
        assert!(size % layout.align() == 0, "layouts of types and arrays are padded");
        let source = if size == 0 {
            BlockSource::Dangling
        } else if layout.align() > ALIGN || size > MAX_POOLED {
            BlockSource::Global
        } else if size <= MAX_STEPPED {
            let steps = size.div_ceil(STEP);
            BlockSource::Pooled { class: steps, size: steps * STEP }
        } else {
            // `power` is that of the largest power of two below `size`.
            let power = (size - 1).ilog2();
            let quarter = 1 << (power - 2);
            // From 5 to 8; 4 quarters would be the power of two itself.
            let quarters = size.div_ceil(quarter);
            BlockSource::Pooled {
                class: MAX_STEPPED / STEP + 4 * (power - MAX_STEPPED.ilog2()) as usize + quarters
                    - 4,
                size: quarters * quarter,
            }
        };
        BlockOf { layout, source }
    }
}

impl Pool {
    pub(crate) fn new() -> Self {
        Pool {
            free: [const { Cell::new(ptr::null_mut()) }; CLASSES],
            rest: Cell::new(ptr::null_mut()),
            rest_len: Cell::new(0),
            chunks: RefCell::new(Vec::new()),
            chunks_used: Cell::new(0),
            in_use: Cell::new(0),
        }
    }

    /// Returns an uninitialised block for the layout of `of`; a dangling, aligned pointer if the
    /// layout has size zero.
    #[inline]
    pub(crate) fn take(&self, of: BlockOf) -> NonNull<u8> {
        let (class, size) = match of.source {
            BlockSource::Pooled { class, size } => (class, size),
            BlockSource::Dangling => return dangling(of.layout),
            BlockSource::Global => return alloc_global(of.layout),
        };
        self.in_use.set(self.in_use.get() + 1);
        let head = self.free[class].get();
        match NonNull::new(head) {
            Some(block) => {
                // SAFETY: a block on a free list has at least `STEP` bytes, is aligned and unused,
                // and `give` has written a `FreeBlock` to the block.
                self.free[class].set(unsafe { block.as_ref().next });
                block.cast()
            }
            None => self.carve(size),
        }
    }

    /// Frees a block.
    ///
    /// # Safety
    /// `block` was returned by `take` of this pool for this layout, was not given back since, and
    /// is not used any more.
    #[inline]
    pub(crate) unsafe fn give(&self, block: NonNull<u8>, of: BlockOf) {
        let class = match of.source {
            BlockSource::Pooled { class, .. } => class,
            BlockSource::Dangling => return,
            // SAFETY: `take` has allocated the block by the global allocator with this layout.
            BlockSource::Global => return unsafe { dealloc(block.as_ptr(), of.layout) },
        };
        self.in_use.set(self.in_use.get() - 1);
        let block: NonNull<FreeBlock> = block.cast();
        // SAFETY: the caller guarantees that the block is unused. The block is large enough and
        // aligned for a `FreeBlock`.
        unsafe { block.write(FreeBlock { next: self.free[class].get() }) };
        self.free[class].set(block.as_ptr());
    }

    /// Returns a block from the current chunk, or from the next chunk if the rest is too small.
    #[inline]
    fn carve(&self, size: usize) -> NonNull<u8> {
        // A chunk ends at a multiple of `ALIGN`, and its rest begins at a multiple of `STEP`.
        let gap = if size % ALIGN == 0 { self.rest_len.get() % ALIGN } else { 0 };
        if size + gap > self.rest_len.get() {
            return self.carve_slow(size);
        }
        // SAFETY: `rest..rest + rest_len` lies in one chunk and is not in use yet, and `gap + size
        // <= rest_len`.
        unsafe {
            let block = self.rest.get().add(gap);
            self.rest.set(block.add(size));
            self.rest_len.set(self.rest_len.get() - gap - size);
            NonNull::new_unchecked(block)
        }
    }

    /// Returns a block from the next chunk that is large enough. The rest of the current chunk,
    /// which is less than a block of this size, stays unused until the next run.
    #[cold]
    #[inline(never)]
    fn carve_slow(&self, size: usize) -> NonNull<u8> {
        loop {
            let (chunk, layout) = self.next_chunk(size);
            self.rest.set(chunk.as_ptr());
            self.rest_len.set(layout.size());
            if size <= layout.size() {
                return self.carve(size);
            }
        }
    }

    /// Returns the next chunk that was not used in this run, of any size, or else a new chunk that
    /// is large enough for a block of `size` bytes.
    fn next_chunk(&self, size: usize) -> (NonNull<u8>, Layout) {
        let mut chunks = self.chunks.borrow_mut();
        let used = self.chunks_used.replace(self.chunks_used.get() + 1);
        if let Some(chunk) = chunks.get(used) {
            return *chunk;
        }
        let last = chunks.last().map_or(FIRST_CHUNK / 2, |(_, layout)| layout.size());
        let len = (last * 2).clamp(FIRST_CHUNK, LAST_CHUNK).max(size.next_multiple_of(ALIGN));
        let layout = Layout::from_size_align(len, ALIGN)
            .expect("chunks are far smaller than the address space");
        let chunk = (alloc_global(layout), layout);
        chunks.push(chunk);
        chunk
    }

    /// Prepares the pool for the next run, which carves its blocks from the first chunk again. Does
    /// nothing if blocks are still in use (a set of children was forgotten).
    pub(super) fn reset(&self) {
        if self.in_use.get() == 0 && self.chunks_used.get() > 0 {
            self.free.iter().for_each(|free| free.set(ptr::null_mut()));
            self.rest_len.set(0);
            self.chunks_used.set(0);
        }
    }
}

/// Returns a dangling pointer that is aligned for `layout`.
fn dangling(layout: Layout) -> NonNull<u8> {
    NonNull::new(ptr::without_provenance_mut(layout.align())).expect("alignments are not zero")
}

/// Allocates memory by the global allocator. The layout has a size greater than zero.
fn alloc_global(layout: Layout) -> NonNull<u8> {
    // SAFETY: the size is not zero: chunks are not empty, and layouts without size get no block.
    NonNull::new(unsafe { alloc(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
}

impl Drop for Pool {
    fn drop(&mut self) {
        if self.in_use.get() > 0 {
            return;
        }
        for (chunk, layout) in self.chunks.get_mut().drain(..) {
            // SAFETY: the chunk was allocated with this layout, and no block of it is in use.
            unsafe { dealloc(chunk.as_ptr(), layout) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_run_takes_the_same_blocks_from_the_beginning() {
        let pool = Pool::new();
        let of = |size| BlockOf::new(Layout::from_size_align(size, STEP).unwrap());
        let sizes = [48, 3000, 48, 700_000, 16, 2000, 64];
        let take_all = || sizes.map(|size| pool.take(of(size)));
        // SAFETY: each block was taken for this size, and is given back once.
        let give = |block, size| unsafe { pool.give(block, of(size)) };
        let first = take_all();
        std::iter::zip(first, sizes).for_each(|(block, size)| give(block, size));
        pool.reset();
        assert_eq!(take_all(), first);
        std::iter::zip(first, sizes).skip(1).for_each(|(block, size)| give(block, size));
        pool.reset();
        let second = take_all();
        assert!(!second.contains(&first[0]), "a block in use is not given out again");
        std::iter::zip(second, sizes).for_each(|(block, size)| give(block, size));
        give(first[0], sizes[0]);
    }

    #[test]
    fn blocks_have_the_alignment_of_their_layouts() {
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
            // SAFETY: the block was taken for this layout, and is given back once.
            unsafe { pool.give(block, of((size, align))) };
        }
    }

    #[test]
    fn a_class_has_one_size_and_wastes_at_most_a_quarter() {
        let mut last = (0, 0);
        let step = if cfg!(miri) { 61 } else { 1 };
        for size in (1..=8 * MAX_STEPPED).step_by(step).chain([
            MAX_POOLED / 2 + 1,
            MAX_POOLED - 1,
            MAX_POOLED,
        ]) {
            let BlockOf { source: BlockSource::Pooled { class, size: rounded }, .. } =
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
            BlockOf::new(Layout::from_size_align(MAX_POOLED + 1, 1).unwrap()).source,
            BlockSource::Global
        ));
    }
}
