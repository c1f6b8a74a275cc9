//! The state of the walk over one body. The files beside this one each add a part of the walk.

use super::place::Place;
use crate::errors::Errors;
use crate::task::model::Context;
use proc_macro2::Ident;

/// The task function whose body is rewritten.
pub(in crate::task) struct EnclosingTask<'a> {
    /// The context that the task's frame is made for.
    pub(in crate::task) context: &'a Context,
    /// The function's name, by which a task that calls itself is recognised.
    pub(in crate::task) name: &'a Ident,
    /// Whether the function takes `self`, so that a call of itself reads `self.name(..)`.
    pub(in crate::task) method: bool,
}

/// The walk over one body.
pub(super) struct Rewriter<'a> {
    pub(super) task: &'a EnclosingTask<'a>,
    /// Takes the mistakes that no expression can stand in place of.
    pub(super) errors: &'a mut Errors,
    /// What the code that is being walked belongs to.
    pub(super) place: Place,
    /// Whether a macro or plain tokens, which the walk can't see through, enclose this code. See
    /// `guard.rs`.
    pub(super) opaque: bool,
    /// Whether the body of the innermost task holds a guard, and so needs the label.
    pub(super) guarded: bool,
}
