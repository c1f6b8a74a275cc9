//! The import in plain functions: one order after the other, a statement for each thing, a
//! transaction for each order.

use rusqlite::Result;

use crate::db::{Db, insert};
use crate::orders::{NewLine, NewOrder, Order, Outcome, Product, Receipt, Refusal};

fn fetch_customer(db: &Db, email: &str) -> Result<Option<i64>> {
    db.row("SELECT id FROM customers WHERE email = ?1", [email], |row| row.get(0))
}

fn fetch_product(db: &Db, sku: &str) -> Result<Option<Product>> {
    db.row("SELECT id, price FROM products WHERE sku = ?1", [sku], |row| {
        Ok(Product { id: row.get(0)?, price: row.get(1)? })
    })
}

fn write_order(db: &Db, order: &NewOrder) -> Result<i64> {
    let transaction = db.transaction()?;
    let id = insert(&transaction, order)?;
    transaction.commit()?;
    Ok(id)
}

fn fetch_total(db: &Db, order: i64) -> Result<Option<i64>> {
    db.row("SELECT sum(quantity * price) FROM lines WHERE order_id = ?1", [order], |row| row.get(0))
}

pub(crate) fn import(db: &Db, deliveries: &[Vec<Order>]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for delivery in deliveries {
        for order in delivery {
            outcomes.push(look_up(db, order).and_then(|order| write(db, &order)));
        }
    }
    outcomes
}

/// Who ordered, and what it costs.
fn look_up(db: &Db, order: &Order) -> Result<NewOrder, Refusal> {
    let customer = fetch_customer(db, &order.email)?.ok_or(Refusal::UnknownCustomer)?;
    let mut lines = Vec::new();
    for line in &order.lines {
        let product = fetch_product(db, &line.sku)?.ok_or(Refusal::UnknownProduct)?;
        lines.push(NewLine { product: product.id, quantity: line.quantity, price: product.price });
    }
    Ok(NewOrder { reference: order.reference.clone(), customer, lines })
}

fn write(db: &Db, order: &NewOrder) -> Outcome {
    let order = write_order(db, order)?;
    let total = fetch_total(db, order)?.unwrap_or_default();
    Ok(Receipt { order, total })
}
