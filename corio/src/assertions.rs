//! Static assertions on which soundness rests: sizes of types, and traits that types do not
//! implement. The SAFETY arguments are where the types are used.

use std::cell::Cell;
use std::future::{Future, Ready};
use std::rc::Rc;

use crate::schedule::RunAsync;
use crate::sync::{Mutex, MutexGuard, Permit, RunCell, RwLock, RwLockReadGuard, RwLockWriteGuard};
use crate::task::Frame;
use crate::util::{assert_has_not, assert_is_send};
use crate::{
    AnyContext, AnyTask, Batch, Boxed, CancellationToken, Cx, DispatcherId, Error, JoinHandle,
    LocalCx, RequestError, Schedule, Slot,
};

// A reference to any context is cast to a reference to `AnyContext`.
const _: () = assert!(size_of::<AnyContext>() == 0 && align_of::<AnyContext>() == 1);
// A frame is a token: it adds nothing to the body of a task.
const _: () = assert!(size_of::<Frame<Rc<()>>>() == 0);

// A run goes from thread to thread if all goes that it holds.
assert_is_send!(
    Schedule<()>,
    RunAsync<'static, AnyTask<Ready<()>>, ()>,
    JoinHandle<()>,
    Cx<'static, ()>,
    Boxed<(), Ready<()>>,
    Boxed<(), dyn Future<Output = ()> + Send>,
);
assert_has_not!(Schedule<Rc<()>>: Send);
assert_has_not!(RunAsync<'static, AnyTask<Ready<Rc<()>>>, ()>: Send);
assert_has_not!(RunAsync<'static, AnyTask<Ready<()>>, Cell<()>>: Send);
assert_has_not!(JoinHandle<Rc<()>>: Send);
assert_has_not!(Cx<'static, Cell<()>>: Send);
assert_has_not!(LocalCx<'static, ()>: Send);
assert_has_not!(Boxed<(), Ready<Rc<()>>>: Send);
assert_has_not!(Boxed<(), dyn Future<Output = ()>>: Send);

// Primitives are as `Send` and `Sync` as their values, and so are guards.
assert_is_send!(Mutex<()>, &'static Mutex<Cell<()>>, RwLock<Cell<()>>, &'static RwLock<()>);
assert_is_send!(&'static RunCell<Cell<()>>, MutexGuard<'static, Cell<()>>, Permit<'static>);
assert_has_not!(&'static Mutex<Rc<()>>: Send);
assert_has_not!(&'static RwLock<Cell<()>>: Send);
assert_has_not!(&'static RunCell<Rc<()>>: Send);
assert_has_not!(MutexGuard<'static, Rc<()>>: Send);
assert_has_not!(MutexGuard<'static, Cell<()>>: Sync);
assert_has_not!(RwLockReadGuard<'static, Cell<()>>: Send);
assert_has_not!(RwLockWriteGuard<'static, Cell<()>>: Sync);

// Batches may be answered on other threads, and runs cancelled from there. Keys and answers move
// along, so a batch is `Send` only if both are.
assert_is_send!(
    Batch<u64, String>,
    Slot<u64, String>,
    CancellationToken,
    DispatcherId,
    Error,
    RequestError<u64>,
);
assert_has_not!(Batch<Rc<()>, ()>: Send);
assert_has_not!(Batch<(), Rc<()>>: Send);
assert_has_not!(Slot<Rc<()>, ()>: Send);
assert_has_not!(Slot<(), Rc<()>>: Send);
