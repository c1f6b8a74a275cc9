//! TODO

use std::collections::HashMap;

use crate::observe::TaskId;

/// The numbers of the tasks that live, by index. Empty when nobody observes.
#[derive(Default)]
pub(super) struct TaskNumbers {
    pub(super) last: u64,
    pub(super) by_index: HashMap<u32, TaskId>,
}
