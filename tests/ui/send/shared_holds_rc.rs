//! A hub polls a batch wherever its executor likes: what an `async fn` holds over an `.await` is
//! `Send`.

use std::rc::Rc;

#[corio::dispatcher(shared)]
async fn fetch(ids: &[u64]) -> Vec<u64> {
    let held = Rc::new(1);
    std::future::ready(()).await;
    ids.iter().map(|id| id + *held).collect()
}

#[corio::dispatcher(shared)]
fn keys_by_rc(ids: &[Rc<u64>]) -> Vec<u64> {
    ids.iter().map(|id| **id).collect()
}

fn main() {
    let hub = corio::Hub::new((), |_| ());
    drop(hub.ask(fetch(1)));
}
