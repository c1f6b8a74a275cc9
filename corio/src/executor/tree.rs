//! The tree of everything that lives in a run: tasks, and the scopes that group their children.
//!
//! A *task* entry has a body that can be resumed. A *scope* entry has none: it stands for a `call!`
//! that spawned, or for a set of children (`all!`, `join!`, …), and is a child of the task it
//! belongs to. Whoever has children ends after them, and so "wait for my children" is everywhere
//! the same question: is the list empty?
//!
//! The tree is a slab: entries link to each other by index, so that adding, ending and cutting cost
//! the same however many entries there are. It knows nothing of when bodies run; nothing here calls
//! user code.

use std::mem;

use super::body::Body;
use super::id::Id;

/// Marks the end of a list of siblings, and the parent of the root.
pub(super) const NIL: u32 = u32::MAX;

/// The parent of a free entry.
const FREE: u32 = u32::MAX - 1;

/// The generation of entries that are not used any more.
const RETIRED: u32 = u32::MAX;

/// What was taken out of the tree, to be dropped.
pub(super) struct Removed {
    /// As it was known in the tree.
    pub(super) id: Id,
    pub(super) body: Body,
    pub(super) flags: u32,
}

/// What has ended.
pub(super) struct Completed {
    /// Unless it stays in the tree, for the handle.
    pub(super) body: Option<Body>,
    pub(super) parent: u32,
    pub(super) flags: u32,
}

/// Something is to happen when the list of children is empty.
pub(crate) mod flag {
    /// The body has returned; the task ends when its last child has ended.
    pub(crate) const RETURNED: u32 = 1;
    /// The task that owns this entry waits until the list of children is empty.
    pub(crate) const AWAITED: u32 = 1 << 1;
    /// A handle may still ask for the result.
    pub(crate) const JOIN_INTEREST: u32 = 1 << 2;
    /// The task has ended and only its result is left, for the handle.
    pub(crate) const DONE: u32 = 1 << 3;
    /// On a scope: its owner is woken whenever a child has ended.
    pub(crate) const WAKE_ON_EACH_CHILD: u32 = 1 << 5;
    /// Somebody waits on the handle.
    pub(crate) const HAS_JOINER: u32 = 1 << 6;
    /// It has, or had, a scope.
    pub(crate) const HAS_SCOPE: u32 = 1 << 7;
    /// On a child: its end decides its set, and cuts its siblings. On a scope: a child has decided,
    /// and may still wait for its own.
    pub(crate) const SHORT_CIRCUITS: u32 = 1 << 4;
}

pub(super) struct Entry {
    /// `None` for a scope and for a free entry.
    pub(super) body: Option<Body>,
    generation: u32,
    pub(super) parent: u32,
    pub(super) first_child: u32,
    /// The next sibling; in a free entry, the next free one.
    next: u32,
    previous: u32,
    pub(super) flags: u32,
}

impl Entry {
    pub(super) fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// It is a task or a part of one.
    fn runs_code(&self) -> bool {
        self.body.as_ref().is_some_and(|body| body.vtable().runs_code)
    }
}

pub(super) struct Tree {
    entries: Vec<Entry>,
    /// Entries that have become free in this run, the last one first.
    free: u32,
    /// Entries from here on were not used in this run.
    fresh: u32,
    live: usize,
    /// For walks through a branch; empty between them.
    walk: Vec<u32>,
}

impl Tree {
    pub(super) fn new() -> Self {
        Tree { entries: Vec::new(), free: NIL, fresh: 0, live: 0, walk: Vec::new() }
    }

