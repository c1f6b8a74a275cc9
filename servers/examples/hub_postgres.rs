//! A page of a reader under load, over PostgreSQL: asked query by query, by runs that batch each
//! for itself, and through a hub, which batches what all requests ask.
//!
//! ```text
//! CORIO_POSTGRES=postgres://user:password@localhost/test \
//!     cargo run --release --manifest-path servers/Cargo.toml --example hub_postgres
//! ```
//!
//! The example makes tables in a schema of its own, `corio_hub_postgres`, and drops it at the end.
//! `.ci/postgres cargo run …` has a server made for it.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use corio::{Config, Hub, HubSnapshot};
use deadpool_postgres::{Manager, Pool, PoolError};
use futures_util::future::try_join_all;
use tokio::runtime::Handle;
use tokio_postgres::types::ToSql;
use tokio_postgres::{NoTls, Row};

// ── the database ──

/// A pool of connections.
#[derive(Clone)]
pub struct Db {
    pool: Pool,
    queries: Arc<AtomicU64>,
    latency: Duration,
}

/// An error of a batch goes to everybody who asked.
type DbError = Arc<PoolError>;

impl Db {
    async fn query(&self, sql: &str, key: &(dyn ToSql + Sync)) -> Result<Vec<Row>, DbError> {
        self.queries.fetch_add(1, Ordering::Relaxed);
        let query = async {
            let connection = self.pool.get().await?;
            if !self.latency.is_zero() {
                tokio::time::sleep(self.latency).await;
            }
            let statement = connection.prepare_cached(sql).await?;
            Ok(connection.query(&statement, &[key]).await?)
        };
        query.await.map_err(Arc::new)
    }
}

#[derive(Clone)]
struct Post {
    id: i64,
    title: String,
    author: i64,
}

/// What a request is answered with.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    reader: String,
    cards: Vec<Card>,
}

#[derive(Clone, Debug, PartialEq)]
struct Card {
    title: String,
    author: String,
    comments: i64,
}

type Failure = Box<dyn Error + Send + Sync>;

// ── query by query ──

async fn plain_page(db: &Db, reader: i64) -> Result<Page, Failure> {
    let sql = "SELECT post, title, author FROM feeds JOIN posts ON id = post
               WHERE reader = $1 ORDER BY post";
    let mut cards = Vec::new();
    for post in db.query(sql, &reader).await? {
        let sql = "SELECT count(*) FROM comments WHERE post = $1";
        let comments = db.query(sql, &post.get::<_, i64>("post")).await?;
        cards.push(Card {
            title: post.get("title"),
            author: plain_name(db, post.get("author")).await?,
            comments: comments[0].get(0),
        });
    }
    Ok(Page { reader: plain_name(db, reader).await?, cards })
}

async fn plain_name(db: &Db, user: i64) -> Result<String, Failure> {
    let rows = db.query("SELECT name FROM users WHERE id = $1", &user).await?;
    Ok(rows.first().ok_or("no such user")?.get(0))
}

// ── dispatchers: how a batch is answered ──

