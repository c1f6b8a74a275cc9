//! Each option says what it takes.

#[corio::dispatcher(max_batch = )]
fn half_typed(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(max_batch(500))]
fn in_parentheses(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(max_in_flight = 0)]
fn never_leaves(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(max_batch = -1)]
fn less_than_nothing(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(ordered(true))]
fn ordered_how(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(read = "schedule")]
fn read_how(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(group_by)]
fn by_nothing(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(faults)]
fn faults_unsaid(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(faults = "panic")]
fn faults_unknown(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(max_batch = 0, cahce, max_in_flight = "two", ordered, dedup)]
fn all_at_once(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::task]
fn program() {
    io!(half_typed(1), in_parentheses(1), never_leaves(1), less_than_nothing(1), ordered_how(1));
    io!(read_how(1), by_nothing(1), faults_unsaid(1), faults_unknown(1), all_at_once(1));
}

fn main() {}
