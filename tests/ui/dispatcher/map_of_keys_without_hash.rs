//! Doubles are found by hash, or by order.

use std::collections::{BTreeMap, HashMap};

struct Id(u64);

#[corio::dispatcher]
fn by_hash(ids: &[Id]) -> HashMap<Id, u64> {
    let _ = ids[0].0;
    HashMap::new()
}

#[corio::dispatcher]
fn by_order(ids: &[Id]) -> BTreeMap<Id, u64> {
    let _ = ids[0].0;
    BTreeMap::new()
}

fn main() {}
