//! The example, over a real socket of the loopback, on a multi-threaded runtime.

#[path = "../examples/axum.rs"]
#[allow(dead_code, reason = "its `main` is not for tests")]
mod example;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use corio::{Config, Event, Schedule};
use example::{Db, Library, Server};
use reqwest::StatusCode;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap()
}

fn server(config: Config, round_trip: Duration) -> Server {
    Server { config, library: Library { db: Db { round_trip } } }
}

/// Serves until the runtime is dropped.
async fn serve(router: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    address
}

/// A client that keeps no connection: one that is dropped has left.
fn client() -> reqwest::Client {
    reqwest::Client::builder().pool_max_idle_per_host(0).no_proxy().build().unwrap()
}

async fn ask(address: SocketAddr, path: &str) -> (StatusCode, String) {
    let response = client().get(format!("http://{address}{path}")).send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

#[test]
fn a_handler_answers_and_errors_are_statuses() {
    runtime().block_on(async {
        let in_time = server(Config::new(), Duration::from_millis(1));
        let address = serve(example::router(in_time)).await;
        let books = r#"["Book 1 by Author 1","Book 2 by Author 2","Book 3 by Author 3"]"#;
        assert_eq!(ask(address, "/books/1").await, (StatusCode::OK, books.to_owned()));
        assert_eq!(ask(address, "/books/200").await.0, StatusCode::NOT_FOUND);
        assert_eq!(ask(address, "/books/12").await.0, StatusCode::INTERNAL_SERVER_ERROR);
        let late =
            server(Config::new().timeout(Duration::from_millis(10)), Duration::from_secs(60));
        let address = serve(example::router(late)).await;
        assert_eq!(ask(address, "/books/1").await.0, StatusCode::GATEWAY_TIMEOUT);
    });
}

#[test]
fn the_readme_shows_this_example() {
    let (readme, example) = (include_str!("../../README.md"), include_str!("../examples/axum.rs"));
    let shown = example.split("// BEGIN README\n").nth(1).unwrap();
    let shown = shown.split("// END README\n").next().unwrap();
    assert!(readme.contains(shown), "the README does not contain:\n{shown}");
}

// ── under load ──

#[corio::dispatcher]
async fn double(library: &Library, numbers: &[u64]) -> Vec<u64> {
    // What needs the runtime, which is there wherever the run is polled.
    tokio::time::sleep(library.db.round_trip).await;
    let numbers = numbers.to_vec();
    tokio::spawn(async move { numbers.iter().map(|n| n * 2).collect() }).await.unwrap()
}

#[corio::dispatcher]
fn add_one(numbers: &[u64]) -> Vec<u64> {
    numbers.iter().map(|n| n + 1).collect()
}

#[corio::task(Library)]
fn walk(n: u64, depth: u64) -> u64 {
    let n = io!(add_one(io!(double(n))));
    if depth == 0 {
        return n;
    }
    let spawned = spawn!(walk(n, depth - 1));
    let all = all!((0..2).map(|step| walk(n + step, depth - 1)));
    let called = call!(walk(n, depth - 1));
    all.into_iter().sum::<u64>() + called + call!(spawned)
}

#[derive(Clone)]
struct Watched {
    library: Arc<Library>,
    config: Config,
    /// How many runs were polled by several threads.
    moved: Arc<Mutex<usize>>,
}

async fn watched(State(watched): State<Watched>, Path(n): Path<u64>) -> String {
    let threads: Arc<Mutex<HashSet<ThreadId>>> = Arc::default();
    let seen = threads.clone();
    let mut schedule = watched.config.schedule(&*watched.library).observe(move |_: &Event<'_>| {
        seen.lock().unwrap().insert(thread::current().id());
    });
    let answer = schedule.run_async(walk(n, 2)).await.unwrap();
    // The same schedule again, perhaps on another thread.
    assert_eq!(schedule.run_async(walk(n, 2)).await, Ok(answer));
    if threads.lock().unwrap().len() > 1 {
        *watched.moved.lock().unwrap() += 1;
    }
    answer.to_string()
}

