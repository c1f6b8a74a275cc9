//! Finds what is stuck when no task can run any more: the waiting tasks, what each waits for, and
//! the cycles among them.
//!
//! The tasks and what they wait for form a graph, whose nodes are in index order of the tree. The
//! search takes time linear in tasks and edges, but for the total length of the reported cycles.

use std::collections::HashMap;

use super::deadlock_report::{Awaited, CallFrame, Deadlock, StuckTask};
use super::flag;
use super::id::Id;
use super::state::Executor;
use super::wait_cause::WaitCause;
use super::wait_reason::{AwaitPoint, ResumeReason, WaitReason, WaitTrace};
use crate::util::type_names;

/// Number of awaited tasks that a report names for each stuck task.
const MAX_AWAITED: usize = 8;
/// Number of cycles in a report.
const MAX_CYCLES: usize = 16;

/// A task and the tasks that the task waits for, as indices of nodes.
struct Node {
    id: Id,
    /// What the task has recorded; not traced yet if the task only waits for its children.
    wait_trace: Option<WaitTrace>,
    awaits: Vec<usize>,
}

impl Executor {
    /// Reports the stuck tasks. Returns `None` if a task made progress while its wait was traced,
    /// as the run is not stuck then.
    pub(crate) fn deadlock(&self) -> Option<Deadlock> {
        self.trace_made_progress.set(false);
        let mut nodes = self.nodes();
        let cycles = cycles(&nodes);
        // Tasks in cycles come first, each once; then the other tasks that wait for more than their
        // children.
        let mut order: Vec<usize> = Vec::new();
        let mut position: HashMap<usize, usize> = HashMap::new();
        let others = (0..nodes.len()).filter(|node| nodes[*node].wait_trace.is_some());
        for node in cycles.iter().flatten().copied().chain(others) {
            position.entry(node).or_insert_with(|| {
                order.push(node);
                order.len() - 1
            });
        }
        let in_cycles = cycles.iter().flatten().map(|node| position[node] + 1).max().unwrap_or(0);
        let by_id: HashMap<Id, usize> = order
            .iter()
            .take(in_cycles)
            .enumerate()
            .map(|(position, node)| (nodes[*node].id, position))
            .collect();
        let mut parent_frames = HashMap::new();
        let tasks = order
            .iter()
            .map(|node| self.stuck_task(&mut nodes[*node], &by_id, &mut parent_frames))
            .collect();
        let cycles = cycles
            .into_iter()
            .map(|cycle| cycle.into_iter().map(|node| position[&node]).collect())
            .collect();
        let is_stuck = !self.trace_made_progress.get() && !self.has_ready();
        is_stuck.then_some(Deadlock { tasks, cycles })
    }

    /// Returns a node for each task that has not ended.
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
        let index: HashMap<Id, usize> =
            tasks.iter().enumerate().map(|(index, (id, _))| (*id, index)).collect();
        let indices = |ids: &[Id]| ids.iter().filter_map(|id| index.get(id).copied()).collect();
        tasks
            .into_iter()
            .map(|(id, children)| match children {
                Some(children) => Node { id, wait_trace: None, awaits: indices(&children) },
                None => {
                    let wait_trace = self.trace_wait(id, ResumeReason::Stuck);
                    let awaits = wait_trace
                        .reason
                        .as_ref()
                        .map(|reason| indices(&reason.on))
                        .unwrap_or_default();
                    Node { id, wait_trace: Some(wait_trace), awaits }
                }
            })
            .collect()
    }

    /// Describes a stuck task. `in_cycles` maps the tasks in cycles to their positions in the
    /// report; `parent_frames` caches the frames of tasks whose children have no frames of their
    /// own.
    fn stuck_task(
        &self,
        node: &mut Node,
        in_cycles: &HashMap<Id, usize>,
        parent_frames: &mut HashMap<Id, Vec<CallFrame>>,
    ) -> StuckTask {
        let WaitTrace { await_points, reason } =
            node.wait_trace.take().unwrap_or_else(|| self.trace_wait(node.id, ResumeReason::Stuck));
        let mut frames = call_frames(await_points);
        if frames.is_empty() && reason.is_some() {
            // A lock or the like that is a child of a set has no await point of its own; the await
            // point of the set is reported instead.
            let parent = self.task_above(node.id);
            let inherited = parent.map(|parent| {
                parent_frames
                    .entry(parent)
                    .or_insert_with(|| {
                        call_frames(self.trace_wait(parent, ResumeReason::Stuck).await_points)
                    })
                    .clone()
            });
            frames = inherited.unwrap_or_default();
        }
        let reason = reason.unwrap_or_else(|| {
            let tree = self.tree.borrow();
            let (has_returned, on) = match tree.get(node.id) {
                Some(entry) => (entry.has(flag::RETURNED), tree.awaited_children(node.id.index())),
                None => (false, Vec::new()),
            };
            let cause =
                if has_returned { WaitCause::ChildrenEndAfterReturn } else { WaitCause::Unknown };
            WaitReason::ends(cause, on)
        });
        let on = reason
            .on
            .iter()
            .filter(|id| self.is_alive(**id))
            .take(MAX_AWAITED)
            .map(|id| Awaited { index: in_cycles.get(id).copied(), path: self.path(*id) });
        StuckTask {
            path: self.path(node.id),
            frames,
            on: on.collect(),
            waits_for: reason.cause,
            relation: reason.relation,
        }
    }
}

/// Returns a frame for each await point. The innermost await point calls no task of the user's, but
/// a lock or the like.
fn call_frames(await_points: Vec<AwaitPoint>) -> Vec<CallFrame> {
    await_points
        .into_iter()
        .map(|point| CallFrame { location: point.line, called: type_names::called(point.awaited) })
        .collect()
}

/// Finds cycles among nodes that wait for each other, by a depth-first search. Returns at most
/// `MAX_CYCLES` cycles, and at least one if there are any.
fn cycles(nodes: &[Node]) -> Vec<Vec<usize>> {
    const NEW: usize = usize::MAX;
    const DONE: usize = usize::MAX - 1;
    let mut cycles = Vec::new();
    // For each node `NEW`, `DONE` or the position on the current path. A loop with an explicit
    // stack and no recursion, as paths can be long.
    let mut state = vec![NEW; nodes.len()];
    for start in 0..nodes.len() {
        if state[start] != NEW {
            continue;
        }
        let mut path = vec![(start, 0)];
        state[start] = 0;
        while let Some((node, next)) = path.last_mut() {
            let Some(&awaited) = nodes[*node].awaits.get(*next) else {
                state[*node] = DONE;
                path.pop();
                continue;
            };
            *next += 1;
            match state[awaited] {
                NEW => {
                    state[awaited] = path.len();
                    path.push((awaited, 0));
                }
                DONE => {}
                // A cycle can be as long as the path: all cycles together could be quadratic.
                _ if cycles.len() == MAX_CYCLES => {}
                first => cycles.push(path[first..].iter().map(|(node, _)| *node).collect()),
            }
        }
    }
    cycles
}
