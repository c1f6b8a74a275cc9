//! What people write: tasks, their context, their children.

mod all_limit;
mod context;
mod deep;
mod fairness;
mod for_each;
mod foreign;
mod max_tasks;
mod shapes;
mod without_macros;