#[test]
fn under_load_runs_go_from_thread_to_thread_and_every_answer_is_right() {
    const CLIENTS: u64 = 16;
    const REQUESTS: u64 = 60;
    let library = || Library { db: Db { round_trip: Duration::from_micros(50) } };
    let expected: Vec<String> = runtime().block_on(async {
        let mut schedule = Schedule::new(library());
        let mut expected = Vec::new();
        for n in 0..20 {
            expected.push(schedule.run_async(walk(n, 2)).await.unwrap().to_string());
        }
        expected
    });
    let moved = Arc::new(Mutex::new(0));
    runtime().block_on(async {
        let config = Config::new().yield_every(8);
        let state = Watched { library: Arc::new(library()), config, moved: moved.clone() };
        let address = serve(Router::new().route("/{n}", get(watched)).with_state(state)).await;
        let clients = (0..CLIENTS).map(|client| {
            let expected = expected.clone();
            tokio::spawn(async move {
                for request in 0..REQUESTS {
                    let n = (client + request) % 20;
                    let (status, answer) = ask(address, &format!("/{n}")).await;
                    assert_eq!((status, &answer), (StatusCode::OK, &expected[n as usize]));
                }
            })
        });
        for client in clients.collect::<Vec<_>>() {
            client.await.unwrap();
        }
    });
    let moved = *moved.lock().unwrap();
    println!("{moved} of {} runs were polled by several threads", CLIENTS * REQUESTS);
    assert!(moved > 10, "{moved}");
}

// ── the client leaves ──

/// Says when it is dropped.
struct Says(mpsc::Sender<&'static str>, &'static str);

impl Drop for Says {
    fn drop(&mut self) {
        let _ = self.0.send(self.1);
    }
}

/// Where things say that they are dropped, and a dispatcher that it has begun.
struct Said(Mutex<mpsc::Sender<&'static str>>);

impl Said {
    fn by(&self, name: &'static str) -> Says {
        Says(self.0.lock().unwrap().clone(), name)
    }
}

#[corio::dispatcher]
async fn never(said: &Said, keys: &[u64]) -> Vec<u64> {
    let _says = said.by("dispatcher");
    let _ = said.0.lock().unwrap().send("begun");
    std::future::pending::<()>().await;
    keys.to_vec()
}

#[corio::task(Said)]
fn child() {
    let _says = context!().by("child");
    io!(never(1));
}

#[corio::task(Said)]
fn parent() {
    let _says = context!().by("parent");
    spawn!(child());
    io!(never(2));
}

async fn endless(State(said): State<Arc<Said>>) -> StatusCode {
    match Schedule::new(said).run_async(parent()).await {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The next `n` things that were said.
fn heard(receiver: &mpsc::Receiver<&'static str>, n: usize) -> Vec<&'static str> {
    let next = |_| receiver.recv_timeout(Duration::from_secs(20)).expect("it is said");
    (0..n).map(next).collect()
}

#[test]
fn when_the_client_leaves_the_run_is_dropped_with_all_that_it_asked() {
    let (sender, receiver) = mpsc::channel();
    let runtime = runtime();
    let said = Arc::new(Said(Mutex::new(sender)));
    let router = Router::new().route("/", get(endless)).with_state(said);
    let address = runtime.block_on(serve(router));
    let request = runtime.spawn(async move { ask(address, "/").await });
    assert_eq!(heard(&receiver, 1), ["begun"]);
    request.abort();
    assert_eq!(heard(&receiver, 3), ["child", "parent", "dispatcher"]);
}

#[test]
fn a_time_limit_around_the_handler_drops_the_run_too() {
    let (sender, receiver) = mpsc::channel();
    let runtime = runtime();
    let said = Arc::new(Said(Mutex::new(sender)));
    let limit = tower_http::timeout::TimeoutLayer::with_status_code(
        StatusCode::REQUEST_TIMEOUT,
        Duration::from_millis(50),
    );
    let router = Router::new().route("/", get(endless)).layer(limit).with_state(said);
    let address = runtime.block_on(serve(router));
    let (status, _) = runtime.block_on(ask(address, "/"));
    assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(heard(&receiver, 4), ["begun", "child", "parent", "dispatcher"]);
}

#[test]
fn a_handler_that_is_aborted_drops_the_run_in_the_midst_of_a_select() {
    let (sender, receiver) = mpsc::channel();
    let said = Said(Mutex::new(sender));
    runtime().block_on(async {
        let mut schedule = Schedule::new(&said);
        tokio::select! {
            _ = schedule.run_async(parent()) => unreachable!("it never ends"),
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
        }
        assert_eq!(heard(&receiver, 4), ["begun", "child", "parent", "dispatcher"]);
        // The schedule can be used again, in the same handler.
        assert_eq!(schedule.run_async(add_one(1)).await, Ok(2));
    });
}
