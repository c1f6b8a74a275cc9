//! Crates of edition 2021 use the macros as they are: what a task captures does not follow the
//! edition of its crate.

#![forbid(unsafe_code)]
#![deny(rust_2024_compatibility)]

use std::collections::HashMap;

use corio::{Batch, Context, Provide, Schedule};

#[derive(Context)]
struct Library<'a> {
    offset: &'a Offset,
}

struct Offset(u64);

#[corio::dispatcher(dedup, show_keys)]
fn add(offset: &Offset, keys: &[u64]) -> Vec<u64> {
    keys.iter().map(|key| key + offset.0).collect()
}

#[corio::dispatcher]
async fn name(keys: Vec<u64>) -> HashMap<u64, String> {
    keys.into_iter().map(|key| (key, key.to_string())).collect()
}

#[corio::dispatcher]
fn slots(batch: Batch<u64, u64>) {
    for slot in batch {
        slot.answer_with(|key| key * 2);
    }
}

#[corio::dispatcher]
fn fetch<T: Clone>(_: &Offset, keys: &[T]) -> Vec<T> {
    keys.to_vec()
}

struct Book<'a> {
    title: &'a str,
}

impl<'a> Book<'a> {
    // Two lifetimes, and a result that is of one of them.
    #[corio::task]
    fn longest<'b>(&self, others: &'b [String], mut least: usize) -> Option<&'b str> {
        least += io!(slots(1)) as usize;
        others.iter().map(String::as_str).find(|other| other.len() > self.title.len() + least)
    }

    #[corio::task(Library<'_>)]
    fn number(&self, numbers: &[u64]) -> u64 {
        all!(numbers
            .iter()
            .map(|number| task!(move { io!(add(*number)) + self.title.len() as u64 })))
        .iter()
        .sum()
    }
}

#[corio::task(impl Provide<Offset>)]
fn anywhere(text: &str, more: impl Fn(u64) -> u64) -> (u64, String) {
    (more(io!(add(text.len() as u64))), io!(fetch(text.to_owned())))
}

#[corio::task(S)]
fn generic<S: Provide<Offset>, T: AsRef<str>>(text: &T) -> Option<String> {
    let (sum, _) = call!(anywhere(text.as_ref(), |n| n + 1));
    let name = io!(name(sum))?;
    let handle = spawn!(slots(sum));
    let (both,) = join!(anywhere(text.as_ref(), |n| n));
    Some(format!("{name} {} {}", call!(handle), both.0))
}

#[corio::task]
fn countdown(n: u64) -> u64 {
    if n == 0 {
        0
    } else {
        io!(slots(n)) + call!(countdown(n - 1))
    }
}

#[test]
fn everything_compiles_and_runs() {
    let offset = Offset(10);
    let mut schedule = Schedule::new(Library { offset: &offset });
    let title = String::from("ab");
    let book = Book { title: &title };
    let others = ["abc", "abcde", "abcdef"].map(String::from);
    assert_eq!(schedule.run(book.longest(&others, 0)), Ok(Some("abcde")));
    assert_eq!(schedule.run(book.number(&[1, 2])), Ok(27));
    assert_eq!(schedule.run(anywhere(&title, |n| n * 2)), Ok((24, "ab".into())));
    assert_eq!(schedule.run(generic(&title)), Ok(Some("13 26 12".into())));
    assert_eq!(schedule.run(countdown(3)), Ok(12));
}
