//! Pages of a library: a handler of axum runs a task, which asks for one thing at a time.
//!
//! `cargo run --manifest-path servers/Cargo.toml --example axum`, and then
//! `curl localhost:3000/books/1`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};

/// A connection pool, say.
pub struct Db {
    /// How long a query takes.
    pub round_trip: Duration,
}

#[derive(Debug)]
pub struct DbError;

impl Db {
    /// `SELECT … WHERE id = ANY($1)`
    async fn select<T>(
        &self,
        ids: &[u64],
        row: fn(u64) -> T,
    ) -> Result<HashMap<u64, T>, Arc<DbError>> {
        tokio::time::sleep(self.round_trip).await;
        if ids.contains(&13) {
            return Err(Arc::new(DbError));
        }
        Ok(ids.iter().filter(|id| **id < 100).map(|id| (*id, row(*id))).collect())
    }
}

// BEGIN README
#[derive(corio::Context)]
pub struct Library {
    pub db: Db,
}

#[corio::dispatcher]
async fn fetch_book(db: &Db, ids: &[u64]) -> Result<HashMap<u64, Book>, Arc<DbError>> {
    db.select(ids, |id| Book {
        title: format!("Book {id}"),
        author: id % 10,
        similar: vec![id + 1, id + 2],
    })
    .await
}

#[corio::dispatcher]
async fn fetch_author(db: &Db, ids: &[u64]) -> Result<HashMap<u64, String>, Arc<DbError>> {
    db.select(ids, |id| format!("Author {id}")).await
}

#[corio::task(Library)]
fn title(id: u64) -> Result<String, Failure> {
    let book = io!(fetch_book(id))?.ok_or(Failure::NotFound)?;
    let author = io!(fetch_author(book.author))?.unwrap_or_default();
    Ok(format!("{} by {author}", book.title))
}

#[corio::task(Library)]
fn card(id: u64) -> Result<Vec<String>, Failure> {
    let book = io!(fetch_book(id))?.ok_or(Failure::NotFound)?;
    let similar = book.similar.iter().map(|id| title(*id)); // two tasks: their requests leave together
    Ok([vec![call!(title(id))?], try_all!(similar)?].concat())
}

/// A run is a future like any other: when the client leaves, it is dropped, with all that it asked.
async fn book(
    State(server): State<Arc<Server>>,
    Path(id): Path<u64>,
) -> Result<Json<Vec<String>>, Failure> {
    let mut schedule = server.config.schedule(&server.library);
    Ok(Json(schedule.run_async(card(id)).await??)) // the run's error, and the task's own
}

impl axum::response::IntoResponse for Failure {
    fn into_response(self) -> axum::response::Response {
        match self {
            Failure::NotFound => StatusCode::NOT_FOUND,
            Failure::Run(corio::Error::TimedOut { .. }) => StatusCode::GATEWAY_TIMEOUT,
            Failure::Db(_) | Failure::Run(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
        .into_response()
    }
}

pub fn router(server: Server) -> Router {
    Router::new().route("/books/{id}", get(book)).with_state(Arc::new(server))
}
// END README

#[derive(Clone)]
struct Book {
    title: String,
    author: u64,
    similar: Vec<u64>,
}

/// What every request of the server shares.
pub struct Server {
    pub config: corio::Config,
    pub library: Library,
}

#[derive(Debug)]
pub enum Failure {
    NotFound,
    Db(Arc<DbError>),
    Run(corio::Error),
}

impl From<Arc<DbError>> for Failure {
    fn from(error: Arc<DbError>) -> Self {
        Failure::Db(error)
    }
}

impl From<corio::Error> for Failure {
    fn from(error: corio::Error) -> Self {
        Failure::Run(error)
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let config = corio::Config::new().timeout(Duration::from_secs(2));
    let library = Library { db: Db { round_trip: Duration::from_millis(1) } };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    println!("http://{}/books/1", listener.local_addr()?);
    axum::serve(listener, router(Server { config, library }))
        .with_graceful_shutdown(async { drop(tokio::signal::ctrl_c().await) })
        .await
}
