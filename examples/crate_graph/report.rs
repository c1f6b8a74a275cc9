//! The report: for each workspace member the tree of its dependencies, as `cargo tree` lays it out,
//! and the totals.
//!
//! A package is shown in full where the tree reaches it first, depth first; where it is met again
//! there is one line, marked if anything is left out below it. That also ends the cycles that
//! dev-dependencies can make.

use std::collections::{BTreeMap, HashSet};

use crate::catalogue::{Catalogue, Facts};
use crate::db::{Package, PackageId};

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) members: Vec<Member>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// The first line is the member itself.
    pub(crate) lines: Vec<Line>,
    pub(crate) totals: Totals,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) depth: usize,
    pub(crate) package: Package,
    /// How many of its features are on.
    pub(crate) features: u32,
    /// How many packages of the graph depend on it directly.
    pub(crate) dependents: u32,
    /// Its dependencies are left out here: they stand where it came first.
    pub(crate) cut: bool,
}

/// Without the member itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) packages: usize,
    pub(crate) features: u32,
    pub(crate) licences: usize,
    pub(crate) depth: usize,
}

impl Report {
    /// `catalogue` holds every package that the members can reach.
    pub(crate) fn new(members: &[PackageId], catalogue: Catalogue) -> Report {
        let facts = catalogue.into_facts();
        Report { members: members.iter().map(|member| Member::new(*member, &facts)).collect() }
    }
}

impl Member {
    fn new(id: PackageId, facts: &BTreeMap<PackageId, Facts>) -> Member {
        let mut tree = Tree { facts, shown: HashSet::new(), lines: Vec::new() };
        tree.lay_out(id, 0);
        tree.shown.remove(&id);
        let below: Vec<&Facts> = tree.shown.iter().map(|id| &facts[id]).collect();
        let totals = Totals {
            packages: below.len(),
            features: below.iter().map(|facts| facts.features).sum(),
            licences: below
                .iter()
                .filter_map(|facts| facts.package.licence.as_deref())
                .collect::<HashSet<_>>()
                .len(),
            depth: tree.lines.iter().map(|line| line.depth).max().unwrap_or(0),
        };
        Member { lines: tree.lines, totals }
    }

    pub(crate) fn package(&self) -> &Package {
        &self.lines[0].package
    }
}

struct Tree<'a> {
    facts: &'a BTreeMap<PackageId, Facts>,
    shown: HashSet<PackageId>,
    lines: Vec<Line>,
}

impl Tree<'_> {
    fn lay_out(&mut self, id: PackageId, depth: usize) {
        let facts = &self.facts[&id];
        let first = self.shown.insert(id);
        self.lines.push(Line {
            depth,
            package: facts.package.clone(),
            features: facts.features,
            dependents: facts.dependents,
            cut: !first && !facts.dependencies.is_empty(),
        });
        if first {
            for dependency in &facts.dependencies {
                self.lay_out(*dependency, depth + 1);
            }
        }
    }
}
