//! `TaskNumbers`: the numbers by which observers know tasks.

use std::collections::HashMap;

use crate::observe::TaskId;

/// The numbers of tasks in this run, in the order in which the tasks were started. Empty if the run
/// has no observer.
#[derive(Default)]
pub(super) struct TaskNumbers {
    /// The number of the task that was started last.
    pub(super) last: u64,
    /// Maps the index of an entry in the tree to the number of the task that used the index last.
    pub(super) by_index: HashMap<u32, TaskId>,
}
