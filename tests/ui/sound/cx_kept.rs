//! What a task waits through stays in it.

use corio::{Cx, task_fn};

fn main() {
    let mut kept: Option<Cx<'_, ()>> = None;
    let task = task_fn(async |cx: Cx<'_, ()>| {
        kept = Some(cx);
    });
    let _ = corio::Schedule::new(()).run(task);
}
