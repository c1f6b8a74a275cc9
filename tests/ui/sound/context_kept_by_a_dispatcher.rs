//! A dispatcher has the context for its run, and no longer.

use std::sync::Mutex;

use corio::{Dispatch, Request, Requests};

struct App;

static KEPT: Mutex<Option<&'static App>> = Mutex::new(None);

struct Number(u64);

impl Request for Number {
    type Key = u64;
    type Answer = u64;

    fn into_key(self) -> u64 {
        self.0
    }
}

impl Dispatch<App> for Number {
    fn dispatch<'r>(context: &'r App, requests: Requests<'_, 'r, Self>) {
        *KEPT.lock().unwrap() = Some(context);
        requests.answer(|keys| keys.to_vec());
    }
}

fn main() {}
