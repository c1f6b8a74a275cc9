//! The attributes of the [`corio`](https://docs.rs/corio) crate, which re-exports them.
//!
//! Use them from `corio`, not from here: their expansions name `::corio::…`.
//!
//! Each attribute goes through the same stages, a file each: *model* (what was written, as named
//! parts) ← *parse* ← *validate* (all mistakes, each once) ← *expand* (cannot fail). A stage uses
//! only those to its left. An item with mistakes is still emitted beside its errors, repaired or
//! replaced by a fallback, so that no second error follows from the first.
//!
//! Expansions are thin calls into the runtime. The logic is there, where it can be read and tested.
//!
//! | | is |
//! |---|---|
//! | `task/`, with `task/body/` for `io!`, `call!` and so on | [`macro@task`] |
//! | `dispatcher/` | [`macro@dispatcher`] |
//! | `context.rs` | [`macro@Context`] |
//! | `function.rs`, `errors.rs` | shared: parsing a function, collecting errors |

use proc_macro::TokenStream;

mod context;
mod dispatcher;
mod errors;
mod function;
#[cfg(test)]
mod quickstart;
mod task;
#[cfg(test)]
mod testing;

/// Turns a function into a task: a function that can wait for answers while other tasks run.
///
/// ```
/// # #[derive(Clone)]
/// # struct Book { title: &'static str, author: u64 }
/// # #[corio::dispatcher]
/// # fn fetch_book(ids: &[u64]) -> Vec<Book> { vec![Book { title: "Emma", author: 7 }; ids.len()] }
/// # #[corio::dispatcher]
/// # fn fetch_author(ids: &[u64]) -> Vec<&'static str> { vec!["Jane Austen"; ids.len()] }
/// # #[corio::dispatcher]
/// # fn fetch_reviews(ids: &[u64]) -> Vec<Vec<u8>> { vec![vec![4, 5]; ids.len()] }
/// #[corio::task]
/// fn card(id: u64) -> String {
///     let book = io!(fetch_book(id));
///     let (author, reviews) = io!(fetch_author(book.author), fetch_reviews(id)); // both at once
///     format!("{} by {author}: {} reviews", book.title, reviews.len())
/// }
///
/// assert_eq!(corio::Schedule::new(()).run(card(3))?, "Emma by Jane Austen: 2 reviews");
/// # Ok::<(), corio::Error>(())
/// ```
///
/// Calling the function runs nothing: the call returns a task. Pass the task to `Schedule::run`,
/// or, in the body of another task, to `call!`, `spawn!`, `join!` and so on. Write the return type
/// as that of an ordinary function; `?` and `return` work as usual. Parameters can be references,
/// patterns, `mut` and `impl Trait`. The attribute goes on free functions, on methods, and on
/// functions of traits (with or without a body) and of their impls.
///
/// # The context
///
/// The attribute's argument says which contexts the task can run under:
///
/// - `#[corio::task]`: any context, for tasks whose requests need no piece of it.
/// - `#[corio::task(Library)]`: the context `Library`; also `Library<'_>` and `Library<T>`.
/// - `#[corio::task(impl Provide<Db> + Provide<Cache>)]`: any context that has these pieces.
/// - `#[corio::task(S)]` on `fn f<S: Provide<Db>>()`: the same, for a function that has type
///   parameters.
///
/// A task that is passed to `spawn!` must be `'static`, and so must its context's type: in a task
/// over `Library<'_>` use `all!` and `join!` instead, and over `impl Provide<Db>` add `+ 'static`.
///
/// # In the body
///
/// Requests:
///
/// - `io!(request)` asks for a request and waits for the answer. `io!(a, b, …)` asks for up to
///   eight requests at once and gives a tuple.
/// - `io_all!(iter)` asks for all requests of an iterator at once and gives a `Vec`, in order.
///
/// One task:
///
/// - `call!(task)` runs a task to its end, and gives its result. `call!` also waits for a lock of
///   `corio::sync`, and for the result of a handle: `call!(handle)`.
/// - `timeout!(duration, task)` runs a task for at most `duration`, and gives a
///   `Result<T, corio::Elapsed>`. A task that takes longer is dropped.
/// - `spawn!(task)` starts a child task that runs beside this one, and gives its handle. `spawn!`
///   waits only if `Schedule::max_tasks` limits the number of tasks. If the task can fail, the
///   compiler warns about a handle that is not used.
/// - `wait!()` waits for all children spawned so far.
///
/// What `call!` and `timeout!` run can borrow from this task; what `spawn!` starts can't.
///
/// Several children, tasks or requests, that can borrow from this task:
///
/// - `join!(a, b, …)` runs up to eight and gives a tuple; `all!(iter)` runs all of an iterator and
///   gives a `Vec`, in order.
/// - `try_join!(a, b, …)`, `try_all!(iter)`: the same for children that return a `Result`, stopping
///   at the first error. The other children are dropped.
/// - `all!(limit = 32, iter)`, `try_all!(limit = 32, iter)`: the same with at most 32 children at a
///   time, which are made one by one as others end.
/// - `for_each!(limit = 32, source, task)`, `try_for_each!`: a task for each item of an iterator or
///   a stream, at most 32 at a time, of which nothing is kept.
/// - `race!(a, b, …)` gives the result of the child that ends first. The others are dropped.
///
/// And:
///
/// - `context!()` gives the context, by reference.
/// - `task! { … }`, `task!(move { … })`, `task!(-> R { … })` make a task of a block, to be spawned,
///   joined and so on.
///
/// These macros work wherever the body itself runs, also in the arguments of other macros
/// (`println!("{}", io!(request))`). They need no import, and they are recognised by name:
/// `corio::io!(request)` is the same, but a renamed import is not. A task that calls itself, such
/// as `call!(walk(node.left))` in `walk`, is boxed at that call.
///
/// # What is refused
///
/// - Each of these macros except `task!` in a closure, an async block, a nested function or a
///   constant: none of these can be suspended. Where another macro puts its arguments into a
///   closure or async block, the error is rustc's: "use of unreachable label
///   `'__corio_cannot_wait_…`".
/// - `.await`: a task waits only for what it asks of corio.
/// - `async fn`, `const fn`, `unsafe fn`, `extern fn`, and functions that return `!`.
/// - `#[corio::task(impl …)]` on a function that has type or const parameters.
/// - `#[tracing::instrument]`, above or below the attribute: see the next section.
///
/// # Spans
///
/// A span of `tracing` that is entered in a task stays entered while the task waits, so other tasks
/// run in it. That is why `#[tracing::instrument]` is refused on a task. The attribute can't see a
/// guard that the body holds over an `io!`, which does the same: leave the span before the `io!`.
///
/// ```no_run
/// # struct Span;
/// # impl Span { fn enter(&self) -> Span { Span } fn in_scope(&self, f: impl FnOnce()) { f() } }
/// # fn info_span() -> Span { Span }
/// # #[corio::dispatcher]
/// # fn fetch(keys: &[u64]) -> Vec<u64> { keys.to_vec() }
/// #[corio::task]
/// fn card(id: u64) {
///     let span = info_span();
///     let entered = span.enter();
///     io!(fetch(id)); // wrong: other tasks run in the span meanwhile
///     drop(entered);
///     let book = io!(fetch(id));
///     span.in_scope(|| println!("{book}")); // right: nothing waits in there
/// }
/// ```
///
/// What does not wait can be instrumented: a function that the task calls, and a dispatcher, whose
/// `async fn` then has one span for each batch.
#[proc_macro_attribute]
pub fn task(attribute: TokenStream, item: TokenStream) -> TokenStream {
    task::task(attribute.into(), item.into()).into()
}

