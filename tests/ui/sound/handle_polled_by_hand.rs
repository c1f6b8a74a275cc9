//! The futures of tasks and handles belong to the runtime.

use corio::{IsTask, Task};

#[corio::task]
fn number() -> u32 {
    1
}

#[corio::task]
fn program() {
    let handle = spawn!(number());
    let _future = Task::<()>::into_future(handle);
}

fn main() {
    let _future = Task::<()>::into_future(number());
    let _called = IsTask::called(number());
}
