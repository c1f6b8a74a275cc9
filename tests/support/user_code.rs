//! Code of the user's, wherever corio calls it: a test says what that does.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

thread_local! {
    static CALLED: RefCell<Option<Rc<dyn Fn()>>> = const { RefCell::new(None) };
}

/// What code of the user's does on this thread from now on, at every call.
pub fn set(called: impl Fn() + 'static) {
    CALLED.set(Some(Rc::new(called)));
}

/// It does nothing again.
pub fn clear() {
    drop(CALLED.take());
}

/// Stands wherever code of the user's is called.
pub fn call() {
    if let Some(called) = CALLED.with_borrow(Clone::clone) {
        called();
    }
}

/// A key, which corio clones, compares, hashes and drops.
#[derive(Debug)]
pub struct Key(pub u64);

impl Clone for Key {
    fn clone(&self) -> Self {
        call();
        Key(self.0)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        call();
        self.0 == other.0
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        call();
        self.0.hash(hasher);
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        call();
    }
}

/// What a task or a future holds, and drops.
pub struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        call();
    }
}
