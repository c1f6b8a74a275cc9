//! `ReadyQueue`: the tasks that can run, first in, first out.
//!
//! The queue is a `Vec` that is read from a cursor. The queue nearly always runs empty before the
//! `Vec` is full and then starts at the front again, which is cheaper than a ring that wraps at
//! every step. `push` and `pop` take amortised constant time, `contains` linear time.

use super::id::Id;

/// The ready tasks, in the order in which they became ready.
#[derive(Default)]
pub(super) struct ReadyQueue {
    ids: Vec<Id>,
    /// Cursor: index of the next task; tasks before the cursor were popped. At most `ids.len()`.
    next: usize,
}

impl ReadyQueue {
    #[inline(always)]
    pub(super) fn push(&mut self, id: Id) {
        if self.ids.len() == self.ids.capacity() {
            self.grow();
        }
        self.ids.push(id);
    }

    /// Makes capacity for one more task. If more than half of the tasks were popped, moves the
    /// remaining ones to the front, so that each task is moved less than once on average; otherwise
    /// allocates.
    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
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

    /// Removes the task at position `at`, out of its turn; the first task takes that position.
    pub(super) fn take(&mut self, at: usize) -> Option<Id> {
        let ready = &mut self.ids[self.next..];
        if at >= ready.len() {
            return None;
        }
        ready.swap(0, at);
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
    fn random_operations_agree_with_a_ring() {
        let mut random = fastrand::Rng::with_seed(11);
        for _ in 0..if cfg!(miri) { 2 } else { 50 } {
            let (mut ready, mut ring) = (ReadyQueue::default(), VecDeque::new());
            let mut last = 0;
            for _ in 0..if cfg!(miri) { 100 } else { 1000 } {
                match random.u32(0..20) {
                    // In bursts, so that the queue grows, moves tasks to the front and runs empty.
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
    fn memory_does_not_grow_with_popped_tasks_while_some_are_left() {
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
