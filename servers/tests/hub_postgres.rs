//! The example, over a real PostgreSQL, of which `CORIO_POSTGRES` says where it is; `.ci/postgres`
//! makes one.

#[path = "../examples/hub_postgres.rs"]
#[allow(dead_code, reason = "its `main` is not for tests")]
mod example;

use std::io::{self, Write};

use example::{Args, Measured, measure_all};

#[test]
fn each_way_gives_the_right_pages_and_a_hub_asks_least_for_them() {
    let Ok(database) = std::env::var("CORIO_POSTGRES") else {
        // Not `println!`, which is seen only when a test fails.
        writeln!(io::stderr(), "skipped: CORIO_POSTGRES names no server").unwrap();
        return;
    };
    let args = Args { database, clients: 32, connections: 4, latency: 0, seconds: 1.0 };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (measured, _) = runtime.block_on(measure_all(&args)).unwrap();
    let of_one = |it: &Measured| it.queries as f64 / it.requests as f64;
    let [plain, runs, through, drives] = &measured[..] else { panic!("four ways") };
    assert_eq!((of_one(plain), of_one(runs)), (12.0, 4.0));
    for hub in [through, drives] {
        assert!(of_one(hub) < 2.0, "{}: {}", hub.way, of_one(hub));
    }
}
