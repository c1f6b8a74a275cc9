//! Sets of children: `all!`, `join!`, `race!` and their like, over tasks and requests alike.
//!
//! All children of a set live in one block of the pool, at addresses that do not change; the engine resumes them directly. The set itself is the owner's end of it: it
//! opens a scope, starts the children in it, waits until the scope is empty or decided, and takes the outputs out of the block. Dropping it takes the children
//! out of the tree first and then drops what is in the block.
//!
//! Children may borrow from the frame that holds the set. That is sound only because this frame is never forgotten half-way, as user code never holds it (see `traits`);
//! where user code does hold sets (`Cx`), the children are `'static`.

use std::alloc::Layout;
use std::future::Future;
use std::marker::PhantomData;
use std::mem;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use crate::executor::{BlockOf, Engine, Id, Kind, Place, Policy, Pool};
use crate::runtime::{Core, current};
use crate::util::Sweep;

/// All children, to their ends.
#[derive(Debug)]
pub struct Every;

/// Until the first error; whoever made it still ends after its children.
#[derive(Debug)]
pub struct Try;

/// Until the first end.
#[derive(Debug)]
pub struct First;

impl<T> Policy<T> for Every {
    fn decides(_: &T) -> bool {
        false
    }
}

impl<T: Fallible> Policy<T> for Try {
    const AT_ONCE: bool = true;

    fn decides(output: &T) -> bool {
        output.is_err()
    }
}

impl<T> Policy<T> for First {
    fn decides(_: &T) -> bool {
        true
    }
}

/// A `Result`, behind a trait for the sake of the message.
#[diagnostic::on_unimplemented(
    message = "`try_join!` and `try_all!` stop at the first error, and `{Self}` is no `Result`",
    label = "a child gives `{Self}`, not a `Result`",
    note = "for children that can't fail there are `join!` and `all!`"
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

/// The children of a set, in one block.
pub trait Group {
    #[doc(hidden)]
    type Outputs;

    /// # Safety
    /// Called once. `scope` is cut before `clear`.
    #[doc(hidden)]
    unsafe fn start(&mut self, engine: &Engine, scope: Id);

    /// # Safety
    /// Called once, when the scope is empty, or decided and closed.
    #[doc(hidden)]
    unsafe fn outputs(&mut self) -> Self::Outputs;

    /// # Safety
    /// Called once, last; no child is in the tree any more.
    #[doc(hidden)]
    unsafe fn clear(&mut self, pool: &Pool);
}

/// The future of a set of children.
#[must_use]
pub struct Set<G: Group> {
    // In a block of its own: each frame has room for the sets that its task may make, and the leaves
    // of a tree make none.
    state: NonNull<State<G>>,
    owns: PhantomData<State<G>>,
}

struct State<G> {
    group: G,
    /// Where the children are; `NEW` or `OVER` when there are none.
    scope: Id,
    /// The core of the run that it was made in. A frame that is dropped, or polled by hand, may be so while another run is being turned inside this one.
    core: NonNull<Core>,
}

const NEW: Id = Id::NONE;
const OVER: Id = Id::NOBODY;

impl<G: Group> Set<G> {
    const BLOCK: BlockOf = BlockOf::new(Layout::new::<State<G>>());

    fn new(core: &Core, group: G) -> Self {
        let state = core.engine.pool().take(Self::BLOCK).cast();
        // SAFETY: the block has this layout, and is the set's own until `drop` gives it back.
        unsafe { state.write(State { group, scope: NEW, core: NonNull::from(core) }) };
        Set { state, owns: PhantomData }
    }

    fn state(&mut self) -> &mut State<G> {
        // SAFETY: `new` has written it, `drop` alone gives it back, and who has the set has the only
        // way to it.
        unsafe { self.state.as_mut() }
    }
}

impl<G: Group> Unpin for Set<G> {}

impl<G: Group> Future for Set<G> {
    type Output = G::Outputs;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<G::Outputs> {
        let state = self.state();
        current::with(|core| {
            assert!(state.core == NonNull::from(core), "corio: what a `Cx` gives can only be awaited in the run that it was made in");
            let engine = &core.engine;
            assert!(state.scope != OVER, "corio: a set of children was polled after it was over");
            if state.scope == NEW {
                state.scope = engine.open_scope();
                // SAFETY: once, as the scope is not new any more; `drop` closes it before it clears.
                unsafe { state.group.start(engine, state.scope) };
            }
            if !engine.await_children(state.scope) {
                return Poll::Pending;
            }
            let scope = mem::replace(&mut state.scope, OVER);
            engine.close_scope(scope);
            // SAFETY: once, as the scope is over; it is closed.
            Poll::Ready(unsafe { state.group.outputs() })
        })
    }
}

