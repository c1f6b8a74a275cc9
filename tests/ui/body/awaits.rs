//! A task waits for what it asks of corio.

async fn elsewhere() -> u64 {
    1
}

#[corio::task]
fn shelf() -> u64 {
    elsewhere().await + elsewhere().await
}

fn main() {}
