//! The attributes of the [`corio`](https://docs.rs/corio) crate, which re-exports them; use them from there.
//!
//! Each goes through the same stages, a file each: *model* (what was written, as named parts) ←
//! *parse* ← *validate* (all mistakes, each once) ← *expand* (cannot fail). An item with mistakes
//! is still emitted beside its errors, mended as far as can be, so that no second error follows
//! from the first. Expansions are thin calls into the runtime and name only `::corio::…`: what they
//! do is in the runtime, where it can be read and tested.
//!
//! [`macro@task`] is in `task/` (the signature) and `body/` (`io!`, `call!` and so on),
//! [`macro@dispatcher`] in `dispatcher/`, and [`macro@Context`] in `context.rs`.

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

/// Makes a function a task: a call that can wait in the middle, while other tasks run.
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
/// Calling the function runs nothing: it gives a task, to be handed to `Schedule::run`, or from
/// another task to `call!`, `spawn!`, `join!` and so on. The return type is written as that of an
/// ordinary function, and `?` and `return` work as in one. Arguments may be references, patterns,
/// `mut` and `impl Trait`; the attribute goes on free functions, methods, and functions of traits
/// (with or without a body) and of their impls.
///
/// # The context
///
/// | | the task runs under |
/// |---|---|
/// | `#[corio::task]` | any context: for tasks whose requests need no piece of it |
/// | `#[corio::task(Library)]` | the context `Library`; also `Library<'_>`, `Library<T>` |
/// | `#[corio::task(impl Provide<Db> + Provide<Cache>)]` | any context that has these pieces |
/// | `#[corio::task(S)] fn f<S: Provide<Db>>()` | the same, for functions with type parameters of their own |
///
/// `spawn!` takes what owns all it uses, its context's type included: in a task over `Library<'_>`
/// use `all!` and `join!`, and over `impl Provide<Db>` add `+ 'static`.
///
/// # In the body
///
/// | | |
/// |---|---|
/// | `io!(r)`, `io!(a, b, …)` | ask for a request; for up to eight at once, which gives a tuple |
/// | `io_all!(iter)` | ask for as many as the iterator gives, at once; a `Vec`, in order |
/// | `call!(t)` | run a task (or take a lock, or a handle's result) here, to its end |
/// | `spawn!(t)` | start a child task, which owns what it uses; gives its handle. Waits only where `Schedule::max_tasks` says so. Warns if a child that can fail is not looked after |
/// | `wait!()` | wait for every child spawned so far |
/// | `join!(a, b, …)`, `all!(iter)` | run children that may borrow from here, all at once; a tuple, or a `Vec` in order |
/// | `try_join!`, `try_all!` | the same, stopping at the first error |
/// | `all!(limit = 32, iter)`, `try_all!(limit = 32, iter)` | the same with at most so many children at a time, which are made one by one |
/// | `race!(a, b, …)` | the result of the first that ends; the others are dropped |
/// | `timeout!(duration, t)` | run a child that may borrow from here, for at most so long: `Result<T, corio::Elapsed>`, and the child is dropped when its time is over |
/// | `context!()` | the context, by reference |
/// | `task! { … }`, `task!(move { … })`, `task!(-> R { … })` | a task from a block, to be spawned, joined and so on |
///
/// They work wherever the body itself runs, also inside the arguments of other macros
/// (`println!("{}", io!(r))`), and are known by these names only: a task imports none of
/// them, and `corio::io!(r)` means the same. A task that calls itself (`call!(walk(node.left))` in
/// `walk`) is boxed there.
///
/// # What is refused
///
/// - Each of these macros but `task!` in a closure, an async block, a nested function or a
///   constant: there is no task there to be suspended. Where another macro puts its arguments into
///   one of these, rustc finds it: "use of unreachable label `'__corio_cannot_wait_…`".
/// - `.await`: a task waits for what it asks of corio, and for nothing else.
/// - `async fn`, `const fn`, `unsafe fn`, `extern fn`, and functions that return `!`.
/// - `#[corio::task(impl …)]` on a function with type or const parameters of its own.
/// - `#[tracing::instrument]`, above or below: see the next section.
///
/// # Spans
///
/// A span of `tracing` that is entered in a task stays entered while the task waits, and other
/// tasks run in it. So `#[tracing::instrument]` is refused on a task. A guard that the body itself
/// holds over an `io!` cannot be seen, and does the same: leave the span before, or don't enter it.
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
///     io!(fetch(id)); // wrong: whatever runs meanwhile is in the span
///     drop(entered);
///     let book = io!(fetch(id));
///     span.in_scope(|| println!("{book}")); // right: nothing waits in there
/// }
/// ```
///
/// What does not wait can be instrumented: a function that the task calls, and a dispatcher, whose
/// `async fn` then has a span for each batch.
#[proc_macro_attribute]
pub fn task(attribute: TokenStream, item: TokenStream) -> TokenStream {
    task::task(attribute.into(), item.into()).into()
}

