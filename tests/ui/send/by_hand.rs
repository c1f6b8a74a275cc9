//! What goes through a `Cx` is `Send`: code could drop or forget a future that it got, and then
//! nothing would tell what is in the run.

use std::rc::Rc;

#[corio::dispatcher]
fn by_name(names: &[Rc<str>]) -> Vec<usize> {
    names.iter().map(|name| name.len()).collect()
}

#[corio::task]
fn shows(name: Rc<str>) -> usize {
    name.len()
}

fn main() {
    let task = corio::task_fn(async |cx: corio::Cx<'_, ()>| {
        cx.spawn(shows("Emma".into()));
        cx.io(by_name("Emma".into())).await
    });
    drop(corio::Schedule::new(()).run(task));
}
