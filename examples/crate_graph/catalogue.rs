//! What the three ways gather: the facts about every package that a workspace member can reach.
//!
//! Which line of a tree shows a package in full depends on the order of printing, depth first.
//! Tasks that run at the same time know no such order, so gathering comes first, in any order, and
//! [`Report`](crate::report::Report) lays out the trees afterwards, without a query.
//!
//! Most packages are reached over many paths. Who would go on to a package claims it first, so that
//! each is asked about once. The catalogue is shared by tasks that all run on one thread: cells
//! will do.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};

use crate::db::{Package, PackageId};

#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) package: Package,
    pub(crate) features: u32,
    pub(crate) dependents: u32,
    pub(crate) dependencies: Vec<PackageId>,
}

#[derive(Debug, Default)]
pub(crate) struct Catalogue {
    claimed: RefCell<HashSet<PackageId>>,
    facts: RefCell<BTreeMap<PackageId, Facts>>,
}

impl Catalogue {
    /// Those of `ids` that nobody has claimed before; now the caller has.
    pub(crate) fn claim(&self, ids: &[PackageId]) -> Vec<PackageId> {
        let mut claimed = self.claimed.borrow_mut();
        ids.iter().copied().filter(|id| claimed.insert(*id)).collect()
    }

    pub(crate) fn add(&self, id: PackageId, facts: Facts) {
        self.facts.borrow_mut().insert(id, facts);
    }

    pub(crate) fn into_facts(self) -> BTreeMap<PackageId, Facts> {
        self.facts.into_inner()
    }
}
