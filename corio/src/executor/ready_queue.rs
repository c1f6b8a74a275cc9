//! The tasks that can run, first come first served: a `Vec` that is read from its front.
//!
//! It nearly always runs empty before it is full, and then starts over; that is cheaper than a
//! ring, which wraps at each step.

use super::id::Id;

#[derive(Default)]
pub(super) struct ReadyQueue {
    ids: Vec<Id>,
    /// Those before it have had their turn. Never behind the last.
    next: usize,
}

impl ReadyQueue {
    #[inline(always)]
    pub(super) fn push(&mut self, id: Id) {
        if self.ids.len() == self.ids.capacity() {
            self.make_room();
        }
        self.ids.push(id);
    }

    /// Moves what is left to the front, if more than half have had their turn: so each is moved
    /// less than once. Gets more memory otherwise.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self) {
        if self.next > self.ids.len() / 2 {
            self.ids.drain(..self.next);
            self.next = 0;
        } else {
            self.ids.reserve(1);
        }
    }

    #[inline(always)]
    pub(super) fn pop(&mut self) -> Option<Id> {
        let Some(id) = self.ids.get(self.next) else {
            self.clear();
            return None;
        };
        self.next += 1;
        Some(*id)
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.next == self.ids.len()
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len() - self.next
    }

    /// Takes one of them out of its turn, which the first gets.
    pub(super) fn take(&mut self, at: usize) -> Option<Id> {
        let waiting = &mut self.ids[self.next..];
        if at >= waiting.len() {
            return None;
        }
        waiting.swap(0, at);
        self.pop()
    }

    pub(super) fn contains(&self, id: Id) -> bool {
        self.ids[self.next..].contains(&id)
    }

    #[inline(always)]
    pub(super) fn clear(&mut self) {
        self.ids.clear();
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    #[test]
    fn whatever_happens_it_is_a_ring() {
        let mut random = fastrand::Rng::with_seed(11);
        for _ in 0..if cfg!(miri) { 2 } else { 50 } {
            let (mut ready, mut ring) = (ReadyQueue::default(), VecDeque::new());
            let mut last = 0;
            for _ in 0..if cfg!(miri) { 100 } else { 1000 } {
                match random.u32(0..20) {
                    // In bursts, so that it grows, moves to its front and runs empty.
                    0 => {
                        for _ in 0..random.u32(0..40) {
                            last += 1;
                            ready.push(Id::new(last, 0));
                            ring.push_back(Id::new(last, 0));
                        }
                    }
                    1 => {
                        let at = random.usize(0..8);
                        assert_eq!(ready.take(at), ring.swap_remove_front(at));
                    }
                    2 => assert_eq!(
                        ready.contains(Id::new(last / 2, 0)),
                        ring.contains(&Id::new(last / 2, 0))
                    ),
                    _ => assert_eq!(ready.pop(), ring.pop_front()),
                }
                assert_eq!((ready.len(), ready.is_empty()), (ring.len(), ring.is_empty()));
            }
        }
    }

    #[test]
    fn as_long_as_some_are_left_its_memory_does_not_grow_with_those_that_went() {
        let mut ready = ReadyQueue::default();
        for task_id in 0..10_000 {
            ready.push(Id::new(task_id, 0));
            if task_id >= 5 {
                assert_eq!(ready.pop(), Some(Id::new(task_id - 5, 0)));
            }
        }
        assert!(ready.ids.capacity() <= 32, "{}", ready.ids.capacity());
    }
}
