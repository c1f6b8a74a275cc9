//! Compares the tree with a naive one, and checks the reuse of entries and their generations.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

fn index_of_next(tree: &mut Tree) -> u32 {
    tree.add(Id::NONE, None, 0).index()
}

#[test]
fn nothing_is_added_below_a_freed_entry() {
    let mut tree = Tree::new();
    let freed = tree.add(Id::NONE, None, 0);
    tree.end(freed.index());
    let reused = tree.add(Id::NONE, None, 0);
    assert_eq!(
        (reused.index(), reused == freed),
        (freed.index(), false),
        "the entry is reused, with another id"
    );
    let panic = catch_unwind(AssertUnwindSafe(|| tree.add(freed, None, 0))).unwrap_err();
    assert_eq!(
        panic.downcast_ref::<&str>(),
        Some(&"corio: a task that is gone can't have children")
    );
}

#[test]
fn an_entry_whose_generations_are_used_up_is_never_used_again() {
    let mut tree = Tree::new();
    let ids: Vec<Id> = (0..3).map(|_| tree.add(Id::NONE, None, 0)).collect();
    tree[1].generation = RETIRED - 1;
    let last = tree.id(1);
    tree.end(1);
    assert!(tree.get(last).is_none());
    assert_eq!(index_of_next(&mut tree), 3);
    for index in [ids[0].index(), ids[2].index(), 3] {
        tree.end(index);
    }
    tree.reset();
    assert_eq!([0; 4].map(|_| index_of_next(&mut tree)), [0, 2, 3, 4]);
}

#[test]
fn the_next_run_uses_the_entries_from_the_first_on() {
    let mut tree = Tree::new();
    let ids: Vec<Id> = (0..3).map(|_| tree.add(Id::NONE, None, 0)).collect();
    tree.end(ids[0].index());
    tree.reset();
    assert_eq!(index_of_next(&mut tree), 0, "not while entries live: the freed one is reused");
    assert_eq!(index_of_next(&mut tree), 3);
    let mut removed = Vec::new();
    tree.clear(&mut removed);
    tree.reset();
    assert_eq!([0; 4].map(|_| index_of_next(&mut tree)), [0, 1, 2, 3]);
}

/// A naive tree: the children and the parent of each entry, the youngest child first.
#[derive(Default)]
struct Naive {
    children: BTreeMap<u32, Vec<Id>>,
    parents: BTreeMap<u32, Id>,
    alive: Vec<Id>,
}

impl Naive {
    fn remove(&mut self, id: Id) {
        for child in self.children.remove(&id.index()).unwrap_or_default() {
            self.remove(child);
        }
        if let Some(parent) = self.parents.remove(&id.index()) {
            self.children.entry(parent.index()).or_default().retain(|child| *child != id);
        }
        self.alive.retain(|other| *other != id);
    }
}

#[test]
fn random_operations_agree_with_a_naive_tree() {
    let mut random = fastrand::Rng::with_seed(5);
    for _ in 0..if cfg!(miri) { 2 } else { 50 } {
        let (mut tree, mut naive) = (Tree::new(), Naive::default());
        let mut freed = Vec::new();
        for _ in 0..if cfg!(miri) { 60 } else { 400 } {
            let some = if naive.alive.is_empty() {
                None
            } else {
                Some(naive.alive[random.usize(0..naive.alive.len())])
            };
            match (random.u32(0..8), some) {
                (0..5, parent) => {
                    let id = tree.add(parent.unwrap_or(Id::NONE), None, 0);
                    assert!(
                        !naive.alive.contains(&id) && !freed.contains(&id),
                        "an id is used once"
                    );
                    if let Some(parent) = parent {
                        naive.children.entry(parent.index()).or_default().insert(0, id);
                        naive.parents.insert(id.index(), parent);
                    }
                    naive.alive.push(id);
                }
                (5, Some(id)) if tree[id.index()].first_child == NIL => {
                    tree.end(id.index());
                    naive.remove(id);
                    freed.push(id);
                }
                (6, Some(id)) => {
                    let before = naive.alive.clone();
                    tree.remove_subtree(id.index(), &mut Vec::new());
                    naive.remove(id);
                    freed.extend(before.into_iter().filter(|id| !naive.alive.contains(id)));
                }
                (7, Some(id)) => {
                    let before = naive.alive.clone();
                    tree.remove_children(id.index(), &mut Vec::new());
                    for child in naive.children.get(&id.index()).cloned().unwrap_or_default() {
                        naive.remove(child);
                    }
                    freed.extend(before.into_iter().filter(|id| !naive.alive.contains(id)));
                }
                _ => {}
            }
            assert_eq!(tree.live, naive.alive.len());
            assert!(freed.iter().all(|id| tree.get(*id).is_none()));
            for id in &naive.alive {
                let mut children = Vec::new();
                let mut child = tree[id.index()].first_child;
                while child != NIL {
                    assert_eq!(tree[child].parent, id.index());
                    children.push(tree.id(child));
                    child = tree[child].next;
                }
                assert_eq!(children, naive.children.get(&id.index()).cloned().unwrap_or_default());
            }
        }
    }
}
