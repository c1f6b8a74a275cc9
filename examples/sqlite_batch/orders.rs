//! The shop and the orders that come in: made up, the same for the same seed, and not all of them
//! good.

use std::fmt;

use corio::RequestError;
use fastrand::Rng;
use rusqlite::{Error, ErrorCode};

/// An order as it comes in. Customer and products are named, not numbered: they have to be looked
/// up.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) reference: String,
    pub(crate) email: String,
    pub(crate) lines: Vec<Line>,
}

#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) sku: String,
    pub(crate) quantity: i64,
}

/// An order that can be written.
#[derive(Clone, Debug)]
pub(crate) struct NewOrder {
    pub(crate) reference: String,
    pub(crate) customer: i64,
    pub(crate) lines: Vec<NewLine>,
}

#[derive(Clone, Debug)]
pub(crate) struct NewLine {
    pub(crate) product: i64,
    pub(crate) quantity: i64,
    /// In cents.
    pub(crate) price: i64,
}

#[derive(Clone, Debug)]
pub(crate) struct Product {
    pub(crate) id: i64,
    /// In cents.
    pub(crate) price: i64,
}

/// What becomes of an order.
pub(crate) type Outcome = Result<Receipt, Refusal>;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) order: i64,
    /// In cents, as the database adds them up.
    pub(crate) total: i64,
}

/// Why an order is not in the database.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Refusal {
    UnknownCustomer,
    UnknownProduct,
    /// A constraint of the schema does not allow it.
    Constraint(String),
    /// The order is not to blame.
    Trouble(String),
}

/// Whether it is about one row, and others may well be written.
pub(crate) fn is_constraint(error: &Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation)
}

impl From<&Error> for Refusal {
    fn from(error: &Error) -> Refusal {
        match error {
            Error::SqliteFailure(_, Some(message)) if is_constraint(error) => {
                Refusal::Constraint(message.clone())
            }
            _ => Refusal::Trouble(error.to_string()),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal::from(&error)
    }
}

/// The dispatcher's own error, or trouble with the batch (a panic in it, a wrong number of
/// answers).
impl From<RequestError<Error>> for Refusal {
    fn from(error: RequestError<Error>) -> Refusal {
        error.failed().map_or_else(|| Refusal::Trouble(error.to_string()), Refusal::from)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::UnknownCustomer => f.write_str("unknown customer"),
            Refusal::UnknownProduct => f.write_str("unknown product"),
            Refusal::Constraint(message) | Refusal::Trouble(message) => f.write_str(message),
        }
    }
}

/// What is there before the first order comes.
#[derive(Debug)]
pub(crate) struct Shop {
    pub(crate) customers: Vec<String>,
    pub(crate) products: Vec<Stocked>,
}

#[derive(Debug)]
pub(crate) struct Stocked {
    pub(crate) sku: String,
    /// In cents.
    pub(crate) price: i64,
    pub(crate) stock: i64,
}

const CUSTOMERS: usize = 400;
const PRODUCTS: usize = 150;
/// Orders that come in together.
const DELIVERY: usize = 100;

/// A shop, and `orders` orders in the deliveries in which they come in.
pub(crate) fn make_up(orders: u32, seed: u64) -> (Shop, Vec<Vec<Order>>) {
    let random = &mut Rng::with_seed(seed);
    let customers = (0..CUSTOMERS).map(email).collect();
    // Scarce enough that some products are sold out in the end, and who comes first is served.
    let stock = i64::from(orders) / 12 + 10;
    let products = (0..PRODUCTS)
        .map(|number| Stocked {
            sku: sku(number),
            price: random.i64(100..20_000),
            stock: random.i64(stock / 2..=stock),
        })
        .collect();

    let mut made: Vec<Order> = Vec::new();
    for number in 0..orders {
        // One in a hundred is sent twice.
        let order = if !made.is_empty() && random.u8(0..100) == 0 {
            made[random.usize(0..made.len())].clone()
        } else {
            order(number, random)
        };
        made.push(order);
    }
    (Shop { customers, products }, made.chunks(DELIVERY).map(<[Order]>::to_vec).collect())
}

fn order(number: u32, random: &mut Rng) -> Order {
    // One in a hundred each: a customer, a product that nobody knows, and a quantity that makes no
    // sense.
    let email = if random.u8(0..100) == 0 {
        "nobody@example.org".to_owned()
    } else {
        email(random.usize(0..CUSTOMERS))
    };
    let mut products: Vec<usize> = (0..PRODUCTS).collect();
    random.shuffle(&mut products);
    products.truncate(random.usize(1..=4));
    let mut lines: Vec<Line> = products
        .into_iter()
        .map(|product| Line { sku: sku(product), quantity: random.i64(1..=6) })
        .collect();
    let last = lines.last_mut().expect("at least one line");
    match random.u8(0..100) {
        0 => last.sku = "no-such-thing".to_owned(),
        1 => last.quantity = 0,
        _ => {}
    }
    Order { reference: format!("R-{number:06}"), email, lines }
}

fn email(customer: usize) -> String {
    format!("customer{customer}@example.org")
}

fn sku(product: usize) -> String {
    format!("sku-{product:04}")
}
