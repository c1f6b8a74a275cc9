//! A context of a short lifetime can't pass for one that lives for ever: what is read from it would.

#[derive(corio::Context)]
struct App<'a> {
    name: &'a String,
}

#[corio::task(App<'_>)]
fn program() -> &'static String {
    let app: &App<'static> = context!();
    app.name
}

fn main() {}
