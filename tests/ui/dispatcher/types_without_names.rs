//! A request is a type, and so are its parts.

#[corio::dispatcher]
fn print(ids: &[impl ToString]) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

#[corio::dispatcher]
fn count(ids: &[u64]) -> Vec<impl Send> {
    ids.iter().map(|id| *id).collect::<Vec<u64>>()
}

fn main() {}
