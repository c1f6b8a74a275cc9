//! `Tree`: everything that lives in a run, which is tasks, children of sets, and the scopes that
//! group children.
//!
//! An entry with a body is a task or another child of a set (a request, a lock); an entry without a
//! body is a *scope*. A scope stands for a `call!` that has spawned, or for a set of children
//! (`all!`, `join!`, …), and is a child of the task that owns the scope. An entry ends after its
//! children, so waiting for children always means waiting until a list of children is empty.
//!
//! The tree is a slab whose entries link to each other by index: parent, first child, and a doubly
//! linked list of siblings, the youngest first. Adding and ending an entry take constant time;
//! removing a subtree takes time linear in the subtree. A freed index is reused with the next
//! generation.
//!
//! # Invariants
//!
//! - An id matches at most one entry, ever: the generation of an index grows whenever the entry is
//!   freed, and an index whose generations are used up is retired.
//! - Every entry but a root is in the list of children of an entry that is alive. Roots are the
//!   root of the run, and tasks that have ended and whose output is kept for a handle.
//! - Nothing here calls user code: bodies are moved out, and run or dropped elsewhere.

use std::mem;

use super::body::Body;
use super::flag;
use super::id::Id;

/// The index of no entry: ends a list of siblings, and is the parent of a root.
pub(super) const NIL: u32 = u32::MAX;

/// The parent of a free entry. No entry has this index.
const FREE: u32 = u32::MAX - 1;

/// The generation of a retired index, which is never used again.
const RETIRED: u32 = u32::MAX;

/// An entry that was removed from the tree, whose body is to be dropped.
pub(super) struct Removed {
    /// The id that the entry had.
    pub(super) id: Id,
    pub(super) body: Body,
    pub(super) flags: u32,
}

/// An entry that has ended.
pub(super) struct Completed {
    /// The body, unless the entry stays in the tree for its handle.
    pub(super) body: Option<Body>,
    pub(super) parent: u32,
    pub(super) flags: u32,
}

/// One entry of the slab.
pub(super) struct Entry {
    /// `None` for a scope and for a free entry.
    pub(super) body: Option<Body>,
    generation: u32,
    /// `NIL` for a root, `FREE` for a free entry.
    pub(super) parent: u32,
    /// The youngest child, or `NIL`.
    pub(super) first_child: u32,
    /// The next older sibling, or `NIL`; for a free entry, the next entry of the free list.
    next: u32,
    /// The next younger sibling, or `NIL`.
    previous: u32,
    pub(super) flags: u32,
}

impl Entry {
    /// Whether one of the given flags is set.
    pub(super) fn has(&self, flags: u32) -> bool {
        self.flags & flags != 0
    }

    /// Whether the entry runs user code: a task, or a part of a task.
    fn runs_code(&self) -> bool {
        self.body.as_ref().is_some_and(|body| body.vtable().runs_code)
    }
}

/// The entries of one run; see the module documentation.
pub(super) struct Tree {
    entries: Vec<Entry>,
    /// Head of the free list: the entries that were freed in this run, the last one first.
    free: u32,
    /// Index of the first entry that was not used in this run.
    fresh: u32,
    /// Number of entries that are not free.
    live: usize,
    /// Buffer for the walk through a subtree; empty between walks.
    walk: Vec<u32>,
}

impl Tree {
    pub(super) fn new() -> Self {
        Tree { entries: Vec::new(), free: NIL, fresh: 0, live: 0, walk: Vec::new() }
    }

    /// Adds an entry as the youngest child of `parent`, or as a root if `parent` is `Id::NONE`.
    ///
    /// # Panics
    /// If `parent` was freed.
    #[inline(always)]
    pub(super) fn add(&mut self, parent: Id, body: Option<Body>, flags: u32) -> Id {
        let index = self.allocate();
        let (parent, next) = match self.get_mut(parent) {
            Some(entry) => (parent.index(), mem::replace(&mut entry.first_child, index)),
            None if parent == Id::NONE => (NIL, NIL),
            None => parent_was_freed(),
        };
        self.live += 1;
        if next != NIL {
            self[next].previous = index;
        }
        let entry = &mut self[index];
        *entry = Entry {
            body,
            generation: entry.generation,
            parent,
            first_child: NIL,
            next,
            previous: NIL,
            flags,
        };
        Id::new(index, entry.generation)
    }

