//! The macros of task bodies, as rustc finds them outside a task, and their documentation.
//!
//! In the body of a `#[corio::task]` the attribute rewrites `io!(..)` and the other macros before
//! rustc looks them up (`corio-macros/src/task/body/`). Elsewhere rustc finds the definitions of
//! this folder: each is a compile error that says where the macro works. They are also the pages of
//! the macros in the documentation.

/// Defines macros that expand to a compile error, each from its documentation, its name and a hint
/// that is appended to the error.
macro_rules! only_in_tasks {
    ($($(#[doc = $doc:literal])* $name:ident: $hint:literal,)+) => {
        only_in_tasks!(@ ($) $($(#[doc = $doc])* $name: $hint,)+);
    };
    (@ ($dollar:tt) $($(#[doc = $doc:literal])* $name:ident: $hint:literal,)+) => {$(
        $(#[doc = $doc])*
        ///
        /// # Where it works
        ///
        #[doc = concat!(
            "`", stringify!($name), "!` works in the body of a \
             [`#[corio::task]`](macro@crate::task), also in the arguments of other macros there, \
             and needs no import. Anywhere else `corio::", stringify!($name), "!` is a compile \
             error: outside tasks, and in a closure, an async block, a nested function or a \
             constant of a task.",
        )]
        #[macro_export]
        macro_rules! $name {
            ($dollar($dollar tokens:tt)*) => {
                ::core::compile_error!(concat!(
                    "`", stringify!($name), "!` only works in a task: put `#[corio::task]` on the \
                     function", $hint,
                ))
            };
        }
    )+};
}

mod children;
mod needs_blocking;
mod requests;
mod tasks;

pub use needs_blocking::needs_blocking;
