//! Up to eight children of different types: the cells of a set as a tuple, under the contracts of
//! [`cells`](super::cells).

use std::alloc::Layout;
use std::marker::PhantomData;
use std::ptr::NonNull;

use super::cells::{Cells, Children, Closed, ClosedCell};
use crate::executor::{BlockOf, ChildBody, ChildCell, Executor, Id, Pool, SetPolicy};
use crate::util::{OfRun, PanicCollector};

/// Children of different types: `C` is a tuple of their cells.
pub struct ChildTuple<C> {
    cells: OfRun<NonNull<C>>,
    owns: PhantomData<C>,
}

/// Something that becomes a child of a set, as `Child` and `RequestInput` do.
pub trait IntoChild {
    /// How the child runs in its cell.
    #[doc(hidden)]
    type ChildBody: ChildBody<Input = Self::Input>;
    /// What the child is made from.
    #[doc(hidden)]
    type Input;
    /// Converts into the input of the child.
    #[doc(hidden)]
    fn into_input(self) -> Self::Input;
}

/// A tuple of one to eight children, under the policy `P`.
#[diagnostic::on_unimplemented(
    message = "these children can't go together",
    label = "not one to eight children",
    note = "`try_join!` takes children that give a `Result` with one type of error; `race!` takes \
            children that give the same type"
)]
pub trait IntoChildren<P> {
    /// The cells of the children.
    #[doc(hidden)]
    type Children: Children;
    /// Puts the inputs of the children into cells in one block of the pool.
    #[doc(hidden)]
    fn into_children(self, pool: &Pool) -> Self::Children;
}

/// Calls a macro for each number of children in a tuple. `$S` are converted into children with
/// bodies `$K` at positions `$at`; where the outputs are `Result`s, they are results of `$T`.
macro_rules! for_each_arity {
    ($call:ident) => {
        $call!(A KA TA 0);
        $call!(A KA TA 0, B KB TB 1);
        $call!(A KA TA 0, B KB TB 1, C KC TC 2);
        $call!(A KA TA 0, B KB TB 1, C KC TC 2, D KD TD 3);
        $call!(A KA TA 0, B KB TB 1, C KC TC 2, D KD TD 3, E KE TE 4);
        $call!(A KA TA 0, B KB TB 1, C KC TC 2, D KD TD 3, E KE TE 4, F KF TF 5);
        $call!(A KA TA 0, B KB TB 1, C KC TC 2, D KD TD 3, E KE TE 4, F KF TF 5, G KG TG 6);
        $call!(
            A KA TA 0, B KB TB 1, C KC TC 2, D KD TD 3, E KE TE 4, F KF TF 5, G KG TG 6, H KH TH 7
        );
    };
}
pub(super) use for_each_arity;

/// Implements the cells of one number of children, under any policy.
macro_rules! tuple {
    ($($S:ident $K:ident $T:ident $at:tt),+) => {
        impl<P, $($K: ChildBody),+> Cells for ChildTuple<($(ChildCell<$K, P>,)+)>
        where
            $(P: SetPolicy<$K::Output>,)+
        {
            unsafe fn start(&mut self, executor: &Executor, scope: Id) {
                // SAFETY: `into_children` has put the inputs into the cells, and the caller calls
                // this once. The caller guarantees that the children of `scope` are removed before
                // the cells are cleared, and nothing else moves or frees them.
                unsafe {
                    $(ChildCell::start(&raw mut (*self.cells.as_ptr()).$at, executor, scope);)+
                }
            }

            unsafe fn clear(&mut self, pool: &Pool) {
                let mut panics = PanicCollector::default();
                // SAFETY: `into_children` has made the cells, and the caller guarantees that no
                // child is in the tree, so the cells are not in use.
                $(panics.run(|| unsafe { ChildCell::clear(&raw mut (*self.cells.as_ptr()).$at) });)+
                let block = const { BlockOf::new(Layout::new::<($(ChildCell<$K, P>,)+)>()) };
                // SAFETY: every cell is empty, this is the last use of the block, and the caller
                // guarantees that it came from this pool; its layout is that of the tuple.
                unsafe { pool.give(self.cells.cast(), block) };
                panics.finish();
            }
        }

        impl<'c, P, $($K: ChildBody),+> Closed<'c, ChildTuple<($(ChildCell<$K, P>,)+)>> {
            /// The cells one by one.
            pub(super) fn split(self) -> ($(ClosedCell<'c, $K, P>,)+) {
                let cells = self.into_cells().cells.as_ptr();
                // SAFETY: the block of the tuple is given back by `clear` only, so the fields lie
                // in it. Each is used by one `ClosedCell`, which borrows what closed cells are.
                unsafe { ($(ClosedCell::new(&raw mut (*cells).$at),)+) }
            }
        }

        impl<P, $($S: IntoChild),+> IntoChildren<P> for ($($S,)+)
        where
            ChildTuple<($(ChildCell<$S::ChildBody, P>,)+)>: Children,
            $(P: SetPolicy<<$S::ChildBody as ChildBody>::Output>,)+
        {
            type Children = ChildTuple<($(ChildCell<$S::ChildBody, P>,)+)>;

            fn into_children(self, pool: &Pool) -> Self::Children {
                let block =
                    const { BlockOf::new(Layout::new::<($(ChildCell<$S::ChildBody, P>,)+)>()) };
                let cells = pool.take(block).cast::<($(ChildCell<$S::ChildBody, P>,)+)>();
                // SAFETY: the block has the layout of the tuple, and nothing was written to the
                // cells yet. It is a block of the run of the set; what is in it stands in `owns`.
                unsafe {
                    $(
                        let cell = &raw mut (*cells.as_ptr()).$at;
                        ChildCell::put(cell, self.$at.into_input());
                    )+
                    ChildTuple { cells: OfRun::new(cells), owns: PhantomData }
                }
            }
        }
    };
}

for_each_arity!(tuple);
