//! The places in a body where an invocation can stand, and why most of them are refused.

use super::names::Construct;

/// What a part of the body belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The task itself, which can be suspended here.
    Task,
    Closure,
    AsyncBlock,
    NestedFunction,
    Constant,
}

impl Place {
    /// The place of code within an `inner` that stands in this place. Code of a nested function or
    /// a constant is never part of the task again, whatever it stands in.
    pub(super) fn enter(self, inner: Place) -> Place {
        match self {
            Place::NestedFunction | Place::Constant if inner != Place::NestedFunction => self,
            _ => inner,
        }
    }

    /// Why `construct` can't stand here, and what to write instead; `None` where it can.
    pub(super) fn refusal(self, construct: Construct) -> Option<String> {
        let name = construct.name();
        match (self, construct) {
            (Place::Task, _) | (Place::Closure | Place::AsyncBlock, Construct::Task) => None,
            (Place::Closure, Construct::Context) => Some(format!(
                "`{name}!` can't stand in a closure: take it before, `let context = context!();`, \
                 and use `context` in the closure"
            )),
            (Place::Closure, _) => Some(format!(
                "`{name}!` can't stand in a closure: a closure can't be suspended. Use a `for` \
                 loop, `io_all!(iter.map(|x| request(x)))` for requests, or `all!(iter.map(|x| \
                 task!(move {{ … }})))`"
            )),
            (Place::AsyncBlock, _) => Some(format!(
                "`{name}!` can't stand in an async block, which is no part of the task. Use \
                 `task! {{ … }}` in its place, and run that with `call!` or `spawn!`"
            )),
            (Place::NestedFunction, _) => Some(format!(
                "`{name}!` belongs to the nested function, which is no task: mark it \
                 `#[corio::task]`"
            )),
            (Place::Constant, _) => Some(format!(
                "`{name}!` can't stand in a constant, which is computed when compiled: use a \
                 `let` in the task"
            )),
        }
    }
}
