//! A dispatcher by hand that answers later: its future is `Send`.

use std::rc::Rc;

use corio::{Dispatch, Request, Requests};

struct Fetch(u64);

impl Request for Fetch {
    type Key = u64;
    type Answer = u64;

    fn into_key(self) -> u64 {
        self.0
    }
}

impl<S> Dispatch<S> for Fetch {
    fn dispatch<'r>(_: &'r S, requests: Requests<'_, 'r, Self>) {
        let held = Rc::new(1);
        requests.answer_async(move |ids| async move {
            std::future::ready(()).await;
            let rows: Vec<u64> = ids.iter().map(|id| id + *held).collect();
            ids.answer(rows)
        });
    }
}

fn main() {}
