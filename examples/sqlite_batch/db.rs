//! The database: its tables, a connection to it, what SQLite says that the connection did, and the
//! one way to write an order.
//!
//! The numbers come from SQLite's trace hook, which sees every statement that begins, `BEGIN` and
//! `SAVEPOINT` included.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use rusqlite::trace::{TraceEvent, TraceEventCodes};
use rusqlite::types::{FromSql, ValueRef};
use rusqlite::vtab::array;
use rusqlite::{Connection, OptionalExtension, Params, Result, Row, Transaction};

use crate::orders::{NewOrder, Shop};

/// The constraints have names: that is what an order is told that breaks one.
const SCHEMA: &str = "
    CREATE TABLE customers (
        id    INTEGER PRIMARY KEY,
        email TEXT NOT NULL UNIQUE
    );
    CREATE TABLE products (
        id    INTEGER PRIMARY KEY,
        sku   TEXT NOT NULL UNIQUE,
        price INTEGER NOT NULL,
        stock INTEGER NOT NULL CONSTRAINT 'enough in stock' CHECK (stock >= 0)
    );
    CREATE TABLE orders (
        id        INTEGER PRIMARY KEY,
        reference TEXT NOT NULL UNIQUE,
        customer  INTEGER NOT NULL REFERENCES customers
    );
    CREATE TABLE lines (
        order_id INTEGER NOT NULL REFERENCES orders,
        product  INTEGER NOT NULL REFERENCES products,
        quantity INTEGER NOT NULL CONSTRAINT 'a quantity of at least 1' CHECK (quantity >= 1),
        price    INTEGER NOT NULL,
        PRIMARY KEY (order_id, product)
    ) WITHOUT ROWID;
";

#[derive(Debug)]
pub(crate) struct Db {
    connection: Connection,
    tally: Arc<Tally>,
}

/// Grows while the connection is used. It is shared with the trace hook, which SQLite could call on
/// any thread.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    statements: AtomicU64,
    selects: AtomicU64,
    transactions: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    /// All of them, also those of which the two below are a part.
    pub(crate) statements: u64,
    pub(crate) selects: u64,
    pub(crate) transactions: u64,
}

impl Db {
    /// A new database with what a shop has, in a file or in memory. Counting starts afterwards.
    pub(crate) fn create(file: Option<&Path>, shop: &Shop) -> Result<Db> {
        let mut connection = match file {
            Some(path) => Connection::open(path)?,
            None => Connection::open_in_memory()?,
        };
        // Each commit waits for the disk once. (In memory there is no journal to be changed, and no
        // disk.)
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.execute_batch(SCHEMA)?;
        array::load_module(&connection)?;

        let transaction = connection.transaction()?;
        for email in &shop.customers {
            transaction
                .prepare_cached("INSERT INTO customers (email) VALUES (?1)")?
                .execute([email])?;
        }
        for product in &shop.products {
            let mut insert = transaction
                .prepare_cached("INSERT INTO products (sku, price, stock) VALUES (?1, ?2, ?3)")?;
            insert.execute((&product.sku, product.price, product.stock))?;
        }
        transaction.commit()?;

        let tally = Arc::new(Tally::default());
        let seen = tally.clone();
        let count = move |event: TraceEvent<'_>| {
            if let TraceEvent::Stmt(_, sql) = event {
                seen.statements.fetch_add(1, Relaxed);
                seen.selects.fetch_add(sql.starts_with("SELECT").into(), Relaxed);
                seen.transactions.fetch_add(sql.starts_with("BEGIN").into(), Relaxed);
            }
        };
        connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(count))?;
        Ok(Db { connection, tally })
    }

    pub(crate) fn counts(&self) -> Counts {
        let Tally { statements, selects, transactions } = &*self.tally;
        Counts {
            statements: statements.load(Relaxed),
            selects: selects.load(Relaxed),
            transactions: transactions.load(Relaxed),
        }
    }

    /// The one row that the query gives, if it does.
    pub(crate) fn row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        self.connection.prepare_cached(sql)?.query_row(params, read).optional()
    }

    pub(crate) fn rows<T, C: FromIterator<T>>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<C> {
        self.connection.prepare_cached(sql)?.query_map(params, read)?.collect()
    }

    /// Rolled back when it is dropped. There must be no other one, which only a connection by
    /// `&mut` would check: who calls this commits before it returns, and never waits in between.
    pub(crate) fn transaction(&self) -> Result<Transaction<'_>> {
        self.connection.unchecked_transaction()
    }

    /// Every row of every table, for comparisons.
    pub(crate) fn dump(&self) -> Result<Vec<String>> {
        let mut rows = Vec::new();
        for table in ["customers", "products", "orders", "lines"] {
            let mut select =
                self.connection.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2"))?;
            let columns = select.column_count();
            let text = select.query_map([], |row| {
                let cells: Result<Vec<String>> =
                    (0..columns).map(|column| Ok(text(row.get_ref(column)?))).collect();
                Ok(format!("{table}: {}", cells?.join(", ")))
            })?;
            rows.extend(text.collect::<Result<Vec<_>>>()?);
        }
        Ok(rows)
    }
}

fn text(value: ValueRef<'_>) -> String {
    String::column_result(value)
        .or_else(|_| i64::column_result(value).map(|number| number.to_string()))
        .unwrap_or_else(|_| format!("{value:?}"))
}

/// Writes an order and its lines, takes the goods from the stock, and gives its number. On an error
/// what came before it stays: the caller rolls back.
pub(crate) fn insert(connection: &Connection, order: &NewOrder) -> Result<i64> {
    connection
        .prepare_cached("INSERT INTO orders (reference, customer) VALUES (?1, ?2)")?
        .execute((&order.reference, order.customer))?;
    let id = connection.last_insert_rowid();
    let mut insert = connection.prepare_cached("INSERT INTO lines VALUES (?1, ?2, ?3, ?4)")?;
    let mut take =
        connection.prepare_cached("UPDATE products SET stock = stock - ?2 WHERE id = ?1")?;
    for line in &order.lines {
        insert.execute((id, line.product, line.quantity, line.price))?;
        take.execute((line.product, line.quantity))?;
    }
    Ok(id)
}
