//! A `Cx` over a context of a short lifetime can't pass for one over a context that lives for ever.

use corio::Cx;

struct Named<'a>(&'a str);

fn lengthen<'r, 'a>(cx: Cx<'r, Named<'a>>) -> Cx<'r, Named<'static>> {
    cx
}

fn main() {}