/// Turns a function that answers a whole batch into a request for one thing.
///
/// ```
/// # use std::{collections::HashMap, sync::Arc};
/// # type AuthorId = u64;
/// # #[derive(Clone)]
/// # struct Author { name: String }
/// # #[derive(Debug)]
/// # struct DbError;
/// # struct Db;
/// # impl Db {
/// #     fn authors(
/// #         &self,
/// #         _: &str,
/// #         ids: &[AuthorId],
/// #     ) -> Result<HashMap<AuthorId, Author>, DbError> {
/// #         Ok(ids.iter().map(|id| (*id, Author { name: format!("author {id}") })).collect())
/// #     }
/// # }
/// # #[derive(corio::Context)]
/// # struct Library { db: Db }
/// #[corio::dispatcher(max_batch = 500)]
/// fn fetch_author(db: &Db, ids: &[AuthorId]) -> Result<HashMap<AuthorId, Author>, Arc<DbError>> {
///     db.authors("WHERE id = ANY($1)", ids).map_err(Arc::new)
/// }
///
/// #[corio::task(Library)]
/// fn name(id: AuthorId) -> Result<Option<String>, Arc<DbError>> {
///     Ok(io!(fetch_author(id))?.map(|author| author.name))
/// }
///
/// let name = corio::Schedule::new(Library { db: Db }).run(name(7))?;
/// assert_eq!(name.unwrap().as_deref(), Some("author 7"));
/// # Ok::<(), corio::Error>(())
/// ```
///
/// With the attribute, `fetch_author(id)` is a request, whose type is called `fetch_author` too.
/// The function as written becomes `fetch_author::batch`, so that it can be tested on its own. The
/// request can be asked under each context that provides the pieces.
///
/// # Parameters
///
/// In this order:
///
/// 1. the pieces of the context that the function needs, each as a shared reference: `db: &Db`;
/// 2. the keys: `&[K]`, `Vec<K>` or `corio::Batch<K, R>`;
/// 3. `&mut Vec<R>`, if the function fills in the answers rather than returning them.
///
/// Keys and answers must own their data. The function can be an `async fn`.
///
/// # What it returns
///
/// | the function | `io!` gives |
/// |---|---|
/// | returns `Vec<R>`, position by position | `R` |
/// | returns `HashMap<K, R>` or `BTreeMap<K, R>` | `Option<R>` |
/// | returns `Vec<Result<R, E>>` | `Result<R, E>` |
/// | returns `Result<A, E>`, where `A` is one of these and `E: Clone` | `Result<_, E>` |
/// | returns nothing and fills `&mut Vec<R>` | `R` |
/// | returns nothing and takes `Batch<K, R>` | `R` |
///
/// With a map, equal keys are asked once, and `R` must be `Clone`.
///
/// # Options
///
/// An option that is not used costs nothing. Numbers are literals or constants. Durations are
/// string literals: `"250ms"`, `"2s"`, `"1min 30s"`.
///
/// ## How batches are put together
///
/// - `max_batch = 500`: at most 500 requests in a batch. The rest leaves as further batches.
/// - `max_in_flight = 4`: at most four batches in flight at once. At the limit, requests gather,
///   and leave together when a batch is answered; the parts of a split batch count as one. The
///   default is 1, and `usize::MAX` means no limit. `corio::Options::max_in_flight` shows what a
///   limit costs and gains. Not with `ordered`.
/// - `rate = "10/s"`: at most ten batches leave within any second, `"600/min"` within any minute,
///   `"1/250ms"` in any quarter of a second. The others wait, and gather meanwhile. Every batch
///   counts, also a retry. With `group_by` each value has the rate for itself, unless the
///   dispatcher is `ordered`. Of one schedule; with `shared`, of the hub, for each `by`.
/// - `dedup`: equal keys are asked once, and each request gets a clone of the answer. Needs
///   `K: Clone + Eq + Hash` and `R: Clone`. Implied by a map, and by `cache`. Not with `ordered`.
/// - `group_by = |key| key.page_size`: a batch for each value. Requests whose keys differ in the
///   value never share a batch, and each value has a limit `max_in_flight` of its own. Takes a
///   closure or a function from `&K` to a type that is `Eq + Hash`.
/// - `ordered`: batches leave one at a time, in the order in which their requests were asked; the
///   next starts when the last is answered. `corio::Options::ordered` says what becomes of a batch
///   that is in flight when its run is dropped. Not with `dedup`, `cache` or `max_in_flight`.
/// - `show_keys`: errors and events show keys, not only positions. Needs `K: Debug`.
/// - `read`: short for `dedup, cache`. Not with `ordered` or `write`.
/// - `write`: short for `ordered`. Each write is made, in order, and never answered from memory.
///   Not with `dedup`, `cache`, `read` or `max_in_flight`.
///
/// ## With others
///
/// - `shared`: a `corio::Hub` may answer the requests of several runs, and of plain async code, in
///   one batch. Keys and answers are `Send`, and so is the future of an `async fn`. The pieces come
///   from the context of the hub.
/// - `by = |tenant: &Tenant| tenant.clone()` with `shared`: which of them share a batch. The
///   closure gets pieces of the asker's context, and the function gets what it returns in place of
///   a piece of that type. The type of what it returns is written, `|tenant: &Tenant| -> u64`, if
///   it is not that of its one parameter. A cache with `cache = "schedule"` belongs to the hub
///   then.
///
/// ## Where the function runs
///
/// A `fn` is called on the run's thread, and the run waits for its return. An `async fn` is polled
/// by whatever drives the run. `blocking` runs a `fn` on a thread pool, so that several batches can
/// wait side by side. Its pieces are cloned and must be `Clone + Send + 'static` (an `Arc`, a
/// connection pool); its keys and answers must be `Send`. It needs corio's feature `blocking`, and
/// does not go with an `async fn`.
///
/// ## When a batch fails
///
/// - `retry(attempts = 5, backoff = "10ms..1s", jitter, when = |error: &DbError| error.is_busy())`
///   asks again.
///   - `attempts` is how often a request is asked at most, the first time included: 2 or more.
///     After the last attempt the task gets the last error.
///   - `backoff` is the wait before the next attempt, growing from the shorter to the longer; or
///     `"50ms"`, the same each time. Without `backoff` there is no wait.
///   - `jitter` randomises the waits, so that many requests do not return at once. Needs `backoff`.
///   - `when` says which errors are worth another attempt: a closure or a function from `&E`, for
///     answers that are a `Result`. Without `when`, only slots of a `Batch` that ask for a retry
///     are asked again, so other functions need `when` or `timeouts`.
///   - `timeouts` also asks again what a batch left unanswered at its `timeout`. Use it only where
///     doing something twice does no harm: whether the abandoned batch took effect is unknown.
/// - `timeout = "2s"` is how long a batch may take. The error names the dispatcher, the number of
///   requests and the time. It goes with an `async fn`, with `blocking` or with a `Batch`: a
///   function that answers in place can't be cut short.
/// - `faults = "error"`: a fault becomes the error of the requests that it leaves without an
///   answer. `io!` then gives a `Result` with a `corio::RequestError<E>`, which is `Clone` whatever
///   `E` is. By default, `faults = "run"`, a fault ends the run.
///
/// A fault is trouble with a batch that is no `Err` of the function: a wrong number of answers, a
/// dropped slot, a timeout, or a panic. The panic can be one of the function, of `group_by` or
/// `when`, or of `Hash`, `Eq` or `Clone` of a key or an answer.
///
/// | with `faults = "error"` the function | `io!` gives |
/// |---|---|
/// | returns `Vec<R>` | `Result<R, RequestError>` |
/// | returns `HashMap<K, R>` or `BTreeMap<K, R>` | `Result<Option<R>, RequestError>` |
/// | returns `Vec<Result<R, E>>` | `Result<R, RequestError<E>>` |
/// | returns `Result<A, E>`, `A` one of these, no other error | `Result<_, RequestError<E>>` |
/// | fills `&mut Vec<_>`, or takes a `Batch<K, _>` | as if it returned the `Vec<_>` |
///
/// A `Result` within the answers is recognised by its two type arguments. An alias with one, such
/// as `io::Result<R>`, is taken for a part of the answer.
///
/// ## Caching
///
/// - `cache`, or `cache = "run"`: a key that was answered in a run is not asked again in that run.
///   Needs `K: Clone + Eq + Hash` and `R: Clone`. Not with `ordered`.
/// - `cache = "schedule"`: answers are kept from run to run. Needs `by`.
/// - `by = |tenant: &Tenant| tenant.id`: which runs share cached answers: those whose contexts give
///   the same value. The parameters are pieces of the context, and the value is `Eq + Hash +
///   'static`. `by = || ()` if all runs may share. Needs `cache = "schedule"`, or `shared`.
/// - `capacity = 10_000`: at most that many answers are kept. Needs `cache = "schedule"` and
///   corio's feature `cache`.
/// - `ttl = "1min"`: no answer is kept for longer. Needs `cache = "schedule"`.
/// - `cache_errors`: answers that are an `Err` are kept too. By default they are not, and their
///   keys are asked again. Needs a `cache`.
///
/// ```
/// # use std::collections::HashMap;
/// # use corio::RequestError;
/// # #[derive(Debug)]
/// # enum DbError { Busy }
/// # struct Tenant { id: u64 }
/// # struct Db;
/// # impl Db {
/// #     fn titles(&self, ids: &[u64]) -> Result<HashMap<u64, String>, DbError> {
/// #         Ok(ids.iter().map(|id| (*id, format!("title {id}"))).collect())
/// #     }
/// # }
/// # #[derive(corio::Context)]
/// # struct Library { db: Db, tenant: Tenant }
/// #[corio::dispatcher(
///     max_batch = 500,
///     retry(attempts = 3, when = |error| matches!(error, DbError::Busy)),
///     cache = "schedule",
///     by = |tenant: &Tenant| tenant.id,
///     capacity = 10_000,
///     faults = "error",
/// )]
/// fn fetch_title(db: &Db, ids: &[u64]) -> Result<HashMap<u64, String>, DbError> {
///     db.titles(ids)
/// }
///
/// #[corio::task(Library)]
/// fn title(id: u64) -> Result<Option<String>, RequestError<DbError>> {
///     io!(fetch_title(id))
/// }
///
/// let title = corio::Schedule::new(Library { db: Db, tenant: Tenant { id: 1 } }).run(title(7))?;
/// assert_eq!(title.unwrap().as_deref(), Some("title 7"));
/// # Ok::<(), corio::Error>(())
/// ```
///
/// # What is refused
///
/// - Methods, and functions that are `const`, `unsafe` or `extern`.
/// - Pieces by value or by `&mut`.
/// - Keys, answers and pieces that name a lifetime, and lifetime parameters.
/// - `impl Trait`. Type and const parameters are fine.
/// - Options that are unknown, given twice, or exclude each other.
#[proc_macro_attribute]
pub fn dispatcher(attribute: TokenStream, item: TokenStream) -> TokenStream {
    dispatcher::dispatcher(attribute.into(), item.into()).into()
}

