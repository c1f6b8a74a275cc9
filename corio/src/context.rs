//! The context of a schedule, and the pieces of it that dispatchers need.

use std::rc::Rc;
use std::sync::Arc;

/// A context that has a piece of type `T`.
///
/// A dispatcher that takes `&Db` can answer in any schedule whose context provides `Db`.
/// `#[derive(corio::Context)]` writes the impls, one a field; by hand:
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
/// (And [`AsContext`], if it is to be passed to [`Schedule::new`](crate::Schedule::new) by value.)
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
    /// The piece.
    fn provide(&self) -> &T;
}

// With this second candidate rustc reports a missing piece in our words, rather than inferring the
// only candidate and printing a type mismatch.
impl<T: ?Sized> Provide<T> for T {
    fn provide(&self) -> &T {
        self
    }
}

/// What a [`Schedule`](crate::Schedule) can be made from: a context by value
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

    /// The context, by reference.
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

/// A piece of the context that can go to another thread.
#[diagnostic::on_unimplemented(
    message = "a blocking dispatcher runs on another thread, with a clone of each piece: `{Self}` \
               has to be `Clone + Send + 'static`",
    label = "can't be cloned and sent to another thread",
    note = "put what is inside into an `Arc`: pools and clients usually are `Clone` for that"
)]
pub trait BlockingPiece: Clone + Send + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + 'static> BlockingPiece for T {}

/// A clone of a piece, for another thread.
pub fn piece<T: BlockingPiece>(piece: &T) -> T {
    piece.clone()
}

/// Stands for the context in tasks that name none, as `#[corio::task] fn f()`: they run over any,
/// and so can ask only for what needs no piece.
///
/// It is there to be read in compile errors. Nobody has one, and it provides nothing.
/// [`Dispatch`](crate::Dispatch) is not to be implemented for it by name: requests of such tasks
/// and of those over the real context go out together, and are answered in the one way that
/// `impl<S> Dispatch<S>` gives.
#[derive(Debug)]
pub struct AnyContext(());
