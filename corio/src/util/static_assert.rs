//! Assertions about types that are checked when the crate is compiled.

/// Asserts that a type implements none of the given traits.
///
/// If the type implemented one of the traits, two impls of `Ambiguous` would apply, and `_` could
/// not be inferred.
macro_rules! assert_has_not {
    ($type:ty: $($trait:path),+) => {
        const _: () = {
            $({
                struct Has;
                trait Ambiguous<A> {
                    const FINE: () = ();
                }
                impl<T: ?Sized> Ambiguous<()> for T {}
                impl<T: ?Sized + $trait> Ambiguous<Has> for T {}
                <$type as Ambiguous<_>>::FINE
            })+
        };
    };
}

/// Asserts that each of the given types is `Send`.
macro_rules! assert_is_send {
    ($($type:ty),+ $(,)?) => {
        const _: () = {
            const fn is_send<T: Send>() {}
            $(is_send::<$type>();)+
        };
    };
}

pub(crate) use {assert_has_not, assert_is_send};