impl<G: Group> Drop for Set<G> {
    fn drop(&mut self) {
        let block = self.state.cast();
        let State { group, scope, core } = self.state();
        // SAFETY: a set lives in the frame of a task, or is bound to one by the lifetime of a `Cx`. Frames are dropped before the run lets go of its core, or never.
        let engine = unsafe { &core.as_ref().engine };
        let mut sweep = Sweep::default();
        // No entry has the ids of those that are new or over.
        sweep.run(|| engine.close_scope(*scope));
        // SAFETY: once, as this is the destructor; the scope is closed, or was never opened.
        sweep.run(|| unsafe { group.clear(engine.pool()) });
        // SAFETY: a group that is cleared needs no drop, nobody uses the block any more, and it came
        // from this pool with this layout.
        unsafe { engine.pool().give(block, Self::BLOCK) };
        sweep.finish();
    }
}

// ── any number of children of one type ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

const TOO_MANY: &str = "corio: more than four billion children in one set";

/// Children side by side.
pub struct Row<K: Kind, P> {
    places: NonNull<Place<K, P>>,
    len: u32,
    capacity: u32,
    owns: PhantomData<Place<K, P>>,
}

impl<K: Kind, P: Policy<K::Output>> Row<K, P> {
    fn with_capacity(pool: &Pool, capacity: usize) -> Self {
        let capacity = u32::try_from(capacity).expect(TOO_MANY);
        Row { places: pool.take(Self::block(capacity)).cast(), len: 0, capacity, owns: PhantomData }
    }

    /// Adds a child. The block may move: places that are not started can.
    fn push(&mut self, pool: &Pool, seed: K::Seed) {
        if self.len == self.capacity {
            self.grow(pool);
        }
        // SAFETY: `len < capacity`, so the place lies in the block and holds nothing.
        unsafe { Place::put(self.places.as_ptr().add(self.len as usize), seed) };
        self.len += 1;
    }

    fn block(capacity: u32) -> BlockOf {
        BlockOf::new(Layout::array::<Place<K, P>>(capacity as usize).expect("a set smaller than the address space"))
    }

    fn grow(&mut self, pool: &Pool) {
        assert!(self.capacity < u32::MAX, "{TOO_MANY}");
        let capacity = self.capacity.saturating_mul(2).max(4);
        let places = pool.take(Self::block(capacity)).cast::<Place<K, P>>();
        // SAFETY: both blocks hold at least `len` places, and are not the same; seeds can be moved. The old block came from this pool with this layout.
        unsafe {
            self.places.copy_to_nonoverlapping(places, self.len as usize);
            pool.give(self.places.cast(), Self::block(self.capacity));
        }
        (self.places, self.capacity) = (places, capacity);
    }

    fn places(&self) -> impl ExactSizeIterator<Item = *mut Place<K, P>> + use<K, P> {
        let places = self.places;
        // SAFETY: every index is below `len`, and so lies in the block.
        (0..self.len as usize).map(move |index| unsafe { places.as_ptr().add(index) })
    }

    unsafe fn start_all(&self, engine: &Engine, scope: Id) {
        for place in self.places() {
            // SAFETY: by the caller each place holds its seed, and is cleared after the scope is cut.
            unsafe { Place::start(place, engine, scope) };
        }
    }

    unsafe fn take_all(&self) -> impl ExactSizeIterator<Item = K::Output> + use<K, P> {
        // SAFETY: by the caller the places were made, and nobody else uses them.
        self.places().map(|place| unsafe { Place::take(place) }.expect("every child has ended"))
    }

    unsafe fn decided(&self) -> Option<K::Output> {
        // SAFETY: by the caller the places were made, and nobody else uses them.
        self.places().find(|place| unsafe { Place::decided(*place) }).and_then(|place| unsafe { Place::take(place) })
    }