/// Makes a function that answers a whole batch a request for one thing.
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
/// #     fn authors(&self, _: &str, ids: &[AuthorId]) -> Result<HashMap<AuthorId, Author>, DbError> {
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
/// Afterwards `fetch_author(id)` is a request, of a type that is called `fetch_author` as well, and
/// the function as it was written is `fetch_author::batch`, for its own tests. The request can be
/// asked under each context that provides the pieces.
///
/// # Parameters
///
/// First the pieces of the context that the function needs, each by shared reference. Then the
/// keys: `&[K]`, `Vec<K>` or `corio::Batch<K, R>`. After them, where the answers are to be filled
/// in rather than returned, `&mut Vec<R>`. The function may be an `async fn`. Keys and answers own
/// their data.
///
/// # What it gives back
///
/// | the function | `io!` gives |
/// |---|---|
/// | returns `Vec<R>`, position by position | `R` |
/// | returns `HashMap<K, R>` or `BTreeMap<K, R>` (`R: Clone`; equal keys are asked once) | `Option<R>` |
/// | returns `Vec<Result<R, E>>` | `Result<R, E>` |
/// | returns `Result<A, E>`, where `A` is one of these and `E: Clone` | `Result<_, E>` |
/// | returns nothing and fills `&mut Vec<R>` | `R` |
/// | returns nothing and takes `Batch<K, R>` | `R` |
///
/// # Options
///
/// All of them cost nothing where they are not used. Numbers are literals or constants, durations
/// are texts: `"250ms"`, `"2s"`, `"1min 30s"`.
///
/// ## How batches are put together
///
/// | | | not with |
/// |---|---|---|
/// | `max_batch = 500` | at most so many requests in a batch; what is more leaves as further batches | |
/// | `in_flight = 4` | at most so many batches on their way at once. At the limit requests gather, and leave together when a place is free; the parts of a split batch count as one. 1 unless told otherwise; `usize::MAX` for no limit. `corio::Options::in_flight` shows what a limit costs and gains | `ordered` |
/// | `dedup` | equal keys are asked once, and each request gets a clone of the answer. `K: Clone + Eq + Hash`, `R: Clone`; implied by a map, and by `cache` | `ordered` |
/// | `group_by = \|key\| key.page_size` | one batch for each value: requests whose keys differ in it never share a batch, and each value has a limit `in_flight` of its own. A closure or a function from `&K`; what it gives is `Eq + Hash` | |
/// | `ordered` | batches go out one at a time, in the order of asking: the next one starts when the last is answered. What comes of one that is on its way when its run is dropped: `corio::Options::ordered` | `dedup`, `cache`, `in_flight` |
/// | `show_keys` | errors and events name keys, not only positions. `K: Debug` | |
/// | `read` | short for `dedup, cache` | `ordered`, `write` |
/// | `write` | short for `ordered`: each write is made, in order, and never answered from memory | `dedup`, `cache`, `read`, `in_flight` |
///
/// ## Where it runs
///
/// A `fn` answers in place, and the run waits for it; an `async fn` is polled by whoever turns the
/// run. `blocking` puts a `fn` on a pool of threads, so that several batches wait side by side. Its
/// pieces are cloned (`Clone + Send + 'static`: an `Arc` or a pool of connections), its keys and
/// answers are `Send`. It needs corio's feature `blocking`, and an `async fn` has no use for it.
///
/// ## When a batch fails
///
/// - `retry(attempts = 5, backoff = "10ms..1s", jitter, when = |error: &DbError| error.is_busy())`
///   asks again.
///   - `attempts` is how often a request is asked at most, the first time included: 2 or more. Then
///     the task gets the last error.
///   - `backoff` is the wait before the next attempt: it grows from the shortest to the longest; or
///     `"50ms"`, the same each time. Without it there is no wait.
///   - `jitter` varies the waits by chance, so that many do not come back at once; with `backoff`
///     only.
///   - `when` says which errors are worth another attempt: a closure or a function from `&E`, for
///     answers that are a `Result`. Without it only slots of a `Batch` that ask for it are asked
///     again, so for other functions this or `timeouts` is required.
///   - `timeouts` asks again what a batch has left without an answer for its `timeout`. Only where
///     it does no harm to do something twice: what became of the batch that was given up, nobody
///     knows.
/// - `timeout = "2s"` is how long a batch may take. The error names the dispatcher, the number of
///   requests and the time. Not for a function that answers in place, which can't be cut short: for
///   an `async fn`, with `blocking`, or with a `Batch`.
/// - `faults = "error"`: trouble with a batch (a wrong number of answers, a slot dropped, a time
///   limit, a panic of the function or of what runs for it: `group_by`, `when`, and `Hash`, `Eq`
///   and `Clone` of keys and answers) becomes the error of its requests, and `io!` gives a `Result`
///   with a `corio::RequestError<E>`, which is `Clone` whatever `E` is. By default, `faults =
///   "run"`, it ends the run.
///
/// | with `faults = "error"` the function | `io!` gives |
/// |---|---|
/// | returns `Vec<R>` | `Result<R, RequestError>` |
/// | returns `HashMap<K, R>` or `BTreeMap<K, R>` | `Result<Option<R>, RequestError>` |
/// | returns `Vec<Result<R, E>>` | `Result<R, RequestError<E>>` |
/// | returns `Result<A, E>`, where `A` is one of these and names no other error | `Result<_, RequestError<E>>` |
/// | fills `&mut Vec<_>`, or takes a `Batch<K, _>` | as if it returned the `Vec<_>` |
///
/// A `Result` within is known by its two arguments: that of an alias such as `io::Result<R>` is
/// taken for a part of the answer.
///
/// ## What is kept
///
/// | | | needs |
/// |---|---|---|
/// | `cache`, `cache = "run"` | what was answered in a run is not asked again in it. `K: Clone + Eq + Hash`, `R: Clone`; not with `ordered` | |
/// | `cache = "schedule"` | answers are kept from run to run | `by` |
/// | `by = \|tenant: &Tenant\| tenant.id` | for whom: answers are only given to runs whose context gives the same value here (`Eq + Hash + 'static`). Its parameters are pieces of the context. `by = \|\| ()` if everyone may see the same | `cache = "schedule"` |
/// | `capacity = 10_000` | at most so many answers are kept | `cache = "schedule"` |
/// | `ttl = "1min"` | no answer is kept for longer | `cache = "schedule"` |
/// | `cache_errors` | an answer that is an `Err` is kept like any other; by default it is not, and its key is asked again | a `cache` |
///
/// ```
/// # use std::collections::HashMap;
/// # use corio::RequestError;
/// # #[derive(Debug)]
/// # enum DbError { Busy }
/// # struct Tenant { id: u64 }
/// # struct Db;
/// # impl Db { fn titles(&self, ids: &[u64]) -> Result<HashMap<u64, String>, DbError> { Ok(ids.iter().map(|id| (*id, format!("title {id}"))).collect()) } }
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
/// A method; `const`, `unsafe` and `extern` functions; pieces by value or by `&mut`; keys or
/// answers that borrow; `impl Trait`; options that are unknown, given twice, or that exclude each
/// other. Type and const parameters are fine.
#[proc_macro_attribute]
pub fn dispatcher(attribute: TokenStream, item: TokenStream) -> TokenStream {
    dispatcher::dispatcher(attribute.into(), item.into()).into()
}

/// Makes a struct a context: each field is a piece that dispatchers can ask for.
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
/// It implements `corio::Provide<T>` for the type of each field, and for what it points to where it
/// is an `Arc`, `Rc`, `Box` or `&`; and `corio::AsContext`, so that `Schedule::new` takes the
/// struct by value.
///
/// - `#[provide(skip)]` on a field: not a piece.
/// - `#[provide]` on a field whose type names a type parameter of the struct: a piece all the same.
///   Without it such a field is none.
///
/// Refused: two fields that provide the same type, since a dispatcher could not tell them apart;
/// enums and unions.
#[proc_macro_derive(Context, attributes(provide))]
pub fn context(item: TokenStream) -> TokenStream {
    context::context(item.into()).into()
}
