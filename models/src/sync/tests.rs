//! One thread at a time is in a cell, and sees what the one before it did.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use super::state_cell::StateCell;

#[test]
fn one_thread_at_a_time_is_in_a_cell() {
    loom::model(|| {
        // Loom finds accesses of its own cell that nothing orders.
        let cell = Arc::new(StateCell::new(UnsafeCell::new(0)));
        let adds = |cell: &StateCell<UnsafeCell<u32>>| {
            let state = cell.borrow();
            // SAFETY: the state is borrowed, by this thread alone.
            state.with_mut(|number| unsafe { *number += 1 });
        };
        let other = cell.clone();
        let thread = thread::spawn(move || adds(&other));
        adds(&cell);
        thread.join().unwrap();
        // SAFETY: the state is borrowed, by this thread alone.
        assert_eq!(cell.borrow().with(|number| unsafe { *number }), 2);
    });
}
