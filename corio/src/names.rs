//! Names of tasks, from the type names of their futures: `app::library::card::{{closure}}` is the task `card`. They cost nothing until somebody asks.

/// The readable end of a future's type name. Blocks written in place (`task!{}`, `task_fn`) are told by a trailing `{task}`.
pub(crate) fn short(full: &'static str) -> &'static str {
    // Generic arguments hold paths of their own; what is before them names the task.
    let path = full.find('<').filter(|at| *at > 0).map_or(full, |at| &full[..at]);
    let path = path.trim_end_matches("::{{closure}}");
    let start = path.rfind("::").map_or(0, |at| at + 2);
    &path[start..]
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
    }
}
