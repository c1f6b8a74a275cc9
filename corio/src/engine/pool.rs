//! Memory for task bodies and sets of children: taken from chunks, given back to free lists by size, kept with the schedule from run to run.
//!
//! What must hold: a block is given back at most once, for the layout it was taken for, to the pool it came from. Chunks are freed when the pool is dropped,
//! so no block may be used after that; a run drops everything it made before it lets go of its pool, or leaks the pool with it.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::{Cell, RefCell};
use std::ptr::{self, NonNull};

/// Blocks come in steps of this many bytes, and are aligned to it.
const STEP: usize = 16;
/// Up to this size each step has its own free list; above it, each quarter of the way to the next power of two.
const STEPPED: usize = 1024;
/// Larger blocks (sets of very many children) are not kept.
const LARGEST: usize = 1 << 20;
const CLASSES: usize = STEPPED / STEP + 1 + 4 * (LARGEST.ilog2() - STEPPED.ilog2()) as usize;

/// Chunks double from the first to the last of these sizes: a schedule made for one request stays small.
const FIRST_CHUNK: usize = 4 << 10;
const LAST_CHUNK: usize = 256 << 10;

/// A free block; the list goes through the blocks themselves.
struct Free {
    next: *mut Free,
}

pub struct Pool {
    free: [Cell<*mut Free>; CLASSES],
    /// What is left of the newest chunk.
    rest: Cell<*mut u8>,
    rest_len: Cell<usize>,
    chunks: RefCell<Vec<(NonNull<u8>, Layout)>>,
}

/// A layout, and where blocks for it are kept: worked out when compiled, where the layout is known then.
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
        let kept = if size == 0 {
            Kept::Nowhere
        } else if layout.align() > STEP || size > LARGEST {
            Kept::Globally
        } else if size <= STEPPED {
            let steps = size.div_ceil(STEP);
            Kept::InClass { class: steps, size: steps * STEP }
        } else {
            let power = (size - 1).ilog2();
            let quarter = 1 << (power - 2);
            // From 5 to 8, of which 4 would be the power itself.
            let quarters = size.div_ceil(quarter);
            Kept::InClass { class: STEPPED / STEP + 4 * (power - STEPPED.ilog2()) as usize + quarters - 4, size: quarters * quarter }
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
        }
    }

    /// A block for at least this layout, uninitialised. Where that has no size there is none, but an address of its alignment.
    #[inline]
    pub(crate) fn take(&self, of: BlockOf) -> NonNull<u8> {
        let (class, size) = match of.kept {
            Kept::InClass { class, size } => (class, size),
            Kept::Nowhere => return nothing(of.layout),
            Kept::Globally => return global(of.layout),
        };
        let head = self.free[class].get();
        match NonNull::new(head) {
            Some(block) => {
                // SAFETY: a block on a free list is at least `STEP` bytes, aligned, unused, and was written as a `Free` by `give`.
                self.free[class].set(unsafe { block.as_ref().next });
                block.cast()
            }
            None => self.carve(size),
        }
    }

    /// Takes back a block.
    ///
    /// # Safety
    /// `block` came from `take` of this pool for this layout, was not given back since, and is not used any more.
    #[inline]
    pub(crate) unsafe fn give(&self, block: NonNull<u8>, of: BlockOf) {
        let class = match of.kept {
            Kept::InClass { class, .. } => class,
            Kept::Nowhere => return,
            // SAFETY: `take` got it from the global allocator with this layout.
            Kept::Globally => return unsafe { dealloc(block.as_ptr(), of.layout) },
        };
        let block: NonNull<Free> = block.cast();
        // SAFETY: the block is ours again, large enough and aligned for a `Free`.
        unsafe { block.write(Free { next: self.free[class].get() }) };
        self.free[class].set(block.as_ptr());
    }

    #[cold]
    #[inline(never)]
    fn carve(&self, size: usize) -> NonNull<u8> {
        if size > self.rest_len.get() {
            let mut chunks = self.chunks.borrow_mut();
            let last = chunks.last().map_or(FIRST_CHUNK / 2, |(_, layout)| layout.size());
            let len = (last * 2).clamp(FIRST_CHUNK, LAST_CHUNK).max(size);
            let layout = Layout::from_size_align(len, STEP).expect("chunks are far smaller than the address space");
            let chunk = global(layout);
            chunks.push((chunk, layout));
            if size == len {
                return chunk;
            }
            // What was left of the chunk before is given up: less than one block of this size.
            self.rest.set(chunk.as_ptr());
            self.rest_len.set(len);
        }
        let block = self.rest.get();
        // SAFETY: `rest..rest + rest_len` lies in the newest chunk and is not handed out yet; `size <= rest_len` was checked.
        self.rest.set(unsafe { block.add(size) });
        self.rest_len.set(self.rest_len.get() - size);
        NonNull::new(block).expect("there is a chunk")
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
        for (chunk, layout) in self.chunks.get_mut().drain(..) {
            // SAFETY: the chunk came from `alloc` with this layout, and by the rule at the top no block in it is in use.
            unsafe { dealloc(chunk.as_ptr(), layout) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_what_is_of_it_and_wastes_at_most_a_quarter() {
        let mut last = (0, 0);
        for size in (1..=8 * STEPPED).chain([LARGEST / 2 + 1, LARGEST - 1, LARGEST]) {
            let BlockOf { kept: Kept::InClass { class, size: room }, .. } = BlockOf::new(Layout::from_size_align(size, STEP).unwrap()) else { panic!() };
            assert!(class < CLASSES && room >= size && room % STEP == 0, "{size}: class {class} of {room} bytes");
            assert!(room - size < STEP || room <= size + size / 4, "{size} takes {room} bytes");
            assert!((class == last.0) == (room == last.1) && class >= last.0, "{size}: a class has one size");
            last = (class, room);
        }
        assert!(matches!(BlockOf::new(Layout::from_size_align(LARGEST + 1, STEP).unwrap()).kept, Kept::Globally));
    }
}
