//! Whether a type is `Send`, as a value, so that a table can say so of many.

use std::marker::PhantomData;

/// Asks whether a type is `Send`: by [`Yes`] or, one reference further, by [`No`].
pub(crate) struct Asked<T>(PhantomData<T>);

pub(crate) fn of<T>(_: &T) -> Asked<T> {
    Asked(PhantomData)
}

pub(crate) trait Yes {
    fn is_send(&self) -> bool {
        true
    }
}

impl<T: Send> Yes for Asked<T> {}

pub(crate) trait No {
    fn is_send(&self) -> bool {
        false
    }
}

impl<T> No for &Asked<T> {}

/// Whether the type of a value is `Send`. The type is a concrete one.
macro_rules! is_send {
    ($value:expr) => {{
        #[allow(unused_imports)]
        use crate::is_send::{No as _, Yes as _, of};
        (&of(&$value)).is_send()
    }};
}
pub(crate) use is_send;

async fn holds<T: Default>() {
    let held = T::default();
    std::future::ready(()).await;
    drop(held);
}

// What an `async` block holds is not known in the function that it is written in.
#[test]
fn it_is_known_of_what_another_function_returns() {
    assert!(is_send!(1_u64));
    assert!(is_send!(holds::<u64>()));
    assert!(!is_send!(std::rc::Rc::new(1)));
    assert!(!is_send!(holds::<std::rc::Rc<u64>>()));
}
