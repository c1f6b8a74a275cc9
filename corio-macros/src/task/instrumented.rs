//! Attributes that put a function into a span of `tracing`. A span is entered once and left when
//! the function returns, so they go wrong with one that waits in the middle: above `#[corio::task]`
//! the span stays entered while other tasks run, below it lasts as long as the call that makes the
//! task.

use super::model::{Context, Task};
use crate::errors::{Errors, as_written};
use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::punctuated::Punctuated;
use syn::{Meta, Path, Token};

const WAY_OUT: &str = "Put it on what the task calls: a function, or a dispatcher";

pub(super) fn validate(task: &mut Task, errors: &mut Errors) {
    task.function.attributes.retain(|attribute| {
        let Some(path) = instrument(&attribute.meta) else { return true };
        let name = as_written(&path);
        errors.on(
            path,
            format!(
                "the span of `#[{name}]` would be left as soon as the task is made, before it \
                 runs. {WAY_OUT}"
            ),
        );
        false
    });
    if let Some(guard) = task.function.body.as_ref().and_then(|body| guard(body.stream())) {
        errors.at(
            guard.span(),
            format!(
                "the span of `#[instrument]` would stay entered while the task waits and others \
                 run. {WAY_OUT}"
            ),
        );
        // With some of its options it puts the body into a closure, where nothing can wait.
        task.context = Context::Unknown;
    }
}

/// The path of an `instrument`, whosever it is, also behind a `cfg_attr`.
fn instrument(meta: &Meta) -> Option<Path> {
    let path = meta.path();
    if path.segments.last().is_some_and(|last| last.ident == "instrument") {
        return Some(path.clone());
    }
    let Meta::List(list) = meta else { return None };
    if !path.is_ident("cfg_attr") {
        return None;
    }
    let metas = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated).ok()?;
    // The first is the condition.
    metas.iter().skip(1).find_map(instrument)
}

/// What the attribute has left in the body: its guard, or the future that it has made of it.
fn guard(body: TokenStream) -> Option<Ident> {
    body.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) => (ident == "__tracing_attr_guard"
            || ident == "__tracing_instrument_future")
            .then_some(ident),
        TokenTree::Group(group) => guard(group.stream()),
        _ => None,
    })
}