#[corio::dispatcher(shared)]
async fn name(db: &Db, users: &[i64]) -> Result<HashMap<i64, String>, DbError> {
    let rows = db.query("SELECT id, name FROM users WHERE id = ANY($1)", &users).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

#[corio::dispatcher(shared)]
async fn feed(db: &Db, readers: &[i64]) -> Result<HashMap<i64, Vec<Post>>, DbError> {
    let sql = "SELECT reader, post, title, author FROM feeds JOIN posts ON id = post
               WHERE reader = ANY($1) ORDER BY post";
    let mut feeds: HashMap<i64, Vec<Post>> = HashMap::new();
    for row in db.query(sql, &readers).await? {
        let (id, title, author) = (row.get("post"), row.get("title"), row.get("author"));
        feeds.entry(row.get("reader")).or_default().push(Post { id, title, author });
    }
    Ok(feeds)
}

#[corio::dispatcher(shared)]
async fn comments(db: &Db, posts: &[i64]) -> Result<HashMap<i64, i64>, DbError> {
    let sql = "SELECT post, count(*) FROM comments WHERE post = ANY($1) GROUP BY post";
    let rows = db.query(sql, &posts).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

// ── tasks, for a run of each request, alone or through a hub ──

#[corio::task(Db)]
fn page(reader: i64) -> Result<Page, Failure> {
    let (name, feed) = io!(name(reader), feed(reader));
    let cards = try_all!(feed?.unwrap_or_default().into_iter().map(card))?;
    Ok(Page { reader: name?.ok_or("no such user")?, cards })
}

#[corio::task(Db)]
fn card(post: Post) -> Result<Card, Failure> {
    let (name, comments) = io!(name(post.author), comments(post.id));
    let author = name?.ok_or("no such user")?;
    Ok(Card { title: post.title, author, comments: comments?.unwrap_or(0) })
}

// ── plain async code, for a hub ──

async fn async_page(hub: &Hub<Db>, reader: i64) -> Result<Page, Failure> {
    let (name, feed) = tokio::try_join!(hub.ask(name(reader)), hub.ask(feed(reader)))?;
    let cards = feed?.unwrap_or_default().into_iter().map(|post| async_card(hub, post));
    Ok(Page { reader: name?.ok_or("no such user")?, cards: try_join_all(cards).await? })
}

async fn async_card(hub: &Hub<Db>, post: Post) -> Result<Card, Failure> {
    let (name, comments) =
        tokio::try_join!(hub.ask(name(post.author)), hub.ask(comments(post.id)))?;
    let author = name?.ok_or("no such user")?;
    Ok(Card { title: post.title, author, comments: comments?.unwrap_or(0) })
}

// ── the handler ──

/// How requests are answered.
#[derive(Clone)]
enum Way {
    QueryByQuery,
    /// By a run each, which goes through a hub if its configuration does.
    Runs(Config),
    Drives(Hub<Db>),
}

async fn handle(db: &Db, way: &Way, reader: i64) -> Result<Page, Failure> {
    match way {
        Way::QueryByQuery => plain_page(db, reader).await,
        Way::Runs(config) => config.schedule(db).run_async(page(reader)).await?,
        Way::Drives(hub) => hub.drive(async_page(hub, reader)).await,
    }
}

/// One hub serves a whole process.
fn make_hub(db: &Db, args: &Args) -> Hub<Db> {
    Hub::new(db.clone(), corio::spawn::tokio(Handle::current()))
        .share(name)
        .share(feed)
        .share(comments)
        // More batches would wait for a connection, where nothing can join them.
        .max_in_flight(args.connections)
}

// ── the load ──

/// Clients ask for one page after the other, which are answered in several ways.
#[derive(Parser)]
pub struct Args {
    /// Where the database is
    #[arg(env = "CORIO_POSTGRES", hide_env_values = true)]
    pub database: String,

    /// How many clients there are
    #[arg(long, value_name = "NUMBER", default_value_t = 64)]
    pub clients: usize,

    /// How many connections there are
    #[arg(long, value_name = "NUMBER", default_value_t = 8)]
    pub connections: usize,

    /// Each query takes at least so many milliseconds longer, as if the database were far away
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub latency: u64,

    /// How many seconds each way is measured
    #[arg(long, value_name = "NUMBER", default_value_t = 3.0)]
    pub seconds: f64,
}

/// What one way has cost.
pub struct Measured {
    pub way: &'static str,
    pub requests: usize,
    pub queries: u64,
    time: Duration,
    p50: Duration,
    p99: Duration,
}

/// Answers the load in each way. Returns what each has cost, and what was in the hubs.
pub async fn measure_all(args: &Args) -> Result<(Vec<Measured>, [HubSnapshot; 2]), Failure> {
    let mut config: tokio_postgres::Config = args.database.parse()?;
    config.options("-c search_path=corio_hub_postgres");
    let pool = Pool::builder(Manager::new(config, NoTls)).max_size(args.connections).build()?;
    let db = Db { pool, queries: Arc::default(), latency: Duration::from_millis(args.latency) };
    db.pool.get().await?.batch_execute(TABLES).await?;
    db.pool.get().await?.batch_execute(VACUUM).await?;
    let mut pages = Vec::new();
    for reader in 0..READERS {
        pages.push(plain_page(&db, reader).await?);
    }
    let pages = Arc::new(pages);

    let hubs = [make_hub(&db, args), make_hub(&db, args)];
    let ways = [
        ("query by query", Way::QueryByQuery),
        ("a run per request", Way::Runs(Config::new())),
        ("runs through a hub", Way::Runs(Config::new().through(&hubs[0]))),
        ("drives of a hub", Way::Drives(hubs[1].clone())),
    ];
    let mut measured = Vec::new();
    for (name, way) in ways {
        measured.push(measure(args, &db, &pages, name, way).await?);
    }
    db.pool.get().await?.batch_execute("DROP SCHEMA corio_hub_postgres CASCADE").await?;
    Ok((measured, hubs.map(|hub| hub.snapshot())))
}

/// Has all clients ask until the time is over.
async fn measure(
    args: &Args,
    db: &Db,
    pages: &Arc<Vec<Page>>,
    name: &'static str,
    way: Way,
) -> Result<Measured, Failure> {
    let (queries, begin) = (db.queries.load(Ordering::Relaxed), Instant::now());
    let end = begin + Duration::from_secs_f64(args.seconds);
    let client = || tokio::spawn(ask_until(end, db.clone(), pages.clone(), way.clone()));
    let clients: Vec<_> = (0..args.clients).map(|_| client()).collect();
    let mut latencies = Vec::new();
    for client in clients {
        latencies.extend(client.await??);
    }
    let (time, requests) = (begin.elapsed(), latencies.len());
    let queries = db.queries.load(Ordering::Relaxed) - queries;
    latencies.sort_unstable();
    let percentile = |percent: usize| latencies[(requests - 1) * percent / 100];
    let (p50, p99) = (percentile(50), percentile(99));
    Ok(Measured { way: name, requests, queries, time, p50, p99 })
}

/// Asks for one page after the other. Returns how long each took; an error or a wrong page ends it.
async fn ask_until(
    end: Instant,
    db: Db,
    pages: Arc<Vec<Page>>,
    way: Way,
) -> Result<Vec<Duration>, Failure> {
    let mut latencies = Vec::new();
    while Instant::now() < end {
        let reader = fastrand::i64(0..READERS);
        let asked = Instant::now();
        let page = handle(&db, &way, reader).await?;
        latencies.push(asked.elapsed());
        let right = &pages[reader as usize];
        if page != *right {
            return Err(format!("{page:?} was given, which is {right:?}").into());
        }
    }
    Ok(latencies)
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let args = Args::parse();
    let (measured, [of_runs, of_drives]) = measure_all(&args).await?;
    let Args { clients, connections, latency, .. } = args;
    println!(
        "{clients} clients, {connections} connections, at least {latency} ms added to each query:"
    );
    let columns = ("requests / s", "p50, ms", "p99, ms", "queries / request");
    println!("{:20} {:>12} {:>9} {:>9} {:>17}", "", columns.0, columns.1, columns.2, columns.3);
    for Measured { way, requests, queries, time, p50, p99 } in measured {
        println!(
            "{way:20} {:>12.0} {:>9.1} {:>9.1} {:>17.2}",
            requests as f64 / time.as_secs_f64(),
            p50.as_secs_f64() * 1e3,
            p99.as_secs_f64() * 1e3,
            queries as f64 / requests as f64,
        );
    }
    println!("\nThe hub of the runs:\n{of_runs}\n\nThe hub of the drives:\n{of_drives}");
    Ok(())
}

// ── what is in the database ──

/// So many users have a feed of five posts.
const READERS: i64 = 500;

const TABLES: &str = "
    DROP SCHEMA IF EXISTS corio_hub_postgres CASCADE;
    CREATE SCHEMA corio_hub_postgres;
    CREATE TABLE users (id int8 PRIMARY KEY, name text NOT NULL);
    CREATE TABLE posts (id int8 PRIMARY KEY, title text NOT NULL, author int8 NOT NULL);
    CREATE TABLE feeds (reader int8, post int8, PRIMARY KEY (reader, post));
    CREATE TABLE comments (id int8 PRIMARY KEY, post int8 NOT NULL);
    INSERT INTO users SELECT n, 'User ' || n FROM generate_series(0, 9999) n;
    INSERT INTO posts SELECT n, 'Post ' || n, n * 37 % 10000 FROM generate_series(0, 19999) n;
    INSERT INTO feeds SELECT reader, (reader * 131 + n * 3989) % 20000
        FROM generate_series(0, 499) reader, generate_series(0, 4) n;
    INSERT INTO comments SELECT n, n * n % 19997 FROM generate_series(0, 199999::int8) n;
    CREATE INDEX ON comments (post);
";

/// A statement of its own, as it can't be in a transaction.
const VACUUM: &str = "VACUUM ANALYZE users, posts, feeds, comments";
