//! The database: its tables, a connection to it, and what SQLite says that the connection did.
//!
//! The numbers come from SQLite's trace hook, which sees every statement that begins and every row
//! that one yields. No function can ask unseen. The waiting of `--round-trip` sits in the same
//! hook, so none can ask for free either.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use rusqlite::trace::{TraceEvent, TraceEventCodes};
use rusqlite::types::{FromSql, FromSqlResult, ToSql, ToSqlOutput, Value, ValueRef};
use rusqlite::vtab::array::{self, Array};
use rusqlite::{Connection, OpenFlags, Params, Result, Row};

/// A dependency is there once, however many tables of the manifest (`[dev-dependencies]`, …) name
/// it. It may be loaded before the package that it points to, hence `DEFERRED`.
pub(crate) const SCHEMA: &str = "
    CREATE TABLE packages (
        id      INTEGER PRIMARY KEY,
        name    TEXT NOT NULL,
        version TEXT NOT NULL,
        licence TEXT,
        member  INTEGER NOT NULL
    );
    CREATE TABLE features (
        package INTEGER NOT NULL REFERENCES packages,
        name    TEXT NOT NULL,
        PRIMARY KEY (package, name)
    ) WITHOUT ROWID;
    CREATE TABLE dependencies (
        package    INTEGER NOT NULL REFERENCES packages,
        dependency INTEGER NOT NULL REFERENCES packages DEFERRABLE INITIALLY DEFERRED,
        PRIMARY KEY (package, dependency)
    ) WITHOUT ROWID;
    CREATE INDEX dependents ON dependencies (dependency);
";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PackageId(pub(crate) i64);

/// A row of `packages`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) licence: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Db {
    connection: Connection,
    tally: Arc<Tally>,
}

/// Grows while the connection is used. It is shared with the trace hook, which SQLite could call on
/// any thread.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    queries: AtomicU64,
    rows: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    pub(crate) queries: u64,
    pub(crate) rows: u64,
}

impl Db {
    pub(crate) fn open(path: &Path, round_trip: Duration) -> Result<Db> {
        let mut connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        array::load_module(&connection)?;

        let tally = Arc::new(Tally::default());
        let seen = tally.clone();
        connection.trace_v2(
            TraceEventCodes::SQLITE_TRACE_STMT | TraceEventCodes::SQLITE_TRACE_ROW,
            Some(move |event: TraceEvent<'_>| match event {
                TraceEvent::Stmt(..) => {
                    seen.queries.fetch_add(1, Relaxed);
                    thread::sleep(round_trip);
                }
                TraceEvent::Row(_) => {
                    seen.rows.fetch_add(1, Relaxed);
                }
                _ => {}
            }),
        )?;
        Ok(Db { connection, tally })
    }

    pub(crate) fn tally(&self) -> Arc<Tally> {
        self.tally.clone()
    }

    /// The one row that the query gives; an error where it gives none.
    pub(crate) fn row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.connection.prepare_cached(sql)?.query_row(params, read)
    }

    pub(crate) fn rows<T, C: FromIterator<T>>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<C> {
        self.connection.prepare_cached(sql)?.query_map(params, read)?.collect()
    }
}

impl Tally {
    pub(crate) fn counts(&self) -> Counts {
        Counts { queries: self.queries.load(Relaxed), rows: self.rows.load(Relaxed) }
    }
}

impl Package {
    /// Reads `name, version, licence`, which begin at column `first`.
    pub(crate) fn read(row: &Row<'_>, first: usize) -> Result<Package> {
        Ok(Package {
            name: row.get(first)?,
            version: row.get(first + 1)?,
            licence: row.get(first + 2)?,
        })
    }
}

/// The workspace members. One query for them all, so no way has anything to gain here.
pub(crate) fn fetch_members(db: &Db) -> Result<Vec<PackageId>> {
    db.rows("SELECT id FROM packages WHERE member ORDER BY id", [], |row| row.get(0))
}

/// Many ids as one parameter: `IN rarray(?1)`. The text of the query stays the same however many
/// there are, so that it is prepared once.
pub(crate) fn array(ids: &[PackageId]) -> Array {
    Rc::new(ids.iter().map(|id| Value::Integer(id.0)).collect())
}

impl ToSql for PackageId {
    fn to_sql(&self) -> Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl FromSql for PackageId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<PackageId> {
        i64::column_result(value).map(PackageId)
    }
}
