//! Groups of keys that may share a batch.

use std::collections::HashMap;
use std::fmt;

use super::bounds::GroupKey;

/// Which keys belong to one group, for [`Options::group_by`](crate::Options::group_by); made by
/// [`groups()`].
pub struct Groups<K>(Box<dyn NumberGroups<K>>);

/// Groups keys by what they have in common: keys for which `by` returns equal values belong to one
/// group.
///
/// ```
/// # use corio::{Options, groups};
/// struct Page { of: u64, size: u32 }
/// const OPTIONS: Options<Page, Vec<u64>> =
///     Options::new().group_by(|| groups(|page: &Page| page.size));
/// ```
pub fn groups<K, G: GroupKey>(by: impl Fn(&K) -> G + Send + 'static) -> Groups<K> {
    Groups(Box::new(NumberedGroups { by, numbers: HashMap::new(), free: Vec::new(), unused: 0 }))
}

impl<K> fmt::Debug for Groups<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Groups")
    }
}

/// Numbers the groups of keys, with the type of the group identifier erased.
trait NumberGroups<K>: Send {
    fn number(&mut self, key: &K) -> u32;

    fn len(&self) -> usize;

    /// Forgets the groups that are not in use, and reuses their numbers.
    fn retain(&mut self, is_in_use: &mut dyn FnMut(u32) -> bool);
}

struct NumberedGroups<G, F> {
    by: F,
    numbers: HashMap<G, u32>,
    /// Numbers of groups that were forgotten.
    free: Vec<u32>,
    /// The lowest number that no group has had.
    unused: u32,
}

impl<K, G: GroupKey, F: Fn(&K) -> G + Send> NumberGroups<K> for NumberedGroups<G, F> {
    fn number(&mut self, key: &K) -> u32 {
        let NumberedGroups { by, numbers, free, unused } = self;
        *numbers.entry(by(key)).or_insert_with(|| {
            free.pop().unwrap_or_else(|| {
                *unused += 1;
                *unused - 1
            })
        })
    }

    fn len(&self) -> usize {
        self.numbers.len()
    }

    fn retain(&mut self, is_in_use: &mut dyn FnMut(u32) -> bool) {
        let free = &mut self.free;
        self.numbers.retain(|_, number| {
            let keep = is_in_use(*number);
            if !keep {
                free.push(*number);
            }
            keep
        });
    }
}

impl<K> Groups<K> {
    /// Returns the number of the group of a key, a new or reused one if the group is not known.
    /// Runs code of the user's.
    pub(crate) fn number(&mut self, key: &K) -> u32 {
        self.0.number(key)
    }

    /// Number of groups that are known.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets the groups that are not in use, and reuses their numbers.
    pub(crate) fn retain(&mut self, is_in_use: &mut dyn FnMut(u32) -> bool) {
        self.0.retain(is_in_use);
    }

    /// Forgets all groups.
    pub(crate) fn forget_all(&mut self) {
        self.0.retain(&mut |_| false);
    }
}
