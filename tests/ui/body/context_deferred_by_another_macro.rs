//! Whoever calls such a closure later would get the context of the run that goes on then, of another type or gone.

macro_rules! later {
    ($value:expr) => {
        async { $value }
    };
}

macro_rules! whenever {
    ($value:expr) => {
        || $value
    };
}

struct Texts(String);

#[corio::task(Texts)]
fn shelf() {
    let _later = later!(context!());
    let _whenever = whenever!(&context!().0);
    println!("{}", context!().0);
}

fn main() {}
