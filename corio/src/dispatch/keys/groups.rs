//! TODO

use std::collections::HashMap;
use std::fmt;

use super::bounds::GroupKey;

/// Which keys are of one group, for [`Options::group_by`](crate::Options::group_by); made by
/// [`groups`].
pub struct Groups<K>(Box<dyn Numbering<K>>);

/// Finds groups by what their keys have in common: those for which `by` gives equal values are of
/// one.
///
/// ```
/// # use corio::{Options, groups};
/// struct Page { of: u64, size: u32 }
/// const OPTIONS: Options<Page, Vec<u64>> = Options::new().group_by(|| groups(|page: &Page| page.size));
/// ```
pub fn groups<K, G: GroupKey>(by: impl Fn(&K) -> G + 'static) -> Groups<K> {
    Groups(Box::new(By { by, numbers: HashMap::new(), free: Vec::new(), unused: 0 }))
}

impl<K> fmt::Debug for Groups<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Groups")
    }
}

trait Numbering<K> {
    fn number(&mut self, key: &K) -> u32;

    fn len(&self) -> usize;

    /// Forgets the groups that are not in use.
    fn retain(&mut self, is_in_use: &mut dyn FnMut(u32) -> bool);
}

struct By<G, F> {
    by: F,
    numbers: HashMap<G, u32>,
    /// Those of groups that were forgotten.
    free: Vec<u32>,
    /// The first that no group has had.
    unused: u32,
}

impl<K, G: GroupKey, F: Fn(&K) -> G> Numbering<K> for By<G, F> {
    fn number(&mut self, key: &K) -> u32 {
        let By { by, numbers, free, unused } = self;
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
            let stays = is_in_use(*number);
            if !stays {
                free.push(*number);
            }
            stays
        });
    }
}

impl<K> Groups<K> {
    /// The number of the group that a key is of. Runs code of the user's.
    pub(crate) fn number(&mut self, key: &K) -> u32 {
        self.0.number(key)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets the groups that are not in use.
    pub(crate) fn retain(&mut self, is_in_use: &mut dyn FnMut(u32) -> bool) {
        self.0.retain(is_in_use);
    }

    /// Forgets all groups.
    pub(crate) fn forget_all(&mut self) {
        self.0.retain(&mut |_| false);
    }
}
