//! Names of tasks, from the type names of their futures: `app::library::card::{{closure}}` is the task `card`. They cost nothing until somebody asks.

/// Futures of ours around something of the user's, which is their last generic argument.
const WRAPPERS: [&str; 2] = ["corio::task::task_fn::task_fn<", "corio::task::answer::Requesting<"];

/// The readable end of a future's type name: the function that it is the body of, or is written in.
pub(crate) fn short(full: &'static str) -> &'static str {
    for wrapper in WRAPPERS {
        if let Some(inside) = full.strip_prefix(wrapper) {
            let end = inside.rfind('>').unwrap_or(inside.len());
            return short(last_argument(&inside[..end]));
        }
    }
    // Generic arguments hold paths of their own; what is before them names the task. A path may begin with `<Shop as Priced>`.
    let path = match full.strip_prefix('<').and_then(|rest| rest.find(">::")) {
        Some(end) => &full[end + 1..],
        None => full,
    };
    let path = path.trim_start_matches(">::");
    let path = path.find('<').map_or(path, |at| &path[..at]).trim_end_matches("::{{closure}}").trim_end_matches("::");
    let start = path.rfind("::").map_or(0, |at| at + 2);
    &path[start..]
}

fn last_argument(arguments: &'static str) -> &'static str {
    let mut depth = 0;
    for (at, character) in arguments.char_indices().rev() {
        match character {
            '>' | ')' | ']' => depth += 1,
            '<' | '(' | '[' => depth -= 1,
            ',' if depth == 0 => return arguments[at + 1..].trim_start(),
            _ => {}
        }
    }
    arguments
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
        assert_eq!(short("corio::task::task_fn::task_fn<(), (u8, u8), app::named<A, B>::{{closure}}>::{{closure}}"), "named");
    }

    #[test]
    fn a_request_as_a_task_is_named_after_its_dispatcher() {
        assert_eq!(short("corio::task::answer::Requesting<app::fetch_user>"), "fetch_user");
    }
}
