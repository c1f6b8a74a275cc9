//! The macros of task bodies, for where they do not work. In a `#[corio::task]` the attribute
//! rewrites them before they are looked up; elsewhere these are found, and say what is wrong.

macro_rules! outside {
    ($($name:ident: $way_out:literal,)+) => {
        outside!(@ ($) $($name: $way_out,)+);
    };
    (@ ($dollar:tt) $($name:ident: $way_out:literal,)+) => {$(
        #[doc = concat!("`", stringify!($name), "!` works in the body of a `#[corio::task]` function: see the [crate](crate#in-a-task). Elsewhere it is this error.")]
        #[macro_export]
        macro_rules! $name {
            ($dollar($dollar tokens:tt)*) => {
                ::core::compile_error!(concat!("`", stringify!($name), "!` only works in a task: put `#[corio::task]` on the function", $way_out))
            };
        }
    )+};
}

outside! {
    io: "; outside tasks, `schedule.run(request)` asks",
    io_all: "",
    call: "; outside tasks, `schedule.run(task)` runs it",
    spawn: "",
    wait: "",
    join: "",
    try_join: "",
    all: "",
    try_all: "",
    race: "",
    timeout: "",
    context: "; outside tasks, `schedule.context()` is the context",
}

/// Gives the call of a blocking dispatcher through, if there is a thread pool.
#[cfg(feature = "blocking")]
#[doc(hidden)]
#[macro_export]
macro_rules! __needs_blocking {
    ($($call:tt)*) => { $($call)* };
}

#[cfg(not(feature = "blocking"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __needs_blocking {
    ($($call:tt)*) => {
        ::core::compile_error!(
            "a blocking dispatcher needs a thread pool: enable the feature `blocking` of corio, \
             `corio = { features = [\"blocking\"] }`"
        )
    };
}

pub use __needs_blocking as needs_blocking;
