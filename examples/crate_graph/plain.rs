//! (a) Plain functions. Each asks for one thing, with a query of its own.
//!
//! Easy to write and to read, and slow as soon as a query has a way to go: four of them for each
//! package, one after the other.

use rusqlite::Result;

use crate::catalogue::{Catalogue, Facts};
use crate::db::{Db, Package, PackageId, fetch_members};
use crate::report::Report;

fn fetch_package(db: &Db, id: PackageId) -> Result<Package> {
    db.row("SELECT name, version, licence FROM packages WHERE id = ?1", [id], |row| {
        Package::read(row, 0)
    })
}

fn count_features(db: &Db, id: PackageId) -> Result<u32> {
    db.row("SELECT count(*) FROM features WHERE package = ?1", [id], |row| row.get(0))
}

fn count_dependents(db: &Db, id: PackageId) -> Result<u32> {
    db.row("SELECT count(*) FROM dependencies WHERE dependency = ?1", [id], |row| row.get(0))
}

fn fetch_dependencies(db: &Db, id: PackageId) -> Result<Vec<PackageId>> {
    db.rows(
        "SELECT dependency FROM dependencies WHERE package = ?1 ORDER BY dependency",
        [id],
        |row| row.get(0),
    )
}

pub(crate) fn report(db: &Db) -> Result<Report> {
    let catalogue = Catalogue::default();
    let members = fetch_members(db)?;
    for member in catalogue.claim(&members) {
        survey(db, member, &catalogue)?;
    }
    Ok(Report::new(&members, catalogue))
}

/// A package and all that it leads to.
fn survey(db: &Db, id: PackageId, catalogue: &Catalogue) -> Result<()> {
    let facts = facts(db, id)?;
    let unseen = catalogue.claim(&facts.dependencies);
    catalogue.add(id, facts);
    for dependency in unseen {
        survey(db, dependency, catalogue)?;
    }
    Ok(())
}

fn facts(db: &Db, id: PackageId) -> Result<Facts> {
    let package = fetch_package(db, id)?;
    let features = count_features(db, id)?;
    let dependents = count_dependents(db, id)?;
    let dependencies = fetch_dependencies(db, id)?;
    Ok(Facts { package, features, dependents, dependencies })
}