    /// Returns a free index and takes the index off the free list. Prefers freed entries to fresh
    /// ones.
    #[inline]
    fn allocate(&mut self) -> u32 {
        if let Some(entry) = self.entries.get(self.free as usize) {
            return mem::replace(&mut self.free, entry.next);
        }
        match self.entries.get(self.fresh as usize) {
            Some(entry) if entry.generation != RETIRED => {}
            _ => self.advance_fresh(),
        }
        self.fresh += 1;
        self.fresh - 1
    }

    /// Moves `fresh` to the next entry that is not retired, and adds an entry if there is none.
    #[cold]
    fn advance_fresh(&mut self) {
        while self.entries.get(self.fresh as usize).is_some_and(|entry| entry.generation == RETIRED)
        {
            self.fresh += 1;
        }
        assert!(self.fresh < FREE, "corio: more than four billion tasks in one run");
        if self.fresh as usize == self.entries.len() {
            self.entries.push(Entry {
                body: None,
                generation: 0,
                parent: FREE,
                first_child: NIL,
                next: NIL,
                previous: NIL,
                flags: 0,
            });
        }
    }

    /// Prepares the tree for the next run, which uses the entries from the first on, in order. Does
    /// nothing if entries are still live.
    pub(super) fn reset(&mut self) {
        if self.live == 0 {
            (self.free, self.fresh) = (NIL, 0);
        }
    }

    /// Removes an entry from the list of children of its parent. The entry stays alive, as a root.
    #[inline(always)]
    pub(super) fn unlink(&mut self, index: u32) {
        let Entry { parent, next, previous, .. } = self[index];
        if parent == FREE {
            not_in_tree();
        }
        if previous != NIL {
            self[previous].next = next;
        } else if parent != NIL {
            self[parent].first_child = next;
        }
        if next != NIL {
            self[next].previous = previous;
        }
        let entry = &mut self[index];
        (entry.parent, entry.next, entry.previous) = (NIL, NIL, NIL);
    }

    /// Ends an entry that has no children: frees the entry, or keeps the entry with its body as a
    /// root if a handle may still take the output.
    #[inline]
    pub(super) fn end(&mut self, index: u32) -> Completed {
        let Entry { parent, flags, .. } = self[index];
        self.unlink(index);
        let body = if flags & flag::JOIN_INTEREST == 0 {
            self.free(index)
        } else {
            self[index].flags = flags | flag::DONE;
            None
        };
        Completed { body, parent, flags }
    }

    /// Frees an entry on the fast path and returns its body. Returns `None` and changes nothing if
    /// the end of the entry may affect another task.
    ///
    /// Most entries end on the fast path: without children, handle and flags, while a sibling is
    /// left and the parent does not wait for each child.
    #[inline(always)]
    pub(super) fn end_fast(&mut self, id: Id) -> Option<Body> {
        // An entry that matches an id is not free, so `FREE` need not be checked.
        let Entry { parent, first_child, next, previous, flags, .. } = *self.get(id)?;
        if first_child != NIL || flags != 0 || parent == NIL {
            return None;
        }
        let parent_entry = &mut self[parent];
        if previous == NIL {
            if parent_entry.has(flag::WAKE_ON_EACH_CHILD)
                || next == NIL
                || self[next].body.is_none()
            {
                return None;
            }
            self[parent].first_child = next;
        } else {
            let first = parent_entry.first_child;
            if parent_entry.has(flag::WAKE_ON_EACH_CHILD) || self[first].body.is_none() {
                return None;
            }
            self[previous].next = next;
        }
        if next != NIL {
            self[next].previous = previous;
        }
        self.free(id.index())
    }

    /// Whether the end of a child that does not decide its set may affect the entry `parent`;
    /// `first` is the first of the remaining children. The child may have been the last one, or the
    /// owner is woken on each child.
    #[inline]
    fn affects_parent(&self, parent: u32, first: u32) -> bool {
        // Most children have siblings that are tasks, and the parent waits for the last of these.
        first == NIL || self[first].body.is_none() || self[parent].has(flag::WAKE_ON_EACH_CHILD)
    }

