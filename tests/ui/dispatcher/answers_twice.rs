//! Answers go one way.

#[corio::dispatcher]
fn fetch_book(ids: &[u64], answers: &mut Vec<u64>) -> Vec<u64> {
    answers.extend(ids);
    ids.to_vec()
}

#[corio::dispatcher]
fn by_batch(batch: corio::Batch<u64, u64>) -> Vec<u64> {
    drop(batch);
    Vec::new()
}

fn main() {}
