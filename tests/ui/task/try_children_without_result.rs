//! `try_join!` and `try_all!` stop at the first error, and so need results with one type of error.

#[corio::task]
fn number() -> u32 {
    1
}

#[corio::task]
fn parsed() -> Result<u32, String> {
    Ok(1)
}

#[corio::task]
fn checked() -> Result<u32, u8> {
    Ok(1)
}

#[corio::task]
fn no_result() {
    let _ = try_join!(parsed(), number());
}

#[corio::task]
fn two_errors() {
    let _ = try_join!(parsed(), checked());
}

#[corio::task]
fn no_results() {
    let _ = try_all!([number(), number()]);
}

fn main() {}
