//! (c) Level by level: what you would write by hand to get the number of queries down.
//!
//! All packages at one distance from the workspace members are asked about together, with the very
//! queries of [`tasks`](crate::tasks). The recursion is gone: a loop over levels has taken its
//! place, and it has to know about every member, every package and every query at once.

use rusqlite::Error;

use crate::catalogue::{Catalogue, Facts};
use crate::db::{Db, fetch_members};
use crate::report::Report;
use crate::tasks::{Result, count_dependents, count_features, fetch_dependencies, fetch_package};

pub(crate) fn report(db: &Db) -> Result<Report> {
    let catalogue = Catalogue::default();
    let members = fetch_members(db)?;
    let mut level = catalogue.claim(&members);
    while !level.is_empty() {
        let mut packages = fetch_package::batch(db, &level)?;
        let features = count_features::batch(db, &level)?;
        let dependents = count_dependents::batch(db, &level)?;
        let dependencies = fetch_dependencies::batch(db, &level)?;

        let mut next = Vec::new();
        for (((id, features), dependents), dependencies) in
            level.into_iter().zip(features).zip(dependents).zip(dependencies)
        {
            let package = packages.remove(&id).ok_or(Error::QueryReturnedNoRows)?;
            next.extend(catalogue.claim(&dependencies));
            catalogue.add(id, Facts { package, features, dependents, dependencies });
        }
        level = next;
    }
    Ok(Report::new(&members, catalogue))
}
