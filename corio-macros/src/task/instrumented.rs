//! Refuses `#[instrument]`, the attribute of `tracing` that puts a function into a span.
//!
//! Such a span is entered when the function is called and left when the function returns. With a
//! task both orders of the attributes are wrong: above `#[corio::task]`, the span stays entered
//! while the task waits and other tasks run; below, the span covers only the call that makes the
//! task.

use super::model::{Context, Task};
use crate::errors::{Errors, as_written};
use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::punctuated::Punctuated;
use syn::{Meta, Path, Token};

/// What to do instead.
const ADVICE: &str = "Put it on what the task calls: a function, or a dispatcher";

/// Reports an `#[instrument]` below (an attribute that is still there) or above (a body that was
/// expanded already).
pub(super) fn validate(task: &mut Task, errors: &mut Errors) {
    task.function.attributes.retain(|attribute| {
        let Some(path) = instrument(&attribute.meta) else { return true };
        let name = as_written(&path);
        errors.on(
            path,
            format!(
                "the span of `#[{name}]` would be left as soon as the task is made, before it \
                 runs. {ADVICE}"
            ),
        );
        false
    });
    if let Some(guard) = task.function.body.as_ref().and_then(|body| guard(body.stream())) {
        errors.at(
            guard.span(),
            format!(
                "the span of `#[instrument]` would stay entered while the task waits and others \
                 run. {ADVICE}"
            ),
        );
        // With some of its options, `#[instrument]` puts the body into a closure, where no
        // construct can stand; each of them would be reported too.
        task.context = Context::Unknown;
    }
}

/// The path of an attribute named `instrument`, of any crate, also within a `cfg_attr`.
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
    // The first argument of `cfg_attr` is the condition.
    metas.iter().skip(1).find_map(instrument)
}

/// The local that an expanded `#[instrument]` leaves in the body: its guard, or its future.
fn guard(body: TokenStream) -> Option<Ident> {
    body.into_iter().find_map(|token| match token {
        TokenTree::Ident(ident) => (ident == "__tracing_attr_guard"
            || ident == "__tracing_instrument_future")
            .then_some(ident),
        TokenTree::Group(group) => guard(group.stream()),
        _ => None,
    })
}