    /// Whether the end of a child with the given flags, which was unlinked already, may affect the
    /// entry `parent`: the child decides the set, may have been the last one, or the owner is woken
    /// on each child.
    #[inline]
    pub(super) fn affects_parent_of(&self, parent: u32, flags: u32) -> bool {
        if parent == NIL {
            return false;
        }
        flags & flag::SHORT_CIRCUITS != 0 || self.affects_parent(parent, self[parent].first_child)
    }

    /// Frees an entry that is in no list and has no children, and returns its body. Ids of the
    /// entry match nothing afterwards.
    #[inline(always)]
    pub(super) fn free(&mut self, index: u32) -> Option<Body> {
        let free = self.free;
        let entry = &mut self[index];
        if entry.parent == FREE {
            not_in_tree();
        }
        let body = entry.body.take();
        entry.first_child = NIL;
        entry.parent = FREE;
        // An index whose generations are used up is retired, as an old id must never match a new
        // entry.
        entry.generation += 1;
        if entry.generation != RETIRED {
            entry.next = free;
            self.free = index;
        }
        self.live -= 1;
        body
    }

    /// Returns the entry with this id, unless the entry was freed.
    #[inline]
    pub(super) fn get(&self, id: Id) -> Option<&Entry> {
        self.entries.get(id.index() as usize).filter(|entry| entry.generation == id.generation())
    }

    /// Returns the entry with this id, mutably, unless the entry was freed.
    #[inline]
    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut Entry> {
        self.entries
            .get_mut(id.index() as usize)
            .filter(|entry| entry.generation == id.generation())
    }

    /// Returns the id of the entry at `index`.
    pub(super) fn id(&self, index: u32) -> Id {
        Id::new(index, self[index].generation)
    }

    /// Returns the entry itself if the entry has a body, and the owner of the scope otherwise.
    pub(super) fn task_of(&self, mut index: u32) -> u32 {
        while self[index].body.is_none() && self[index].parent != NIL {
            index = self[index].parent;
        }
        index
    }

    /// Returns the task that the entry is or is a part of, as observers see the tree: children of
    /// sets that are no tasks, such as requests, are parts of a task.
    pub(super) fn enclosing_task_of(&self, mut index: u32) -> u32 {
        while self[index].body.as_ref().is_none_or(|body| !body.vtable().is_task)
            && self[index].parent != NIL
        {
            index = self[index].parent;
        }
        index
    }

    /// Frees the entry `top` and its subtree. Appends the bodies to `removed`: children before
    /// their parents, older siblings before younger ones.
    pub(super) fn remove_subtree(&mut self, top: u32, removed: &mut Vec<Removed>) {
        let mut to_remove = mem::take(&mut self.walk);
        to_remove.push(top);
        self.unlink(top);
        self.remove_all(to_remove, removed);
    }

    /// Frees all children of `scope` with their subtrees, but not `scope` itself. Appends the
    /// bodies to `removed`, in the order of `remove_subtree`.
    pub(super) fn remove_children(&mut self, scope: u32, removed: &mut Vec<Removed>) {
        let mut to_remove = mem::take(&mut self.walk);
        while self[scope].first_child != NIL {
            let child = self[scope].first_child;
            to_remove.push(child);
            self.unlink(child);
        }
        self.remove_all(to_remove, removed);
    }

    /// Frees all siblings of `winner` with their subtrees, and marks the scope as decided. Appends
    /// the bodies to `removed`, in the order of `remove_subtree`.
    pub(super) fn remove_siblings(&mut self, winner: u32, removed: &mut Vec<Removed>) {
        let scope = self[winner].parent;
        self.unlink(winner);
        self.remove_children(scope, removed);
        self[scope].first_child = winner;
        self[scope].flags |= flag::SHORT_CIRCUITS;
        self[winner].parent = scope;
    }

    /// Frees the given entries, which are in no list, with their subtrees, from the last to the
    /// first. `to_remove` is the taken buffer `walk`, which is put back.
    fn remove_all(&mut self, mut to_remove: Vec<u32>, removed: &mut Vec<Removed>) {
        let mut next = 0;
        while let Some(&parent) = to_remove.get(next) {
            let mut child = self[parent].first_child;
            while child != NIL {
                to_remove.push(child);
                child = self[child].next;
            }
            next += 1;
        }
        removed.extend(to_remove.drain(..).rev().filter_map(|index| self.remove(index)));
        self.walk = to_remove;
    }

