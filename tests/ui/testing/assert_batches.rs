//! `assert_batches!` takes a log, and for each dispatcher its name and a number.

use corio::Log;
use corio::testing::assert_batches;

fn main() {
    let log = Log::new();
    assert_batches!(log, "fetch_author" <= 2);
    assert_batches!(log, "fetch_author" ~ 2);
    assert_batches!(log, "fetch_author" <= 2, "fetch_book" + 1);
    assert_batches!(log, fetch_author <= 2);
    assert_batches!("fetch_author" == 1);
    assert_batches!(log, "fetch_author" <= "two");
    assert_batches!("log", "fetch_author" <= 2);
}
