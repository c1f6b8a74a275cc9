//! The context of a schedule, and the pieces of it that dispatchers need.
//!
//! A *context* is a struct of the user (connection pools, clients, caches); a *piece* is a part of
//! it, found by its type.

use std::rc::Rc;
use std::sync::Arc;

/// Implemented by contexts that have a piece of type `T`.
///
/// A dispatcher that takes `&Db` can answer in any schedule whose context provides `Db`.
/// `#[derive(corio::Context)]` implements the trait for the type of each field. An implementation
/// by hand:
///
/// ```
/// struct Db;
/// struct App { reader: Db }
///
/// impl corio::Provide<Db> for App {
///     fn provide(&self) -> &Db {
///         &self.reader
///     }
/// }
/// ```
///
/// A context that is passed to [`Schedule::new`](crate::Schedule::new) by value needs an
/// implementation of [`AsContext`] as well.
///
/// Every type provides itself, so a context may also be a single piece: `Schedule::new(&db)`.
#[diagnostic::on_unimplemented(
    message = "the context `{Self}` does not provide `{T}`",
    label = "needs a `{T}`, which `{Self}` does not provide",
    note = "name a context that has one in the attribute: `#[corio::task(MyContext)]`, where \
            `MyContext` derives `corio::Context` and has a field of type `{T}`; a plain \
            `#[corio::task]` runs over `AnyContext`, which has nothing"
)]
pub trait Provide<T: ?Sized> {
    /// Returns the piece.
    fn provide(&self) -> &T;
}

// Lets a context be a single piece. Being a second candidate, the impl also makes rustc report a
// missing piece by the message above, rather than infer the only candidate and report mismatched
// types.
impl<T: ?Sized> Provide<T> for T {
    fn provide(&self) -> &T {
        self
    }
}

/// Anything that a [`Schedule`](crate::Schedule) can be made from: a context by value
/// (`#[derive(corio::Context)]`), by reference, or in an [`Arc`] or [`Rc`].
///
/// ```
/// # use corio::AsContext;
/// struct Db;
/// assert!(std::ptr::eq((&Db).as_context(), &Db));
/// ```
#[diagnostic::on_unimplemented(
    message = "a schedule can't be made from `{Self}`: put `#[derive(corio::Context)]` on it, or \
               pass it by reference, in an `Arc` or in an `Rc`",
    label = "not a context"
)]
pub trait AsContext {
    /// The context that tasks and dispatchers see.
    type Context;

    /// Returns the context by reference.
    fn as_context(&self) -> &Self::Context;
}

impl AsContext for () {
    type Context = ();

    fn as_context(&self) -> &() {
        self
    }
}

impl<T> AsContext for &T {
    type Context = T;

    fn as_context(&self) -> &T {
        self
    }
}

impl<T> AsContext for Arc<T> {
    type Context = T;

    fn as_context(&self) -> &T {
        self
    }
}

impl<T> AsContext for Rc<T> {
    type Context = T;

    fn as_context(&self) -> &T {
        self
    }
}

/// A piece of which a clone can be sent to another thread, for a `blocking` dispatcher.
#[diagnostic::on_unimplemented(
    message = "a blocking dispatcher runs on another thread, with a clone of each piece: `{Self}` \
               has to be `Clone + Send + 'static`",
    label = "can't be cloned and sent to another thread",
    note = "put what is inside into an `Arc`: pools and clients usually are `Clone` for that"
)]
pub trait BlockingPiece: Clone + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + 'static> BlockingPiece for T {}

/// Clones a piece for another thread. Called by the expansion of a `blocking` dispatcher.
pub fn piece<T: BlockingPiece>(piece: &T) -> T {
    piece.clone()
}

/// Placeholder for the context in tasks that name none, as `#[corio::task] fn f()`.
///
/// Such a task runs over any context, and so can make only requests that need no piece of it. The
/// type appears in compile errors; no value of it exists, and it provides no piece.
///
/// [`Dispatch`](crate::Dispatch) must not be implemented for `AnyContext` by name. Requests of
/// tasks without a context and of tasks over the real context share batches, and all of these are
/// answered by `impl<S> Dispatch<S>`.
#[derive(Debug)]
pub struct AnyContext(());