/// Turns a struct into a context: dispatchers can take each field as a piece.
///
/// ```
/// # use std::sync::Arc;
/// # struct Db;
/// # struct Cache;
/// #[derive(corio::Context)]
/// struct Library {
///     db: Db,            // provides `Db`
///     cache: Arc<Cache>, // provides `Arc<Cache>` and `Cache`
///     #[provide(skip)]
///     replica: Db,       // provides nothing
/// }
/// #
/// # fn provides<T>(_: &impl corio::Provide<T>) {}
/// # let library = Library { db: Db, cache: Arc::new(Cache), replica: Db };
/// # provides::<Cache>(&library);
/// # let _ = library.replica;
/// ```
///
/// The derive implements `corio::Provide<T>` for the type `T` of each field. If the field is an
/// `Arc<T>`, `Rc<T>`, `Box<T>` or `&T`, it implements `Provide<T>` as well. It also implements
/// `corio::AsContext`, so that `Schedule::new` takes the struct by value.
///
/// On a field:
///
/// - `#[provide(skip)]`: the field is not a piece.
/// - `#[provide]`: the field is a piece even though its type names a type parameter of the struct.
///   Without the attribute, such a field is not a piece.
///
/// Enums and unions are refused, and so are two fields that provide the same type: a dispatcher
/// could not tell them apart.
#[proc_macro_derive(Context, attributes(provide))]
pub fn context(item: TokenStream) -> TokenStream {
    context::context(item.into()).into()
}
