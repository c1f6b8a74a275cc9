//! Groups are told apart by hash, from a key.

struct Locale;

struct Text {
    locale: Locale,
    id: u64,
}

#[corio::dispatcher(group_by = |text: &Text| Locale)]
fn without_hash(texts: &[Text]) -> Vec<u64> {
    texts.iter().map(|text| text.id).collect()
}

#[corio::dispatcher(group_by = |id: &u64| *id)]
fn of_another_key(texts: &[Text]) -> Vec<u64> {
    texts.iter().map(|text| text.id).collect()
}

fn main() {
    let _ = Text { locale: Locale, id: 1 }.locale;
}
