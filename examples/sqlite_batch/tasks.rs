//! The import of [`plain`](crate::plain) as corio tasks: a statement answers for many orders, and a
//! transaction writes many.
//!
//! # What becomes of a batch in flight when its run is dropped
//!
//! Of one of these: nothing, as there is no such moment. They answer in place. Between `BEGIN` and
//! `COMMIT` nothing else runs on this thread, and nobody can drop the run; the transaction commits
//! or rolls back as a whole before any task goes on. (A panic in the middle drops the transaction,
//! which rolls it back.) So whoever drops a `run_async` between two batches finds each batch in the
//! database or not there at all, and knows which: those that were sent.
//!
//! An `async fn` with `write` or `ordered` can be left in the middle, wherever it awaits: what that
//! means for what it has written so far is in the documentation of `ordered`.

use std::collections::HashMap;
use std::rc::Rc;

use rusqlite::types::Value;
use rusqlite::vtab::array::Array;
use rusqlite::{Error, Result};

use crate::db::{Db, insert};
use crate::orders::{NewLine, NewOrder, Order, Outcome, Product, Receipt, Refusal, is_constraint};

#[derive(Debug, corio::Context)]
pub(crate) struct App {
    pub(crate) db: Db,
}

// Reads: equal keys are asked once, and what was answered is not asked again in the run. Good for
// what the import never changes, as the number of a customer and a price; the stock, which it does
// change, is not among it.

#[corio::dispatcher(read, max_batch = 1000, faults = "error")]
fn fetch_customer(db: &Db, emails: &[String]) -> Result<HashMap<String, i64>, Error> {
    db.rows("SELECT email, id FROM customers WHERE email IN rarray(?1)", [texts(emails)], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
}

#[corio::dispatcher(read, max_batch = 1000, faults = "error")]
fn fetch_product(db: &Db, skus: &[String]) -> Result<HashMap<String, Product>, Error> {
    db.rows("SELECT sku, id, price FROM products WHERE sku IN rarray(?1)", [texts(skus)], |row| {
        Ok((row.get(0)?, Product { id: row.get(1)?, price: row.get(2)? }))
    })
}

/// Without a cache: whoever asks wants to know what is there now.
#[corio::dispatcher(max_batch = 1000, faults = "error")]
fn fetch_total(db: &Db, orders: &[i64]) -> Result<HashMap<i64, i64>, Error> {
    let orders: Array = Rc::new(orders.iter().map(|order| Value::Integer(*order)).collect());
    db.rows("SELECT order_id, sum(quantity * price) FROM lines WHERE order_id IN rarray(?1) GROUP BY order_id", [orders], |row| Ok((row.get(0)?, row.get(1)?)))
}

/// Orders are written in the order in which they are asked for, as many as a batch has in one
/// transaction; with `max_batch` no other connection waits for long.
///
/// An order that the schema refuses is taken back to its savepoint, its first lines included, and
/// gets the error as its own answer (the inner `Result`). Whatever else goes wrong (the disk is
/// full, the database is locked) concerns the whole transaction: it is rolled back, and all of them
/// get the error (the outer one).
#[corio::dispatcher(write, max_batch = 50, faults = "error")]
pub(crate) fn write_order(db: &Db, orders: &[NewOrder]) -> Result<Vec<Result<i64, Error>>, Error> {
    let mut transaction = db.transaction()?;
    let mut written = Vec::with_capacity(orders.len());
    for order in orders {
        let savepoint = transaction.savepoint()?;
        match insert(&savepoint, order) {
            Ok(id) => {
                savepoint.commit()?;
                written.push(Ok(id));
            }
            Err(error) if is_constraint(&error) => {
                savepoint.finish()?; // rolls back
                written.push(Err(error));
            }
            Err(error) => return Err(error),
        }
    }
    transaction.commit()?;
    Ok(written)
}

/// Many keys as one parameter: `IN rarray(?1)`.
///
/// A temporary table would do as well. It costs an `INSERT` for each key and a `DELETE` each time,
/// to read what the statement could be told at once. And unlike a list of as many question marks as
/// there are keys, the text stays the same: it is prepared once, and there is no limit on the
/// number of parameters. The array has no index, but it is only gone through once: SQLite looks
/// each of its keys up in the index of the table.
fn texts(keys: &[String]) -> Array {
    Rc::new(keys.iter().cloned().map(Value::Text).collect())
}

/// One delivery after the other, all orders of a delivery together.
///
/// Who comes first is served while there is stock, so the order of writing counts. `write` writes
/// in the order of asking; but whose lookups are answered from memory asks earlier than somebody
/// before it who has to wait for the database. Hence two steps: what needs no order, and then the
/// writing, whose tasks start, and ask, in the order of the delivery.
#[corio::task(App)]
pub(crate) fn import(deliveries: &[Vec<Order>]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for delivery in deliveries {
        let known = all!(delivery.iter().map(look_up));
        outcomes.extend(all!(known.into_iter().map(write)));
    }
    outcomes
}

/// Who ordered, and what it costs.
#[corio::task(App)]
fn look_up(order: &Order) -> Result<NewOrder, Refusal> {
    let customer = io!(fetch_customer(order.email.clone()))?.ok_or(Refusal::UnknownCustomer)?;
    let products = io_all!(order.lines.iter().map(|line| fetch_product(line.sku.clone())));
    let mut lines = Vec::new();
    for (line, product) in order.lines.iter().zip(products) {
        let product = product?.ok_or(Refusal::UnknownProduct)?;
        lines.push(NewLine { product: product.id, quantity: line.quantity, price: product.price });
    }
    Ok(NewOrder { reference: order.reference.clone(), customer, lines })
}

#[corio::task(App)]
fn write(order: Result<NewOrder, Refusal>) -> Outcome {
    let order = io!(write_order(order?))?;
    let total = io!(fetch_total(order))?.unwrap_or_default();
    Ok(Receipt { order, total })
}