    unsafe fn clear_all(&self, pool: &Pool) {
        let mut sweep = Sweep::default();
        for place in self.places() {
            // SAFETY: by the caller no child is in the tree; each place was made, and nobody else uses it.
            sweep.run(|| unsafe { Place::clear(place) });
        }
        // SAFETY: every place is empty, and the block came from this pool with this layout.
        unsafe { pool.give(self.places.cast(), Self::block(self.capacity)) };
        sweep.finish();
    }
}

impl<K: Kind> Group for Row<K, Every> {
    type Outputs = Vec<K::Output>;

    unsafe fn start(&mut self, engine: &Engine, scope: Id) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.start_all(engine, scope) }
    }

    unsafe fn outputs(&mut self) -> Vec<K::Output> {
        // SAFETY: by the caller every child has ended.
        let outputs = unsafe { self.take_all() }.collect();
        // Nothing is left to clear.
        self.len = 0;
        outputs
    }

    unsafe fn clear(&mut self, pool: &Pool) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.clear_all(pool) }
    }
}

impl<K: Kind<Output: Fallible<Ok = T, Error = E>>, T, E> Group for Row<K, Try> {
    type Outputs = Result<Vec<T>, E>;

    unsafe fn start(&mut self, engine: &Engine, scope: Id) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.start_all(engine, scope) }
    }

    unsafe fn outputs(&mut self) -> Result<Vec<T>, E> {
        // SAFETY: by the caller one has decided, or every child has ended.
        match unsafe { self.decided() } {
            Some(decided) => decided.into_result().map(|_| unreachable!("only an error decides")),
            None => {
                // `collect` does not know how many there will be, and would allocate again and again.
                let mut outputs = Vec::with_capacity(self.len as usize);
                // SAFETY: as above.
                for output in unsafe { self.take_all() } {
                    outputs.push(output.into_result()?);
                }
                Ok(outputs)
            }
        }
    }

    unsafe fn clear(&mut self, pool: &Pool) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.clear_all(pool) }
    }
}

impl<K: Kind, P: Policy<K::Output>> Set<Row<K, P>>
where
    Row<K, P>: Group,
{
    /// Children of one kind, made from an iterator of their seeds.
    pub(super) fn row(seeds: impl IntoIterator<Item = K::Seed>) -> Self {
        let seeds = seeds.into_iter();
        current::with(|core| {
            let pool = core.engine.pool();
            // A set from the start: the iterator is user code, and if it panics, what it gave before is dropped with the set.
            let mut set = Set::new(core, Row::with_capacity(pool, seeds.size_hint().0));
            for seed in seeds {
                set.state().group.push(pool, seed);
            }
            set
        })
    }
}

// ── up to eight children of different types ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

/// Children of different kinds: `C` is a tuple of their places.
pub struct Mixed<C> {
    places: NonNull<C>,
    owns: PhantomData<C>,
}

impl<C> Mixed<C> {
    fn take_block(pool: &Pool) -> Self {
        Mixed { places: pool.take(const { BlockOf::new(Layout::new::<C>()) }).cast(), owns: PhantomData }
    }
}

/// Something that becomes a child: see `Child` and `Asking`.
pub trait Seed {
    #[doc(hidden)]
    type Kind: Kind<Seed = Self::Of>;
    #[doc(hidden)]
    type Of;
    #[doc(hidden)]
    fn into_seed(self) -> Self::Of;
}

/// A tuple of one to eight children.
#[diagnostic::on_unimplemented(
    message = "these children can't go together",
    label = "not one to eight children",
    note = "`try_join!` takes children that give a `Result` with one type of error; `race!` takes children that give the same type"
)]
pub trait Seeds<P> {
    #[doc(hidden)]
    type Group: Group;
    #[doc(hidden)]
    fn into_group(self, pool: &Pool) -> Self::Group;
}

impl<G: Group> Set<G> {
    /// Children of different kinds.
    pub(super) fn mixed<P>(seeds: impl Seeds<P, Group = G>) -> Self {
        current::with(|core| Set::new(core, seeds.into_group(core.engine.pool())))
    }
}

