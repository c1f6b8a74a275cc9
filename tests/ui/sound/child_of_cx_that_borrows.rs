//! Whoever writes tasks by hand could forget the future of a child, and so the child borrows nothing.

use corio::{Cx, task_fn};

#[corio::task]
fn length(text: &str) -> usize {
    text.len()
}

fn main() {
    let _calls = task_fn(async |cx: Cx<'_, ()>| {
        let text = String::from("Emma");
        cx.call(length(&text)).await
    });
    let _spawns = task_fn(async |cx: Cx<'_, ()>| {
        let text = String::from("Emma");
        cx.spawn(length(&text));
    });
    let _all = task_fn(async |cx: Cx<'_, ()>| {
        let text = String::from("Emma");
        cx.all([length(&text)]).await
    });
}
