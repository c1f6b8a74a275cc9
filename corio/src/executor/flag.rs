//! The flags of an entry of the tree.
//!
//! | entry | flags |
//! |---|---|
//! | spawned task | `RETURNED`, `AWAITED`, `JOIN_INTEREST`, `DONE`, `HAS_JOINER`, `HAS_SCOPE` |
//! | child of a set | `RETURNED`, `AWAITED`, `SHORT_CIRCUITS`, `HAS_SCOPE` |
//! | scope | `AWAITED`, `SHORT_CIRCUITS`, `WAKE_ON_EACH_CHILD` |
//!
//! So `SHORT_CIRCUITS` excludes `JOIN_INTEREST`, `DONE` and `HAS_JOINER`, and `WAKE_ON_EACH_CHILD`
//! excludes all flags but `AWAITED` and `SHORT_CIRCUITS`. `DONE` implies `JOIN_INTEREST`, as an
//! entry that is done is freed together with the interest of its handle. An entry that ends on the
//! fast path never has a flag.

/// The body has returned; the task ends when its last child has ended.
pub(super) const RETURNED: u32 = 1;
/// The task that this entry is, or that owns this scope, waits for the children of this entry.
/// Stays set if the task stops waiting before the children have ended.
pub(super) const AWAITED: u32 = 1 << 1;
/// A handle may still take the output.
pub(super) const JOIN_INTEREST: u32 = 1 << 2;
/// The task has ended and only its output is left, for the handle.
pub(super) const DONE: u32 = 1 << 3;
/// On a child of a set: the end of the child decides the set and removes the siblings. On a scope:
/// the output of a child has decided the set at once, and the child may still wait for its own
/// children.
pub(super) const SHORT_CIRCUITS: u32 = 1 << 4;
/// The owner of this scope is woken whenever a child has ended, and not only by the last one.
pub(super) const WAKE_ON_EACH_CHILD: u32 = 1 << 5;
/// A task waits, or has waited, on the handle of this task.
pub(super) const HAS_JOINER: u32 = 1 << 6;
/// This task has, or had, a scope.
pub(super) const HAS_SCOPE: u32 = 1 << 7;
