//! Answers come in batches.

#[corio::dispatcher]
fn number(ids: &[u64]) -> usize {
    ids.len()
}

#[corio::dispatcher]
fn fallible_text(ids: &[u64]) -> Result<String, String> {
    Ok(format!("{ids:?}"))
}

#[corio::task]
fn program() {
    let _number = io!(number(1));
    let _text = io!(fallible_text(1));
}

fn main() {}
