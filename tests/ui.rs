//! What does not compile, and what the compiler then says: `ui/*/NAME.rs`, named after the mistake,
//! and `ui/*/NAME.stderr`, read as a user would read it. One error for each mistake, on the
//! smallest token, with the way out. `ui/pass` holds what compiles without a warning, under the
//! strictest lints that a user may set. Where a run would leave its thread (`ui/schedule`) rustc
//! speaks alone, and names every part that can't be sent.
//!
//! The texts are partly rustc's own, and so are those of one version: the test is ignored under
//! another. After a change of text `TRYBUILD=overwrite cargo test --test ui` writes them anew; read
//! them before they are committed.

#[rustversion::attr(not(stable(1.95)), ignore = "the expected texts are those of Rust 1.95")]
#[test]
fn mistakes_are_reported_with_the_way_out() {
    let cases = trybuild::TestCases::new();
    for of in
        ["body", "context", "dispatcher", "request", "schedule", "send", "sound", "task", "testing"]
    {
        cases.compile_fail(format!("ui/{of}/*.rs"));
    }
    cases.pass("ui/pass/*.rs");
}
