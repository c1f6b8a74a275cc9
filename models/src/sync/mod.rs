//! Of `corio/src/sync`: the cell that holds the state of a primitive.

#[path = "../../../corio/src/sync/state_cell.rs"]
mod state_cell;

#[cfg(test)]
mod tests;
