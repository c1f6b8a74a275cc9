//! A block borrows what it names.

#[corio::task]
fn program() {
    let text = String::from("Emma");
    spawn!(task!({ text.len() }));
    let blocks: Vec<_> = (0..2).map(|n| task!({ n + 1 })).collect();
    all!(blocks);
}

fn main() {}
