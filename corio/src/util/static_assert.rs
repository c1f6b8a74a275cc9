//! TODO

/// The type has none of these traits: with one of them, `_` would be ambiguous.
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

macro_rules! assert_is_send {
    ($($type:ty),+ $(,)?) => {
        const _: () = {
            const fn is_send<T: Send>() {}
            $(is_send::<$type>();)+
        };
    };
}

pub(crate) use {assert_has_not, assert_is_send};
