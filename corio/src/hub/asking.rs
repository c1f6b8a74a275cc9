//! What this thread is just doing for hubs: whose batch function it runs, and whose drive it polls.
//!
//! Both are stacks, as batch functions may drive, and drives may be in drives. A guard removes what
//! it has added, also when it unwinds.

use std::cell::RefCell;
use std::sync::Arc;

use super::group::Group;

thread_local! {
    /// The queues whose batch functions run.
    static BATCHES: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
    /// The groups that are polled, each with the number of its hub.
    static GROUPS: RefCell<Vec<(usize, Arc<Group>)>> = const { RefCell::new(Vec::new()) };
}

/// Removes the last batch when it is dropped.
struct BatchGuard;

impl Drop for BatchGuard {
    fn drop(&mut self) {
        BATCHES.with_borrow_mut(|batches| batches.pop());
    }
}

/// Calls `f`, which runs or polls the batch function of a queue.
pub(super) fn in_batch_of<T>(queue: usize, f: impl FnOnce() -> T) -> T {
    BATCHES.with_borrow_mut(|batches| batches.push(queue));
    let _guard = BatchGuard;
    f()
}

/// Whether the batch function of a queue is running.
pub(super) fn is_in_batch_of(queue: usize) -> bool {
    BATCHES.with_borrow(|batches| batches.contains(&queue))
}

/// Removes the last group when it is dropped.
struct GroupGuard;

impl Drop for GroupGuard {
    fn drop(&mut self) {
        let group = GROUPS.with_borrow_mut(|groups| groups.pop());
        drop(group);
    }
}

/// Calls `f`, which polls a member of a group.
pub(super) fn in_group<T>(hub: usize, group: &Arc<Group>, f: impl FnOnce() -> T) -> T {
    GROUPS.with_borrow_mut(|groups| groups.push((hub, group.clone())));
    let _guard = GroupGuard;
    f()
}

/// The innermost group of a hub that is polled, whatever is around it.
pub(super) fn group_of(hub: usize) -> Option<Arc<Group>> {
    GROUPS.with_borrow(|groups| {
        groups.iter().rev().find(|(of, _)| *of == hub).map(|(_, group)| group.clone())
    })
}

/// The innermost group that is polled, of any hub.
pub(super) fn innermost_group() -> Option<Arc<Group>> {
    GROUPS.with_borrow(|groups| groups.last().map(|(_, group)| group.clone()))
}
