//! Sets of children: `all!`, `try_all!`, `join!`, `try_join!`, `race!`, `io!(a, b)` and `io_all!`,
//! over tasks and requests alike.
//!
//! A [`Set`] is the owner's end. It opens a scope, starts the children in the scope, waits until
//! the scope is empty or the set was short-circuited, and takes the outputs out of the cells. A set
//! takes two blocks of the pool: one for its own state and one for all cells, besides the `Vec` of
//! the results. The memory of cells and scope is the matter of `cells`; this file has the policies,
//! and what each makes of the outputs.
//!
//! Invariants:
//! - Children may borrow from the frame that holds the set. This is sound because user code never
//!   holds such a frame, and so cannot forget it (see `traits`); where user code does hold sets
//!   (`Cx`), the children are `'static`.
//! - When a child has short-circuited its set, all siblings that had not ended were removed. So at
//!   most one child per set has short-circuited.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::cells::{CellSet, Closed};
pub(super) use super::cells::{ChildVec, Children};
use super::child_tuple::for_each_arity;
pub(super) use super::child_tuple::{ChildTuple, IntoChild, IntoChildren};
use crate::executor::{ChildBody, ChildCell, SetPolicy};
use crate::runtime::current;

/// The policy of `all!` and `join!`: the set is over when all children have ended.
#[derive(Debug)]
pub struct WaitAll;

/// The policy of `try_all!` and `try_join!`: the set is over at the first error. The child that
/// failed still ends after its own children; its siblings are dropped at once.
#[derive(Debug)]
pub struct FirstErr;

/// The policy of `race!`: the set is over when the first child has ended.
#[derive(Debug)]
pub struct FirstDone;

impl<T> SetPolicy<T> for WaitAll {
    fn short_circuits(_: &T) -> bool {
        false
    }
}

impl<T: Fallible> SetPolicy<T> for FirstErr {
    const AT_ONCE: bool = true;

    fn short_circuits(output: &T) -> bool {
        output.is_err()
    }
}

impl<T> SetPolicy<T> for FirstDone {
    fn short_circuits(_: &T) -> bool {
        true
    }
}

/// A `Result`. A trait instead of the type, for the sake of the error message.
#[diagnostic::on_unimplemented(
    message = "`try_join!`, `try_all!` and `try_for_each!` stop at the first error, and `{Self}` \
               is no `Result`",
    label = "a child gives `{Self}`, not a `Result`",
    note = "for children that can't fail there are `join!`, `all!` and `for_each!`"
)]
pub trait Fallible {
    #[doc(hidden)]
    type Ok;
    #[doc(hidden)]
    type Error;
    #[doc(hidden)]
    fn is_err(&self) -> bool;
    #[doc(hidden)]
    fn into_result(self) -> Result<Self::Ok, Self::Error>;
}

impl<T, E> Fallible for Result<T, E> {
    type Ok = T;
    type Error = E;

    fn is_err(&self) -> bool {
        Result::is_err(self)
    }

    fn into_result(self) -> Self {
        self
    }
}

/// The future of a set of children.
#[must_use]
pub struct Set<G: Children> {
    cells: CellSet<G>,
}

impl<G: Children> Set<G> {
    /// A set of one to eight children of different types.
    pub(super) fn tuple<P>(inputs: impl IntoChildren<P, Children = G>) -> Self {
        let cells = current::with(|run| CellSet::new(run, |pool| inputs.into_children(pool)));
        Set { cells }
    }
}

impl<K: ChildBody, P: SetPolicy<K::Output>> Set<ChildVec<K, P>>
where
    ChildVec<K, P>: Children,
{
    /// A set of children of one type, made from their inputs.
    pub(super) fn list(inputs: impl IntoIterator<Item = K::Input>) -> Self {
        let inputs = inputs.into_iter();
        current::with(|run| Set { cells: CellSet::list(run, inputs) })
    }
}

impl<G: Children> Future for Set<G> {
    type Output = G::Outputs;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<G::Outputs> {
        assert!(
            current::with(|run| self.cells.is_of(run)),
            "corio: what a `Cx` gives can only be awaited in the run that it was made in"
        );
        self.cells.poll_closed().map(G::outputs)
    }
}

impl<K: ChildBody> Children for ChildVec<K, WaitAll> {
    type Outputs = Vec<K::Output>;

    fn outputs(cells: Closed<'_, Self>) -> Vec<K::Output> {
        cells.take_all()
    }
}

impl<K: ChildBody<Output: Fallible<Ok = T, Error = E>>, T, E> Children for ChildVec<K, FirstErr> {
    type Outputs = Result<Vec<T>, E>;

    // Linear in the number of children, also when one has short-circuited the set.
    fn outputs(mut cells: Closed<'_, Self>) -> Result<Vec<T>, E> {
        if let Some(mut cell) = cells.iter().find(|cell| cell.short_circuited()) {
            let output = cell.take().expect("the child has ended");
            return output.into_result().map(|_| unreachable!("only an error short-circuits"));
        }
        // Not `collect`: into a `Result` it knows no lower bound of the length, and would allocate
        // several times.
        let mut outputs = Vec::with_capacity(cells.len());
        for mut cell in cells.iter() {
            outputs.push(cell.take().expect("every child has ended").into_result()?);
        }
        Ok(outputs)
    }
}

/// Implements what the policies make of the outputs of a tuple, for one number of children. The
/// bodies of the children are `$K`, at positions `$at`; under `FirstErr` the outputs are `Result`s
/// of `$T`.
macro_rules! outputs_of_tuple {
    ($($S:ident $K:ident $T:ident $at:tt),+) => {
        impl<$($K: ChildBody),+> Children for ChildTuple<($(ChildCell<$K, WaitAll>,)+)> {
            type Outputs = ($($K::Output,)+);

            fn outputs(cells: Closed<'_, Self>) -> Self::Outputs {
                let mut cells = cells.split();
                ($(cells.$at.take().expect("every child has ended"),)+)
            }
        }

        impl<$($T,)+ Error, $($K),+> Children for ChildTuple<($(ChildCell<$K, FirstErr>,)+)>
        where
            $($K: ChildBody<Output: Fallible<Ok = $T, Error = Error>>,)+
        {
            type Outputs = Result<($($T,)+), Error>;

            fn outputs(cells: Closed<'_, Self>) -> Result<($($T,)+), Error> {
                let mut cells = cells.split();
                $(
                    if cells.$at.short_circuited() {
                        match cells.$at.take().map(Fallible::into_result) {
                            Some(Err(error)) => return Err(error),
                            _ => unreachable!("only an error short-circuits"),
                        }
                    }
                )+
                Ok(($(cells.$at.take().expect("every child has ended").into_result()?,)+))
            }
        }

        impl<Output, $($K),+> Children for ChildTuple<($(ChildCell<$K, FirstDone>,)+)>
        where
            $($K: ChildBody<Output = Output>,)+
        {
            type Outputs = Output;

            fn outputs(cells: Closed<'_, Self>) -> Output {
                let mut cells = cells.split();
                $(
                    if cells.$at.short_circuited() {
                        return cells.$at.take().expect("the first has ended");
                    }
                )+
                unreachable!("the set is over when a child has short-circuited it")
            }
        }
    };
}

for_each_arity!(outputs_of_tuple);
