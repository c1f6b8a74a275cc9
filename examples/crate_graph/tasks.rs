//! (b) The functions of [`plain`](crate::plain) as corio tasks, statement for statement.
//!
//! A query now answers for many packages, and takes as many as ask. The tasks below know nothing of
//! that: each still asks about its own package. Those that a `try_all!` starts ask in the same
//! phase, and so do their children, across all workspace members: the batches turn out to be the
//! levels of the graph, which no line here mentions.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::Error;

use crate::catalogue::{Catalogue, Facts};
use crate::db::{Db, Package, PackageId, array, fetch_members};
use crate::report::Report;

/// Everyone who waits for a query that failed gets its error.
pub(crate) type Result<T> = std::result::Result<T, Arc<Error>>;

#[derive(Debug, corio::Context)]
pub(crate) struct App {
    pub(crate) db: Db,
}

#[corio::dispatcher]
pub(crate) fn fetch_package(db: &Db, ids: &[PackageId]) -> Result<HashMap<PackageId, Package>> {
    Ok(db.rows(
        "SELECT id, name, version, licence FROM packages WHERE id IN rarray(?1)",
        [array(ids)],
        |row| Ok((row.get(0)?, Package::read(row, 1)?)),
    )?)
}

#[corio::dispatcher]
pub(crate) fn count_features(db: &Db, ids: &[PackageId]) -> Result<Vec<u32>> {
    let counts = db.rows(
        "SELECT package, count(*) FROM features WHERE package IN rarray(?1) GROUP BY package",
        [array(ids)],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    Ok(by_position(ids, &counts))
}

#[corio::dispatcher]
pub(crate) fn count_dependents(db: &Db, ids: &[PackageId]) -> Result<Vec<u32>> {
    let counts = db.rows("SELECT dependency, count(*) FROM dependencies WHERE dependency IN rarray(?1) GROUP BY dependency", [array(ids)], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(by_position(ids, &counts))
}

#[corio::dispatcher]
pub(crate) fn fetch_dependencies(db: &Db, ids: &[PackageId]) -> Result<Vec<Vec<PackageId>>> {
    let edges: Vec<(PackageId, PackageId)> =
        db.rows("SELECT package, dependency FROM dependencies WHERE package IN rarray(?1) ORDER BY package, dependency", [array(ids)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let mut dependencies = HashMap::<_, Vec<_>>::new();
    for (package, dependency) in edges {
        dependencies.entry(package).or_default().push(dependency);
    }
    Ok(by_position(ids, &dependencies))
}

/// An answer for each id, in their order. A grouped query has no row for a package that it found
/// nothing for.
fn by_position<T: Clone + Default>(ids: &[PackageId], found: &HashMap<PackageId, T>) -> Vec<T> {
    ids.iter().map(|id| found.get(id).cloned().unwrap_or_default()).collect()
}

#[corio::task(App)]
pub(crate) fn report() -> Result<Report> {
    let catalogue = Catalogue::default();
    let members = fetch_members(&context!().db)?;
    try_all!(catalogue.claim(&members).into_iter().map(|member| survey(member, &catalogue)))?;
    Ok(Report::new(&members, catalogue))
}

/// A package and all that it leads to.
#[corio::task(App)]
fn survey(id: PackageId, catalogue: &Catalogue) -> Result<()> {
    let facts = call!(facts(id))?;
    let unseen = catalogue.claim(&facts.dependencies);
    catalogue.add(id, facts);
    try_all!(unseen.into_iter().map(|dependency| survey(dependency, catalogue)))?;
    Ok(())
}

#[corio::task(App)]
fn facts(id: PackageId) -> Result<Facts> {
    let package = io!(fetch_package(id))?.ok_or(Error::QueryReturnedNoRows)?;
    let (features, dependents) = io!(count_features(id), count_dependents(id));
    let dependencies = io!(fetch_dependencies(id))?;
    Ok(Facts { package, features: features?, dependents: dependents?, dependencies })
}
