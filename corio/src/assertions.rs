//! What soundness rests on and the compiler can check: sizes, and what types are not. Each is
//! argued where it is used.

use std::future::Ready;
use std::rc::Rc;

use crate::schedule::RunAsync;
use crate::sync::{Mutex, MutexGuard, Permit, RwLockReadGuard, RwLockWriteGuard};
use crate::task::Frame;
use crate::util::{assert_has_not, assert_is_send};
use crate::{
    AnyContext, AnyTask, Batch, Boxed, CancelToken, Cx, DispatcherId, Error, Handle, RequestError,
    Schedule, Slot,
};

// A reference to any context is taken for one to this.
const _: () = assert!(size_of::<AnyContext>() == 0 && align_of::<AnyContext>() == 1);
// Frames are what the user wrote, and no more.
const _: () = assert!(size_of::<Frame<Rc<()>>>() == 0);

// A run stays on its thread, and all that can reach it.
assert_has_not!(Schedule<()>: Send, Sync);
assert_has_not!(RunAsync<'static, AnyTask<Ready<()>>>: Send, Sync);
assert_has_not!(Handle<()>: Send, Sync);
assert_has_not!(Cx<'static, ()>: Send, Sync);
assert_has_not!(Boxed<'static, (), ()>: Send, Sync);
assert_has_not!(Mutex<()>: Send, Sync);
assert_has_not!(MutexGuard<'static, ()>: Send, Sync);
assert_has_not!(RwLockReadGuard<'static, ()>: Send, Sync);
assert_has_not!(RwLockWriteGuard<'static, ()>: Send, Sync);
assert_has_not!(Permit<'static>: Send, Sync);

// What answers from elsewhere may be anywhere, with what it holds.
assert_is_send!(Batch<u64, String>, Slot<u64, String>, CancelToken, DispatcherId, Error, RequestError<u64>);
assert_has_not!(Batch<Rc<()>, ()>: Send);
assert_has_not!(Batch<(), Rc<()>>: Send);
assert_has_not!(Slot<Rc<()>, ()>: Send);
assert_has_not!(Slot<(), Rc<()>>: Send);