    /// Adds an entry below one that is alive, or as the root, below `Id::NONE`.
    #[inline(always)]
    pub(super) fn add(&mut self, parent: Id, body: Option<Body>, flags: u32) -> Id {
        let index = self.occupy();
        let (parent, next) = match self.get_mut(parent) {
            Some(above) => (parent.index(), mem::replace(&mut above.first_child, index)),
            None if parent == Id::NONE => (NIL, NIL),
            None => parent_is_gone(),
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

    /// Takes a free entry into use.
    #[inline]
    fn occupy(&mut self) -> u32 {
        if let Some(entry) = self.entries.get(self.free as usize) {
            return mem::replace(&mut self.free, entry.next);
        }
        match self.entries.get(self.fresh as usize) {
            Some(entry) if entry.generation != RETIRED => {}
            _ => self.find_fresh(),
        }
        self.fresh += 1;
        self.fresh - 1
    }

    #[cold]
    fn find_fresh(&mut self) {
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

    /// Has the next run use the entries from the first on, one after the other.
    pub(super) fn start_over(&mut self) {
        if self.live == 0 {
            (self.free, self.fresh) = (NIL, 0);
        }
    }

    /// Takes an entry out of its parent's list of children; it stays alive.
    #[inline(always)]
    pub(super) fn unlink(&mut self, index: u32) {
        let Entry { parent, next, previous, .. } = self[index];
        if parent == FREE {
            not_in_the_tree();
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

    /// Takes out an entry that has ended; it stays, with its body, as long as there is a handle.
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

    /// Takes out an entry of whose end nobody hears, as most are: it has no children, no handle and
    /// nothing to decide, and a sibling is left. Gives its body; none if there is more to do.
    #[inline(always)]
    pub(super) fn end_unnoticed(&mut self, id: Id) -> Option<Body> {
        // One that an id leads to is in the tree.
        let Entry { parent, first_child, next, previous, flags, .. } = *self.get(id)?;
        if first_child != NIL || flags != 0 || parent == NIL {
            return None;
        }
        let above = &mut self[parent];
        if previous == NIL {
            if above.has(flag::WAKE_ON_EACH_CHILD) || next == NIL || self[next].body.is_none() {
                return None;
            }
            self[parent].first_child = next;
        } else {
            let first = above.first_child;
            if above.has(flag::WAKE_ON_EACH_CHILD) || self[first].body.is_none() {
                return None;
            }
            self[previous].next = next;
        }
        if next != NIL {
            self[next].previous = previous;
        }
        self.free(id.index())
    }

    /// Whether the end of a child that decides nothing can mean something for those above it, when
    /// `first` is the first of those that are left: it was the last one, or each is waited for.
    #[inline]
    fn affects_parent(&self, parent: u32, first: u32) -> bool {
        // Most children have siblings that are tasks, and their parent waits for the last of them.
        first == NIL || self[first].body.is_none() || self[parent].has(flag::WAKE_ON_EACH_CHILD)
    }

    /// Whether the end of a child with these flags can mean something for those above: it decides,
    /// or was the last one, or is waited for.
    #[inline]
    pub(super) fn affects_parent_of(&self, parent: u32, flags: u32) -> bool {
        if parent == NIL {
            return false;
        }
        flags & flag::SHORT_CIRCUITS != 0 || self.affects_parent(parent, self[parent].first_child)
    }

    /// Frees an entry that is in no list and has no children; gives its body. Ids of it match
    /// nothing from here on.
    #[inline(always)]
    pub(super) fn free(&mut self, index: u32) -> Option<Body> {
        let free = self.free;
        let entry = &mut self[index];
        if entry.parent == FREE {
            not_in_the_tree();
        }
        let body = entry.body.take();
        entry.first_child = NIL;
        entry.parent = FREE;
        // An index whose generations are used up is retired: an old id must never match a new
        // entry.
        entry.generation += 1;
        if entry.generation != RETIRED {
            entry.next = free;
            self.free = index;
        }
        self.live -= 1;
        body
    }

    #[inline]
    pub(super) fn get(&self, id: Id) -> Option<&Entry> {
        self.entries.get(id.index() as usize).filter(|entry| entry.generation == id.generation())
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: Id) -> Option<&mut Entry> {
        self.entries
            .get_mut(id.index() as usize)
            .filter(|entry| entry.generation == id.generation())
    }

    pub(super) fn id(&self, index: u32) -> Id {
        Id::new(index, self[index].generation)
    }

    /// The task that an entry belongs to: itself, or for a scope the task that opened it.
    pub(super) fn task_of(&self, mut index: u32) -> u32 {
        while self[index].body.is_none() && self[index].parent != NIL {
            index = self[index].parent;
        }
        index
    }

    /// The task that an entry belongs to, in the eyes of observers: requests are children too, and
    /// no tasks.
    pub(super) fn named_task_of(&self, mut index: u32) -> u32 {
        while self[index].body.as_ref().is_none_or(|body| !body.vtable().is_task)
            && self[index].parent != NIL
        {
            index = self[index].parent;
        }
        index
    }

    /// Frees `top` and everything below it; gives the bodies that were still there: children before
    /// their parents, older ones before their younger siblings.
    pub(super) fn remove_subtree(&mut self, top: u32, removed: &mut Vec<Removed>) {
        let mut to_remove = mem::take(&mut self.walk);
        to_remove.push(top);
        self.unlink(top);
        self.remove_all(to_remove, removed);
    }

    /// The same for each child of `scope`, which stays.
    pub(super) fn remove_children(&mut self, scope: u32, removed: &mut Vec<Removed>) {
        let mut to_remove = mem::take(&mut self.walk);
        while self[scope].first_child != NIL {
            let child = self[scope].first_child;
            to_remove.push(child);
            self.unlink(child);
        }
        self.remove_all(to_remove, removed);
    }

    /// The same for all children of its scope but one, by which the set is decided.
    pub(super) fn remove_siblings(&mut self, winner: u32, removed: &mut Vec<Removed>) {
        let scope = self[winner].parent;
        self.unlink(winner);
        self.remove_children(scope, removed);
        self[scope].first_child = winner;
        self[scope].flags |= flag::SHORT_CIRCUITS;
        self[winner].parent = scope;
    }

    /// Frees these and all below them, from the last to the first.
    fn remove_all(&mut self, mut to_remove: Vec<u32>, removed: &mut Vec<Removed>) {
        let mut at = 0;
        while let Some(&parent) = to_remove.get(at) {
            let mut child = self[parent].first_child;
            while child != NIL {
                to_remove.push(child);
                child = self[child].next;
            }
            at += 1;
        }
        removed.extend(to_remove.drain(..).rev().filter_map(|index| self.remove(index)));
        self.walk = to_remove;
    }

    /// Whether an entry has children other than scopes. A task written by hand may wait for what it
    /// has spawned while it holds a set.
    #[inline]
    pub(super) fn has_tasks(&self, index: u32) -> bool {
        let mut child = self[index].first_child;
        while child != NIL && self[child].body.is_none() {
            child = self[child].next;
        }
        child != NIL
    }

    /// The children of an entry that run code: without scopes and requests.
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

    /// The children that a task waits for: those of itself and of its scopes.
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

    /// Takes out the scopes of a task that nobody will close: their sets were forgotten. Whether
    /// there are children then.
    pub(super) fn close_empty_scopes(&mut self, task: u32) -> bool {
        // Most tasks with children have spawned many, and have no scope.
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

    /// Frees every branch that is left: that of the root, and results whose handles were forgotten.
    pub(super) fn clear(&mut self, removed: &mut Vec<Removed>) {
        if self.live > 0 {
            let mut to_remove = mem::take(&mut self.walk);
            to_remove.extend(
                (0..self.entries.len() as u32).rev().filter(|index| self[*index].parent == NIL),
            );
            self.remove_all(to_remove, removed);
        }
    }

    fn remove(&mut self, index: u32) -> Option<Removed> {
        let (id, flags) = (self.id(index), self[index].flags);
        self.free(index).map(|body| Removed { id, body, flags })
    }

    /// Whether a task has returned, or waits at a `wait!()`, a `call!` or a set, for children that
    /// are still there.
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

    /// The tasks that live, oldest index first.
    pub(super) fn tasks(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.entries.len() as u32)
            .filter(|index| self[*index].runs_code() && !self[*index].has(flag::DONE))
    }
}

// Looked at always, in release builds too, as memory safety rests on it.

/// An entry that is freed twice would be given to two tasks, and each would read the other's
/// memory.
#[cold]
#[inline(never)]
fn not_in_the_tree() -> ! {
    panic!("corio: an entry that is not in the tree was taken out of it; this is a fault of corio")
}

/// An entry below one that is gone would be dropped after what it borrows.
#[cold]
#[inline(never)]
fn parent_is_gone() -> ! {
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
