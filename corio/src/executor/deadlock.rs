//! What is stuck, when nothing can run any more: which tasks, on what, and the circles among them.

use std::collections::HashMap;

use super::deadlock_report::{Awaited, CallFrame, Deadlock, StuckTask};
use super::id::Id;
use super::state::Executor;
use super::tree::flag;
use super::wait_reason::{AwaitPoint, Relation, ResumeReason, WaitReason, WaitTrace};
use crate::util::type_names;

/// So many of the tasks that one waits for are told, and so many circles.
const MOST_TOLD: usize = 8;
const MOST_CYCLES: usize = 16;

/// A task and the tasks that it waits for, by their places among all.
struct Node {
    id: Id,
    /// What it said; nothing yet of those that only wait for their children.
    wait_trace: Option<WaitTrace>,
    on: Vec<usize>,
}

impl Executor {
    /// What waits for what; or nothing, if a task has gone on when it was asked.
    pub(crate) fn deadlock(&self) -> Option<Deadlock> {
        self.trace_went_on.set(false);
        let mut nodes = self.nodes();
        let cycles = cycles(&nodes);
        // Those of cycles first, each once; then the others that wait for more than their children.
        let mut order: Vec<usize> = Vec::new();
        let mut place: HashMap<usize, usize> = HashMap::new();
        let others = (0..nodes.len()).filter(|node| nodes[*node].wait_trace.is_some());
        for node in cycles.iter().flatten().copied().chain(others) {
            place.entry(node).or_insert_with(|| {
                order.push(node);
                order.len() - 1
            });
        }
        let in_cycles = cycles.iter().flatten().map(|node| place[node] + 1).max().unwrap_or(0);
        let by_id: HashMap<Id, usize> = order
            .iter()
            .take(in_cycles)
            .enumerate()
            .map(|(place, node)| (nodes[*node].id, place))
            .collect();
        let mut ways = HashMap::new();
        let tasks = order
            .iter()
            .map(|node| self.stuck_task(&mut nodes[*node], &by_id, &mut ways))
            .collect();
        let cycles = cycles
            .into_iter()
            .map(|cycle| cycle.into_iter().map(|node| place[&node]).collect())
            .collect();
        let nothing_moves = !self.trace_went_on.get() && !self.has_ready();
        nothing_moves.then_some(Deadlock { tasks, cycles })
    }

    fn nodes(&self) -> Vec<Node> {
        let tasks: Vec<(Id, Option<Vec<Id>>)> = {
            let tree = self.tree.borrow();
            tree.tasks()
                .map(|index| {
                    (
                        tree.id(index),
                        tree.waits_for_children(index).then(|| tree.awaited_children(index)),
                    )
                })
                .collect()
        };
        let place: HashMap<Id, usize> =
            tasks.iter().enumerate().map(|(place, (id, _))| (*id, place)).collect();
        let places = |ids: &[Id]| ids.iter().filter_map(|id| place.get(id).copied()).collect();
        tasks
            .into_iter()
            .map(|(id, children)| match children {
                Some(children) => Node { id, wait_trace: None, on: places(&children) },
                None => {
                    let wait_trace = self.trace_wait(id, ResumeReason::Stuck);
                    let on = wait_trace
                        .waits
                        .as_ref()
                        .map(|waits| places(&waits.on))
                        .unwrap_or_default();
                    Node { id, wait_trace: Some(wait_trace), on }
                }
            })
            .collect()
    }

    /// `ways` are those of tasks with children that have no line of their own.
    fn stuck_task(
        &self,
        node: &mut Node,
        in_cycles: &HashMap<Id, usize>,
        ways: &mut HashMap<Id, Vec<CallFrame>>,
    ) -> StuckTask {
        let WaitTrace { way, waits } =
            node.wait_trace.take().unwrap_or_else(|| self.trace_wait(node.id, ResumeReason::Stuck));
        let mut way = lines(way);
        if way.is_empty() && waits.is_some() {
            // A lock or the like as a child of a set has no line of its own but that of the set.
            let above = self.task_above(node.id);
            let of_above = above.map(|above| {
                ways.entry(above)
                    .or_insert_with(|| lines(self.trace_wait(above, ResumeReason::Stuck).way))
                    .clone()
            });
            way = of_above.unwrap_or_default();
        }
        let waits = waits.unwrap_or_else(|| {
            let tree = self.tree.borrow();
            let (has_returned, on) = match tree.get(node.id) {
                Some(entry) => (entry.has(flag::RETURNED), tree.awaited_children(node.id.index())),
                None => (false, Vec::new()),
            };
            let what = if has_returned {
                "its children, having returned"
            } else {
                "something that it does not name"
            };
            WaitReason::ends(what, on)
        });
        let on = waits
            .on
            .iter()
            .filter(|id| self.is_alive(**id))
            .take(MOST_TOLD)
            .map(|id| Awaited { index: in_cycles.get(id).copied(), path: self.path(*id) });
        StuckTask {
            path: self.path(node.id),
            way,
            on: on.collect(),
            waits_for: waits.what,
            relation: match waits.relation {
                Relation::HeldBy => ", held by ",
                Relation::Awaits => ": ",
            },
        }
    }
}

/// The innermost one calls no task of the user's, but a lock or the like.
fn lines(way: Vec<AwaitPoint>) -> Vec<CallFrame> {
    way.into_iter()
        .map(|waypoint| CallFrame {
            line: waypoint.line,
            called: type_names::called(waypoint.awaited),
        })
        .collect()
}

/// Circles among nodes that wait for each other: one at least, if there are any.
fn cycles(nodes: &[Node]) -> Vec<Vec<usize>> {
    const NEW: usize = usize::MAX;
    const DONE: usize = usize::MAX - 1;
    let mut cycles = Vec::new();
    // New, done, or the place on the way. A loop with a stack of its own: the way can be long.
    let mut state = vec![NEW; nodes.len()];
    for start in 0..nodes.len() {
        if state[start] != NEW {
            continue;
        }
        let mut way = vec![(start, 0)];
        state[start] = 0;
        while let Some((node, next)) = way.last_mut() {
            let Some(&on) = nodes[*node].on.get(*next) else {
                state[*node] = DONE;
                way.pop();
                continue;
            };
            *next += 1;
            match state[on] {
                NEW => {
                    state[on] = way.len();
                    way.push((on, 0));
                }
                DONE => {}
                // Each is as long as its way: all of them could be quadratic.
                _ if cycles.len() == MOST_CYCLES => {}
                place => cycles.push(way[place..].iter().map(|(node, _)| *node).collect()),
            }
        }
    }
    cycles
}
