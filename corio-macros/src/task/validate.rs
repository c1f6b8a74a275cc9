//! The validate stage of `#[corio::task]`: reports each mistake of the signature, and removes it
//! from the model, so that the emitted function gives no second error.

use super::instrumented;
use super::model::{Context, Task};
use crate::errors::{Errors, as_written};
use syn::{
    GenericParam, ReturnType, Safety, Signature, Type, parse_quote_spanned, spanned::Spanned,
};

/// Reports all mistakes, and leaves a task that can be expanded.
pub(super) fn validate(task: &mut Task, errors: &mut Errors) {
    let signature = &mut task.function.signature;
    qualifiers(signature, errors);
    never(signature, errors);
    if hidden_generic(&task.context, signature, errors) {
        task.context = Context::Unknown;
    }
    instrumented::validate(task, errors);
}

/// Refuses and removes `async`, `const`, `unsafe`, `extern` and variadic parameters.
fn qualifiers(signature: &mut Signature, errors: &mut Errors) {
    if let Some(asyncness) = signature.asyncness.take() {
        errors.on(asyncness, "a task is a plain fn: remove `async`; wait with `io!`, `call!`");
    }
    if let Some(constness) = signature.constness.take() {
        errors.on(constness, "a task can't be a `const fn`: remove `const`");
    }
    if let Safety::Unsafe(unsafety) = &signature.safety {
        errors.on(
            unsafety,
            "a task can't be an `unsafe fn`, since it runs after the call: remove `unsafe`, and \
             put an `unsafe` block into it",
        );
        signature.safety = Safety::Default;
    }
    if let Some(abi) = signature.abi.take() {
        errors.on(abi.extern_token, "a task can't be an `extern fn`: remove `extern`");
    }
    if let Some(variadic) = signature.variadic.take() {
        errors.on(variadic.dots, "a task can't be variadic: take a `Vec`");
    }
}

/// Refuses `-> !`: `Future<Output = !>` is unstable, and a task that never ends keeps its schedule
/// running.
fn never(signature: &mut Signature, errors: &mut Errors) {
    let ReturnType::Type(_, output) = &mut signature.output else { return };
    if let Type::Never(never) = &**output {
        errors.on(never, "a task can't return `!`: use `-> std::convert::Infallible`");
        **output = parse_quote_spanned!(never.span()=> ::core::convert::Infallible);
    }
}

/// Refuses `#[corio::task(impl Provide<Db>)]` on a function with type or const parameters, and
/// returns whether it was refused. `impl Provide<Db>` adds a type parameter without a name, which
/// would shift the arguments of a turbofish.
fn hidden_generic(context: &Context, signature: &Signature, errors: &mut Errors) -> bool {
    let Context::Providing(anonymous) = context else { return false };
    let named = signature
        .generics
        .params
        .iter()
        .any(|parameter| !matches!(parameter, GenericParam::Lifetime(_)));
    if named {
        let (bounds, name) = (as_written(&anonymous.bounds), &signature.ident);
        errors.on(
            anonymous.impl_token,
            format!(
                "a function with type parameters of its own names its context too: write \
                 `#[corio::task(S)] fn {name}<S: {bounds}, …>`"
            ),
        );
    }
    named
}
