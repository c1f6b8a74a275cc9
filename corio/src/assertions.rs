//! Static assertions on which soundness rests: sizes of types, and traits that types do not
//! implement. The SAFETY arguments are where the types are used.

use std::future::Ready;
use std::rc::Rc;

use crate::schedule::RunAsync;
use crate::sync::{Mutex, MutexGuard, Permit, RwLockReadGuard, RwLockWriteGuard};
use crate::task::Frame;
use crate::util::{assert_has_not, assert_is_send};
use crate::{
    AnyContext, AnyTask, Batch, Boxed, CancellationToken, Cx, DispatcherId, Error, JoinHandle,
    RequestError, Schedule, Slot,
};

// A reference to any context is cast to a reference to `AnyContext`.
const _: () = assert!(size_of::<AnyContext>() == 0 && align_of::<AnyContext>() == 1);
// A frame is a token: it adds nothing to the body of a task.
const _: () = assert!(size_of::<Frame<Rc<()>>>() == 0);

// A run stays on its thread, and so does everything that can reach the run.
assert_has_not!(Schedule<()>: Send, Sync);
assert_has_not!(RunAsync<'static, AnyTask<Ready<()>>>: Send, Sync);
assert_has_not!(JoinHandle<()>: Send, Sync);
assert_has_not!(Cx<'static, ()>: Send, Sync);
assert_has_not!(Boxed<'static, (), ()>: Send, Sync);
assert_has_not!(Mutex<()>: Send, Sync);
assert_has_not!(MutexGuard<'static, ()>: Send, Sync);
assert_has_not!(RwLockReadGuard<'static, ()>: Send, Sync);
assert_has_not!(RwLockWriteGuard<'static, ()>: Send, Sync);
assert_has_not!(Permit<'static>: Send, Sync);

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
