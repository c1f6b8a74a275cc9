//! Spans would be entered for other tasks as well, or not at all.

#[corio::dispatcher]
fn fetch(keys: &[u64]) -> Vec<u64> {
    keys.to_vec()
}

#[tracing::instrument]
#[corio::task]
fn above(id: u64) -> u64 {
    io!(fetch(id))
}

#[tracing::instrument(err)]
#[corio::task]
fn with_errors(id: u64) -> Result<u64, String> {
    Ok(io!(fetch(id)))
}

#[tracing::instrument]
#[corio::task]
async fn of_a_future(id: u64) -> u64 {
    io!(fetch(id))
}

#[corio::task]
#[tracing::instrument(skip_all)]
fn below(id: u64) -> u64 {
    io!(fetch(id))
}

#[corio::task]
#[cfg_attr(debug_assertions, tracing::instrument)]
fn below_if(id: u64) -> u64 {
    io!(fetch(id))
}

fn main() {}