/// The part that is the same for every policy: places of a tuple are started, and cleared, one by one.
macro_rules! mixed_basics {
    ($policy:ident, [$($T:ident $at:tt),+]) => {
        unsafe fn start(&mut self, engine: &Engine, scope: Id) {
            // SAFETY: each place holds its seed, and is cleared after the scope is cut.
            unsafe { $(Place::start(&raw mut (*self.places.as_ptr()).$at, engine, scope);)+ }
        }

        unsafe fn clear(&mut self, pool: &Pool) {
            let mut sweep = Sweep::default();
            // SAFETY: by the caller no child is in the tree; each place was made, and nobody else uses it.
            $(sweep.run(|| unsafe { Place::clear(&raw mut (*self.places.as_ptr()).$at) });)+
            // SAFETY: every place is empty, and the block came from this pool with this layout.
            unsafe { pool.give(self.places.cast(), const { BlockOf::new(Layout::new::<($(Place<$T, $policy>,)+)>()) }) };
            sweep.finish();
        }
    };
}

macro_rules! mixed {
    ($($S:ident $K:ident $T:ident $at:tt),+) => {
        impl<$($K: Kind),+> Group for Mixed<($(Place<$K, Every>,)+)> {
            type Outputs = ($($K::Output,)+);

            unsafe fn outputs(&mut self) -> Self::Outputs {
                // SAFETY: by the caller every child has ended.
                unsafe { ($(Place::take(&raw mut (*self.places.as_ptr()).$at).expect("every child has ended"),)+) }
            }

            mixed_basics!(Every, [$($K $at),+]);
        }

        impl<$($T,)+ Error, $($K: Kind<Output: Fallible<Ok = $T, Error = Error>>),+> Group for Mixed<($(Place<$K, Try>,)+)> {
            type Outputs = Result<($($T,)+), Error>;

            unsafe fn outputs(&mut self) -> Self::Outputs {
                // SAFETY: by the caller one has decided, or every child has ended.
                unsafe {
                    $(
                        let place = &raw mut (*self.places.as_ptr()).$at;
                        if Place::decided(place) {
                            match Place::take(place).map(Fallible::into_result) {
                                Some(Err(error)) => return Err(error),
                                _ => unreachable!("only an error decides"),
                            }
                        }
                    )+
                    Ok(($(Place::take(&raw mut (*self.places.as_ptr()).$at).expect("every child has ended").into_result()?,)+))
                }
            }

            mixed_basics!(Try, [$($K $at),+]);
        }

        impl<Output, $($K: Kind<Output = Output>),+> Group for Mixed<($(Place<$K, First>,)+)> {
            type Outputs = Output;

            unsafe fn outputs(&mut self) -> Output {
                // SAFETY: by the caller one has decided.
                unsafe {
                    $(
                        let place = &raw mut (*self.places.as_ptr()).$at;
                        if Place::decided(place) {
                            return Place::take(place).expect("the first has ended");
                        }
                    )+
                }
                unreachable!("the set is over when one has decided")
            }

            mixed_basics!(First, [$($K $at),+]);
        }

        impl<Policed, $($S: Seed),+> Seeds<Policed> for ($($S,)+)
        where
            Mixed<($(Place<$S::Kind, Policed>,)+)>: Group,
            $(Policed: Policy<<$S::Kind as Kind>::Output>,)+
        {
            type Group = Mixed<($(Place<$S::Kind, Policed>,)+)>;

            fn into_group(self, pool: &Pool) -> Self::Group {
                let group = Mixed::<($(Place<$S::Kind, Policed>,)+)>::take_block(pool);
                // SAFETY: the block has room for the tuple, and holds nothing yet.
                unsafe { $(Place::put(&raw mut (*group.places.as_ptr()).$at, self.$at.into_seed());)+ }
                group
            }
        }
    };
}

mixed!(A KA TA 0);
mixed!(A KA TA 0, B KB TB 1);
mixed!(A KA TA 0, B KB TB 1, C KC TC 2);
mixed!(A KA TA 0, B KB TB 1, C KC TC 2, D KD TD 3);
mixed!(A KA TA 0, B KB TB 1, C KC TC 2, D KD TD 3, E KE TE 4);
mixed!(A KA TA 0, B KB TB 1, C KC TC 2, D KD TD 3, E KE TE 4, F KF TF 5);
mixed!(A KA TA 0, B KB TB 1, C KC TC 2, D KD TD 3, E KE TE 4, F KF TF 5, G KG TG 6);
mixed!(A KA TA 0, B KB TB 1, C KC TC 2, D KD TD 3, E KE TE 4, F KF TF 5, G KG TG 6, H KH TH 7);