    /// Whether an entry has children other than scopes. Takes time linear in the number of scopes
    /// at the front of the list. A hand-written task may wait for its spawned children while the
    /// task holds a set, whose scope is a child too.
    #[inline]
    pub(super) fn has_tasks(&self, index: u32) -> bool {
        let mut child = self[index].first_child;
        while child != NIL && self[child].body.is_none() {
            child = self[child].next;
        }
        child != NIL
    }

    /// Returns the children of an entry that run user code: no scopes and no requests.
    pub(super) fn tasks_in(&self, index: u32) -> Vec<Id> {
        let mut tasks = Vec::new();
        let mut child = self[index].first_child;
        while child != NIL {
            if self[child].runs_code() {
                tasks.push(self.id(child));
            }
            child = self[child].next;
        }
        tasks
    }

    /// Returns the children of a task and of its scopes, as far as the children run code of the
    /// user's.
    pub(super) fn awaited_children(&self, task: u32) -> Vec<Id> {
        let mut children = self.tasks_in(task);
        let mut child = self[task].first_child;
        while child != NIL {
            if self[child].body.is_none() {
                children.extend(self.tasks_in(child));
            }
            child = self[child].next;
        }
        children
    }

    /// Removes the empty scopes of a task that has returned; their sets were forgotten, so nothing
    /// else closes these scopes. Returns whether the task still has children.
    pub(super) fn close_empty_scopes(&mut self, task: u32) -> bool {
        // Most tasks with children have many of them and no scope, and skip the search.
        let mut child = if self[task].has(flag::HAS_SCOPE) { self[task].first_child } else { NIL };
        while child != NIL {
            let next = self[child].next;
            if self[child].body.is_none() && self[child].first_child == NIL {
                self.unlink(child);
                self.free(child);
            }
            child = next;
        }
        self[task].first_child != NIL
    }

    /// Frees every entry that is left: the subtree of the root, and tasks that have ended and whose
    /// handles were forgotten. Appends the bodies to `removed`.
    pub(super) fn clear(&mut self, removed: &mut Vec<Removed>) {
        if self.live > 0 {
            let mut to_remove = mem::take(&mut self.walk);
            to_remove.extend(
                (0..self.entries.len() as u32).rev().filter(|index| self[*index].parent == NIL),
            );
            self.remove_all(to_remove, removed);
        }
    }

    /// Frees an entry whose children are freed already or are about to be freed.
    fn remove(&mut self, index: u32) -> Option<Removed> {
        let (id, flags) = (self.id(index), self[index].flags);
        self.free(index).map(|body| Removed { id, body, flags })
    }

    /// Whether a task has returned, or waits at a `wait!()`, a `call!` or a set for children that
    /// have not ended.
    pub(super) fn waits_for_children(&self, task: u32) -> bool {
        let awaited = |index: u32| self[index].has(flag::AWAITED) && self[index].first_child != NIL;
        let mut child = self[task].first_child;
        let mut scope_is_awaited = false;
        while child != NIL {
            scope_is_awaited |= self[child].body.is_none() && awaited(child);
            child = self[child].next;
        }
        self[task].has(flag::RETURNED) || awaited(task) || scope_is_awaited
    }

    /// Returns the indices of all entries that run user code and have not ended, in ascending
    /// order.
    pub(super) fn tasks(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.entries.len() as u32)
            .filter(|index| self[*index].runs_code() && !self[*index].has(flag::DONE))
    }
}

// Memory safety rests on both checks below, so they are made in release builds too.

/// Panics because an entry was removed twice. The entry would be used by two tasks otherwise, each
/// of which would access the memory of the other.
#[cold]
#[inline(never)]
fn not_in_tree() -> ! {
    panic!("corio: an entry that is not in the tree was taken out of it; this is a fault of corio")
}

/// Panics because the parent of a new entry was freed. The body of the new entry would be dropped
/// after what the body borrows otherwise.
#[cold]
#[inline(never)]
fn parent_was_freed() -> ! {
    panic!("corio: a task that is gone can't have children")
}

impl std::ops::Index<u32> for Tree {
    type Output = Entry;

    #[inline]
    fn index(&self, index: u32) -> &Entry {
        &self.entries[index as usize]
    }
}

impl std::ops::IndexMut<u32> for Tree {
    #[inline]
    fn index_mut(&mut self, index: u32) -> &mut Entry {
        &mut self.entries[index as usize]
    }
}

#[cfg(test)]
mod tests;
