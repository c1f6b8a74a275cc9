//! Readable names of tasks, derived from the type names of their futures.
//!
//! `app::library::card::{{closure}}` is the future of the task `card`. A name costs nothing until a
//! message or an observer asks for the name.
//!
//! The constants below spell module paths of this crate: moving or renaming one of these items
//! changes names in messages, which the tests below do not notice.

/// Wrappers of corio around a type of the user's, which is the last generic argument: the closure
/// in `task_fn<S, T, C>`, the task in `ErrGroup<E>::run<S, T>`, the future in `TaskOver<S, F>`.
const AROUND_LAST: [&str; 7] = [
    "corio::task::task_fn::task_fn<",
    "corio::task::traits::AnyTask<",
    "corio::task::traits::TaskOver<",
    "corio::task::boxed::BoxFuture<",
    "corio::sync::err_group::ErrGroup<",
    "corio::sync::once_cell::OnceCell<",
    "corio::sync::single_flight::SingleFlight<",
];
/// The future of a request that is used as a task; the request is the first generic argument.
const REQUEST: &str = "corio::task::answer::Requesting<";
/// The future of a `call!`; the called task is the only generic argument.
const CALL: &str = "corio::task::call::Call<";

/// Returns the readable part of the type name of a future: the name of the function whose body the
/// future is, or in which the future is written.
pub(crate) fn short(full: &'static str) -> &'static str {
    if let Some(inside) = AROUND_LAST.iter().find_map(|around| full.strip_prefix(around)) {
        let end = inside.rfind('>').unwrap_or(inside.len());
        return short(arguments(&inside[..end]).1);
    }
    if let Some(inside) = full.strip_prefix(REQUEST) {
        let end = inside.rfind('>').unwrap_or(inside.len());
        return short(arguments(&inside[..end]).0);
    }
    if let Some(inside) = full.strip_prefix(CALL) {
        return short(inside.strip_suffix('>').unwrap_or(inside));
    }
    // Generic arguments contain further paths; the task is named before them. The path may begin
    // with `<Shop as Priced>`.
    let path = match full.strip_prefix('<').and_then(|rest| rest.find(">::")) {
        Some(end) => &full[end + 1..],
        None => full,
    };
    let path = path.trim_start_matches(">::");
    let path = path
        .find('<')
        .map_or(path, |at| &path[..at])
        .trim_end_matches("::{{closure}}")
        .trim_end_matches("::");
    let start = path.rfind("::").map_or(0, |at| at + 2);
    &path[start..]
}

/// Returns the name of the task that is called at an await point, or `None` if the awaited future
/// is no call of a task; `awaited` is the type name of that future.
pub(crate) fn called(awaited: &'static str) -> Option<&'static str> {
    awaited.starts_with(CALL).then(|| short(awaited))
}

/// Returns the first and the last of a list of generic arguments.
fn arguments(list: &'static str) -> (&'static str, &'static str) {
    let mut depth = 0;
    let (mut first, mut last) = (list.len(), 0);
    for (at, character) in list.char_indices() {
        match character {
            '<' | '(' | '[' => depth += 1,
            '>' | ')' | ']' => depth -= 1,
            ',' if depth == 0 => (first, last) = (first.min(at), at + 1),
            _ => {}
        }
    }
    (&list[..first], list[last..].trim_start())
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn a_task_is_named_after_its_function() {
        assert_eq!(short("app::library::card::{{closure}}"), "card");
        assert_eq!(short("app::tree<app::Leaf>::{{closure}}"), "tree");
        assert_eq!(short("app::program::{{closure}}::{{closure}}"), "program");
        assert_eq!(short("<app::Shop as app::Priced>::price::{{closure}}"), "price");
        assert_eq!(short("<app::Shop<u8> as app::Priced>::price<u16>::{{closure}}"), "price");
    }

    #[test]
    fn a_task_by_hand_is_named_after_the_function_it_is_written_in() {
        assert_eq!(
            short(
                "corio::task::task_fn::task_fn<(), (u8, u8), app::named<A, \
                 B>::{{closure}}>::{{closure}}"
            ),
            "named"
        );
    }

    #[test]
    fn a_task_around_another_is_named_after_that() {
        let card = "corio::task::traits::TaskOver<app::Library, app::library::card::{{closure}}>";
        let run =
            |around: &str| -> &'static str { format!("{around}{card}>::{{{{closure}}}}").leak() };
        assert_eq!(
            short(run("corio::sync::err_group::ErrGroup<alloc::boxed::Box<dyn \
                       core::error::Error>>::run<app::Library, ")),
            "card"
        );
        assert_eq!(
            short(run("corio::sync::single_flight::SingleFlight<(u8, u8), \
                       core::result::Result<u8, u8>>::run<app::Library, ")),
            "card"
        );
        assert_eq!(
            short(run(
                "corio::sync::once_cell::OnceCell<u8>::get_or_try_init<app::Library, app::Error, "
            )),
            "card"
        );
        assert_eq!(
            short("corio::sync::err_group::ErrGroup<()>::run<(), app::fetch>::{{closure}}"),
            "fetch"
        );
    }

    #[test]
    fn a_call_is_named_after_its_task() {
        assert_eq!(short("corio::task::call::Call<app::library::card::{{closure}}>"), "card");
    }

    #[test]
    fn a_request_as_a_task_is_named_after_its_dispatcher() {
        assert_eq!(
            short("corio::task::answer::Requesting<app::fetch<app::User>, (u8, u8)>"),
            "fetch"
        );
    }
}
