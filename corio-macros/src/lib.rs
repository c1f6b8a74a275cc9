//! The attributes of the [`corio`](https://docs.rs/corio) crate, which re-exports them; use them from there.
//!
//! Each goes through the same stages, a file each: *model* (what was written, as named parts) ← *parse* ← *validate* (all mistakes, each once) ← *expand* (cannot fail).
//! An item with mistakes is still emitted beside its errors, mended as far as can be, so that no second error follows from the first. Expansions are thin calls into
//! the runtime and name only `::corio::…`: what they do is in the runtime, where it can be read and tested.
//!
//! [`macro@task`] is in `task/` (the signature) and `body/` (`io!`, `call!` and so on), [`macro@dispatcher`] in `dispatcher/`, and [`macro@Context`] in `context.rs`.

use proc_macro::TokenStream;

mod body;
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
/// Calling the function runs nothing: it gives a task, to be handed to `Schedule::run`, or from another task to `call!`, `spawn!`, `join!` and so on. The return type is
/// written as that of an ordinary function, and `?` and `return` work as in one. Arguments may be references, patterns, `mut` and `impl Trait`; the attribute goes on free
/// functions, methods, and functions of traits (with or without a body) and of their impls.
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
/// `spawn!` takes what owns all it uses, its context's type included: in a task over `Library<'_>` use `all!` and `join!`, and over `impl Provide<Db>` add `+ 'static`.
///
/// # In the body
///
/// | | |
/// |---|---|
/// | `io!(r)`, `io!(a, b, …)` | ask for a request; for up to eight at once, which gives a tuple |
/// | `io_all!(iter)` | ask for as many as the iterator gives, at once; a `Vec`, in order |
/// | `call!(t)` | run a task (or take a lock, or a handle's result) here, to its end |
/// | `spawn!(t)` | start a child task, which owns what it uses; gives its handle |
/// | `wait!()` | wait for every child spawned so far |
/// | `join!(a, b, …)`, `all!(iter)` | run children that may borrow from here, all at once; a tuple, or a `Vec` in order |
/// | `try_join!`, `try_all!` | the same, stopping at the first error |
/// | `race!(a, b, …)` | the result of the first that ends; the others are dropped |
/// | `context!()` | the context, by reference |
/// | `task! { … }`, `task!(move { … })`, `task!(-> R { … })` | a task from a block, to be spawned, joined and so on |
///
/// They work wherever the body itself runs, also inside the arguments of other macros (`println!("{}", io!(r))`), and are known by these names only: a task imports none of
/// them, and `corio::io!(r)` means the same. A task that calls itself (`call!(walk(node.left))` in `walk`) is boxed there.
///
/// # What is refused
///
/// - Each of these macros but `task!` in a closure, an async block, a nested function or a constant: there is no task there to be suspended.
///   Where another macro puts its arguments into one of these, rustc finds it: "use of unreachable label `'__corio_cannot_wait_…`".
/// - `.await`: a task waits for what it asks of corio, and for nothing else.
/// - `async fn`, `const fn`, `unsafe fn`, `extern fn`, and functions that return `!`.
/// - `#[corio::task(impl …)]` on a function with type or const parameters of its own.
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
/// Afterwards `fetch_author(id)` is a request, of a type that is called `fetch_author` as well, and the function as it was written is `fetch_author::batch`, for its own
/// tests. The request can be asked under each context that provides the pieces.
///
/// # Parameters
///
/// First the pieces of the context that the function needs, each by shared reference. Then the keys: `&[K]`, `Vec<K>` or `corio::Batch<K, R>`. After them, where the answers
/// are to be filled in rather than returned, `&mut Vec<R>`. The function may be an `async fn`. Keys and answers own their data.
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
/// - `max_batch = 500`: batches of at most so many requests; a number or a constant.
/// - `dedup`: equal keys of a batch are asked once (`K: Clone + Eq + Hash`, and answers that can be cloned).
/// - `show_keys`: errors name keys, not only positions (`K: Debug`).
///
/// # What is refused
///
/// A method; `const`, `unsafe` and `extern` functions; pieces by value or by `&mut`; keys or answers that borrow; `impl Trait`. Type and const parameters are fine.
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
/// It implements `corio::Provide<T>` for the type of each field, and for what it points to where it is an `Arc`, `Rc`, `Box` or `&`; and `corio::AsContext`, so that
/// `Schedule::new` takes the struct by value.
///
/// - `#[provide(skip)]` on a field: not a piece.
/// - `#[provide]` on a field whose type names a type parameter of the struct: a piece all the same. Without it such a field is none.
///
/// Refused: two fields that provide the same type, since a dispatcher could not tell them apart; enums and unions.
#[proc_macro_derive(Context, attributes(provide))]
pub fn context(item: TokenStream) -> TokenStream {
    context::context(item.into()).into()
}
