//! A task is a plain function.

#[corio::task]
async fn asynchronous() -> u32 {
    1
}

#[corio::task]
const fn constant() -> u32 {
    1
}

#[corio::task]
unsafe fn without_checks() -> u32 {
    1
}

#[corio::task]
extern "C" fn foreign() -> u32 {
    1
}

#[corio::task]
fn program() -> u32 {
    call!(asynchronous()) + call!(constant()) + call!(without_checks()) + call!(foreign())
}

fn main() {}
