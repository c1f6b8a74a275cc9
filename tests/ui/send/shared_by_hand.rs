//! A hub polls a batch wherever its executor likes, also that of a dispatcher written by hand.

use std::rc::Rc;

use corio::{Hub, Options, Request, Requests, SharedDispatch};

struct Square(u64);

impl Request for Square {
    type Key = u64;
    type Answer = u64;
    const OPTIONS: Options<u64, u64> = Options::new().shared();

    fn into_key(self) -> u64 {
        self.0
    }
}

impl<H> SharedDispatch<H> for Square {
    type Part = ();

    fn dispatch_shared<'r>(_: &'r H, _: &'r (), requests: Requests<'_, 'r, Self>) {
        requests.answer_async(|keys| async move {
            let held = Rc::new(2);
            std::future::ready(()).await;
            let squares = keys.iter().map(|key| key.pow(*held)).collect::<Vec<_>>();
            keys.answer(squares)
        });
    }
}

struct ByName(Rc<str>);

impl Request for ByName {
    type Key = Rc<str>;
    type Answer = u64;

    fn into_key(self) -> Rc<str> {
        self.0
    }
}

impl<H> SharedDispatch<H> for ByName {
    type Part = ();

    fn dispatch_shared<'r>(_: &'r H, _: &'r (), requests: Requests<'_, 'r, Self>) {
        requests.answer(|keys| vec![0; keys.len()]);
    }
}

fn main() {
    let hub = Hub::new((), |_| ());
    drop(hub.ask(Square(1)));
}
