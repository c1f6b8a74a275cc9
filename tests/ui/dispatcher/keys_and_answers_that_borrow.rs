//! Keys and answers own their data.

#[corio::dispatcher]
fn by_name(names: &[&str]) -> Vec<usize> {
    names.iter().map(|name| name.len()).collect()
}

#[corio::dispatcher]
fn titles(ids: &[u64]) -> Vec<&str> {
    ids.iter().map(|_| "Emma").collect()
}

#[corio::dispatcher]
fn named<'n>(names: &[&'n str]) -> Vec<usize> {
    names.iter().map(|name| name.len()).collect()
}

#[corio::task]
fn program() {
    let _length = io!(by_name("Emma"));
    let _title = io!(titles(1));
}

fn main() {}
