//! What a blocking dispatcher expands to, with the thread pool of corio and without.

/// Expands to its arguments, the call of a blocking dispatcher, if corio has its thread pool.
#[cfg(feature = "blocking")]
#[doc(hidden)]
#[macro_export]
macro_rules! __needs_blocking {
    ($($call:tt)*) => { $($call)* };
}

/// Reports that a blocking dispatcher needs the feature `blocking`.
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
