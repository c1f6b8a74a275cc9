//! The macros of task bodies, as rustc finds them outside a task, and their documentation.
//!
//! In the body of a `#[corio::task]` the attribute rewrites `io!(..)` and the other macros before
//! rustc looks them up (`corio-macros/src/body/`). Elsewhere rustc finds the definitions of this
//! file: each is a compile error that says where the macro works. They are also the pages of the
//! macros in the documentation.

/// Defines macros that expand to a compile error, each from its documentation, its name and a hint
/// that is appended to the error.
macro_rules! only_in_tasks {
    ($($(#[doc = $doc:literal])* $name:ident: $hint:literal,)+) => {
        only_in_tasks!(@ ($) $($(#[doc = $doc])* $name: $hint,)+);
    };
    (@ ($dollar:tt) $($(#[doc = $doc:literal])* $name:ident: $hint:literal,)+) => {$(
        $(#[doc = $doc])*
        ///
        /// # Where it works
        ///
        #[doc = concat!(
            "`", stringify!($name), "!` works in the body of a \
             [`#[corio::task]`](macro@crate::task), also in the arguments of other macros there, \
             and needs no import. Anywhere else `corio::", stringify!($name), "!` is a compile \
             error: outside tasks, and in a closure, an async block, a nested function or a \
             constant of a task.",
        )]
        #[macro_export]
        macro_rules! $name {
            ($dollar($dollar tokens:tt)*) => {
                ::core::compile_error!(concat!(
                    "`", stringify!($name), "!` only works in a task: put `#[corio::task]` on the \
                     function", $hint,
                ))
            };
        }
    )+};
}

only_in_tasks! {
    /// Makes a request and waits for its answer; makes several requests at once.
    ///
    /// # Syntax
    ///
    /// ```text
    /// io!(request)
    /// io!(request, request, …)
    /// ```
    ///
    /// A request is what the call of a [dispatcher](macro@crate::dispatcher) function gives, as
    /// `fetch_book(7)`, or any other value whose type implements [`Request`](crate::Request), as
    /// [`corio::future(f)`](crate::future()). At most eight requests of any types can be made at
    /// once; for more of one type there is [`io_all!`](crate::io_all!).
    ///
    /// # Result
    ///
    /// One request gives its answer, several give a tuple of answers in the order of the arguments.
    /// The [dispatcher](macro@crate::dispatcher) decides the type of the answer: an answer may be
    /// an `Option` or a `Result`, which is then handled like any other value, for instance by `?`.
    ///
    /// # Suspension
    ///
    /// The task is suspended until all answers have arrived. Meanwhile the other tasks run, and
    /// when none can run any more, the requests that they all have made are sent, in one batch for
    /// each dispatcher. Requests of one `io!` are made in the same phase. Where no other request
    /// could join the batch, corio may answer a request without suspending the task; that changes
    /// nothing but the time it takes.
    ///
    /// # Examples
    ///
    /// ```
    /// use corio::testing::assert_batches;
    ///
    /// #[corio::dispatcher]
    /// fn fetch_book(ids: &[u64]) -> Vec<(String, u64)> {
    ///     ids.iter().map(|id| (format!("book {id}"), id % 10)).collect()
    /// }
    ///
    /// #[corio::dispatcher]
    /// fn fetch_author(ids: &[u64]) -> Vec<String> {
    ///     ids.iter().map(|id| format!("author {id}")).collect()
    /// }
    ///
    /// #[corio::dispatcher]
    /// fn count_reviews(books: &[u64]) -> Vec<usize> {
    ///     vec![2; books.len()]
    /// }
    ///
    /// #[corio::task]
    /// fn card(id: u64) -> String {
    ///     let (title, author) = io!(fetch_book(id));
    ///     let (author, reviews) = io!(fetch_author(author), count_reviews(id));
    ///     format!("{title} by {author}: {reviews} reviews")
    /// }
    ///
    /// #[corio::task]
    /// fn shelf() -> Vec<String> {
    ///     all!([17, 28].map(card))
    /// }
    ///
    /// let log = corio::Log::new();
    /// let cards = corio::Schedule::new(()).observe(log.observer()).run(shelf())?;
    /// assert_eq!(cards[0], "book 17 by author 7: 2 reviews");
    /// assert_eq!(cards[1], "book 28 by author 8: 2 reviews");
    /// assert_batches!(log, "fetch_book" == 1, "fetch_author" == 1, "count_reviews" == 1);
    /// # Ok::<(), corio::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// An error of the dispatcher is a part of the answer. A fault of a batch (a wrong number of
    /// answers, a slot that is dropped, an exceeded `timeout`) ends the run with
    /// [`Error::Batch`](crate::Error::Batch), unless the dispatcher says `faults = "error"`. A
    /// panic of a dispatcher leaves the run.
    io: "; outside tasks, `schedule.run(request)` asks",

    /// Makes a request for each item of an iterator, all at once, and waits for all answers.
    ///
    /// # Syntax
    ///
    /// ```text
    /// io_all!(requests)
    /// ```
    ///
    /// `requests` is an iterator, or anything else that implements [`IntoIterator`], over requests
    /// of one type. There is no limit on their number (below four billion): the option `max_batch`
    /// of the dispatcher says how many of them are sent in one batch.
    ///
    /// # Result
    ///
    /// A `Vec` of the answers, in the order of the requests.
    ///
    /// # Suspension
    ///
    /// The requests are made in one phase, after the iterator has ended. The task is suspended
    /// until all answers have arrived; without requests the task is not suspended. No child tasks
    /// are made, so `io_all!` is cheaper than [`all!`](crate::all!) over requests.
    ///
    /// # Examples
    ///
    /// ```
    /// use corio::testing::assert_batches;
    ///
    /// #[corio::dispatcher(max_batch = 100)]
    /// fn fetch_price(articles: &[u64]) -> Vec<u64> {
    ///     articles.iter().map(|article| article * 10).collect()
    /// }
    ///
    /// #[corio::task]
    /// fn total(articles: &[u64]) -> u64 {
    ///     let prices = io_all!(articles.iter().map(|article| fetch_price(*article)));
    ///     prices.iter().sum()
    /// }
    ///
    /// let log = corio::Log::new();
    /// let articles: Vec<u64> = (1..=200).collect();
    /// let total = corio::Schedule::new(()).observe(log.observer()).run(total(&articles))?;
    /// assert_eq!(total, 201_000);
    /// assert_batches!(log, "fetch_price" == 2);
    /// # Ok::<(), corio::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// An error of the dispatcher is a part of the answer; `io_all!(..).into_iter().collect()`
    /// turns a `Vec` of `Result`s into a `Result`. A fault of a batch ends the run, as described
    /// at [`io!`](crate::io!).
    io_all: "",

    /// Runs a task to its end, in place of the calling one, and gives its output.
    ///
    /// # Syntax
    ///
    /// ```text
    /// call!(task)
    /// ```
    ///
    /// `task` is a task (what the call of a `#[corio::task]` function gives, or `task! { … }`), the
    /// [`JoinHandle`](crate::JoinHandle) of a spawned task, a future of
    /// [`corio::sync`](crate::sync) as `mutex.lock()`, or a request. A task may borrow from the
    /// caller's locals.
    ///
    /// # Result
    ///
    /// The output of the task: for a handle that of the spawned task, for a lock the guard.
    ///
    /// # Suspension
    ///
    /// The task starts at once, and the caller is suspended while the task waits. The call ends
    /// when the task and all children that it has spawned have ended. A task that does not wait, a
    /// free lock or the handle of a task that has ended does not suspend the caller. Except in a
    /// recursion, a call makes no child task and allocates nothing.
    ///
    /// # Recursion
    ///
    /// A task may call itself by its own name: it is boxed automatically. Tasks that call each
    /// other in a circle need [`boxed`](crate::boxed): `call!(boxed(task))`.
    ///
    /// # Examples
    ///
    /// ```
    /// use corio::sync::Mutex;
    ///
    /// #[corio::dispatcher]
    /// fn fetch_price(articles: &[u64]) -> Vec<u64> {
    ///     articles.iter().map(|article| article * 10).collect()
    /// }
    ///
    /// #[corio::task]
    /// fn add_price(article: u64, total: &Mutex<u64>) {
    ///     let mut total = call!(total.lock()); // a lock
    ///     *total += io!(fetch_price(article));
    /// }
    ///
    /// #[corio::task]
    /// fn last_price() -> u64 {
    ///     io!(fetch_price(3))
    /// }
    ///
    /// #[corio::task]
    /// fn program() -> u64 {
    ///     let total = Mutex::new(0);
    ///     let last = spawn!(last_price());
    ///     call!(add_price(1, &total)); // a task, which borrows
    ///     call!(add_price(2, &total));
    ///     let last = call!(last); // a handle
    ///     total.into_inner() + last
    /// }
    ///
    /// assert_eq!(corio::Schedule::new(()).run(program())?, 60);
    /// # Ok::<(), corio::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If `task` is a handle of another run, or the handle of a task that was dropped before its
    /// end. The pages of the locks say when a lock panics.
    call: "; outside tasks, `schedule.run(task)` runs it",

    /// Starts a child task and gives its handle, without waiting for the child.
    ///
    /// # Syntax
    ///
    /// ```text
    /// spawn!(task)
    /// ```
    ///
    /// The task must own what it uses (`'static`). Children that borrow from the caller's locals
    /// are run by [`join!`](crate::join!) and [`all!`](crate::all!).
    ///
    /// # Result
    ///
    /// A [`JoinHandle`](crate::JoinHandle): `call!(handle)` waits for the end of the child and
    /// gives its output. If the handle is dropped, the child continues, and its output is dropped.
    /// A handle of a child whose output is a `Result` must be used, or rustc warns: `let _ =
    /// spawn!(..)` says that the error is ignored.
    ///
    /// A task ends after its children: tasks that wait for the task continue only when all tasks
    /// that it has spawned have ended. When a task is dropped, its children are dropped first.
    ///
    /// # Suspension
    ///
    /// The child runs when the spawning task waits or ends. The spawning task is suspended only if
    /// as many tasks exist as [`Schedule::max_tasks`](crate::Schedule::max_tasks) allows, until one
    /// of them has ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use corio::testing::assert_batches;
    ///
    /// #[corio::dispatcher]
    /// fn fetch_price(articles: &[u64]) -> Vec<u64> {
    ///     articles.iter().map(|article| article * 10).collect()
    /// }
    ///
    /// #[corio::task]
    /// fn price(article: u64) -> u64 {
    ///     io!(fetch_price(article))
    /// }
    ///
    /// #[corio::task]
    /// fn program() -> u64 {
    ///     let mut handles = Vec::new();
    ///     for article in 1..=3 {
    ///         handles.push(spawn!(price(article)));
    ///     }
    ///     let mut total = 0;
    ///     for handle in handles {
    ///         total += call!(handle);
    ///     }
    ///     total
    /// }
    ///
    /// let log = corio::Log::new();
    /// assert_eq!(corio::Schedule::new(()).observe(log.observer()).run(program())?, 60);
    /// assert_batches!(log, "fetch_price" == 1);
    /// # Ok::<(), corio::Error>(())
    /// ```
    ///
    /// # Panics
    ///
    /// A panic of the child drops all other tasks of the run, and then leaves the run.
    spawn: "",

    /// Waits until every child that was spawned so far has ended.
    ///
    /// # Syntax
    ///
    /// ```text
    /// wait!()
    /// ```
    ///
    /// The children are those that this task has started by [`spawn!`](crate::spawn!). In a task
    /// that runs by [`call!`](crate::call!) they are those of the called task, not those of its
    /// caller. To wait for one child, there is `call!(handle)`.
    ///
    /// # Result
    ///
    /// `()`. The outputs of the children can be taken afterwards, by `call!(handle)`.
    ///
    /// # Suspension
    ///
    /// The task is suspended until the last of the children, and all children below them, have
    /// ended. If no child is running, the task is not suspended. At the end of a task `wait!()` is
    /// not needed: a task ends after its children.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    ///
    /// #[corio::dispatcher]
    /// fn fetch_price(articles: &[u64]) -> Vec<u64> {
    ///     articles.iter().map(|article| article * 10).collect()
    /// }
    ///
    /// #[corio::task]
    /// fn add_price(article: u64, total: Rc<Cell<u64>>) {
    ///     let price = io!(fetch_price(article));
    ///     total.set(total.get() + price);
    /// }
    ///
    /// #[corio::task]
    /// fn program() -> u64 {
    ///     let total = Rc::new(Cell::new(0));
    ///     for article in 1..=3 {
    ///         spawn!(add_price(article, total.clone()));
    ///     }
    ///     wait!();
    ///     total.get()
    /// }
    ///
    /// assert_eq!(corio::Schedule::new(()).run(program())?, 60);
    /// # Ok::<(), corio::Error>(())
    /// ```
    wait: "",

    /// Runs several tasks concurrently, and waits until all have ended.
    ///
    /// # Syntax
    ///
    /// ```text
    /// join!(task, task, …)
    /// ```
    ///
    /// One to eight children of any types: tasks, requests, handles, and futures of
    /// [`corio::sync`](crate::sync). Children may borrow from the caller's locals. For any number
    /// of children of one type there is [`all!`](crate::all!).
    ///
    /// # Result
    ///
    /// A tuple of the outputs, in the order of the arguments.
    ///
    /// # Suspension
    ///
    /// The children run when the task is suspended, in the order of the arguments. The task
    /// continues when all children, and all children that they have spawned, have ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use corio::testing::assert_batches;
    ///
    /// #[corio::dispatcher]
    /// fn fetch_price(articles: &[u64]) -> Vec<u64> {
    ///     articles.iter().map(|article| article * 10).collect()
    /// }
    ///
    /// #[corio::task]
    /// fn total(articles: &[u64]) -> u64 {
    ///     io_all!(articles.iter().map(|article| fetch_price(*article))).iter().sum()
    /// }
    ///
    /// #[corio::task]
    /// fn program() -> (u64, u64) {
    ///     let articles = [1, 2, 3];
    ///     join!(total(&articles), fetch_price(4))
    /// }
    ///
    /// let log = corio::Log::new();
    /// assert_eq!(corio::Schedule::new(()).observe(log.observer()).run(program())?, (60, 40));
    /// assert_batches!(log, "fetch_price" == 1);
    /// # Ok::<(), corio::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A child that gives an `Err` does not affect the others: `join!` gives its `Result` as it
    /// is. [`try_join!`](crate::try_join!) stops at the first error.
    join: "",

    /// Runs several tasks that can fail concurrently, until all have ended or one has failed.
    ///
    /// # Syntax
    ///
    /// ```text
    /// try_join!(task, task, …)
    /// ```
    ///
    /// One to eight children, as for [`join!`](crate::join!), whose outputs are `Result`s with one
    /// type of error. Children may borrow from the caller's locals.
    ///
    /// # Result
    ///
    /// `Ok` with a tuple of the values, in the order of the arguments; or `Err` with the error of
    /// the first child that failed.
    ///
    /// # Suspension
    ///
    /// The task continues when all children have ended, or when one has failed. The first error
    /// drops the other children at once: their queued requests are withdrawn, and late answers are
    /// discarded. The failed child itself still ends after the children that it has spawned.
    ///
    /// # Examples
    ///
    /// ```
    /// #[corio::dispatcher]
    /// fn fetch_price(articles: &[u64]) -> Vec<Result<u64, String>> {
    ///     let price_of = |article: &u64| match article {
    ///         0 => Err("no article 0".to_string()),
    ///         _ => Ok(article * 10),
    ///     };
    ///     articles.iter().map(price_of).collect()
    /// }
    ///
    /// #[corio::task]
    /// fn total(one: u64, other: u64) -> Result<u64, String> {
    ///     let (one, other) = try_join!(fetch_price(one), fetch_price(other))?;
    ///     Ok(one + other)
    /// }
    ///
    /// let mut schedule = corio::Schedule::new(());
    /// assert_eq!(schedule.run(total(1, 2))?, Ok(30));
    /// assert_eq!(schedule.run(total(1, 0))?, Err("no article 0".to_string()));
    /// # Ok::<(), corio::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The first error of a child.
    try_join: "",

    /// Runs a task for each item of an iterator, concurrently, and waits until all have ended.
    ///
    /// # Syntax
    ///
    /// ```text
    /// all!(tasks)
    /// all!(limit = 32, tasks)
    /// ```
    ///
    /// `tasks` is an iterator, or anything else that implements [`IntoIterator`], over tasks (or
    /// requests) of one type; `task! { … }` makes a task from a block. Tasks may borrow from the
    /// caller's locals.
    ///
    /// With a `limit`, an expression of type `usize`, at most that many children exist at a time,
    /// and the iterator is advanced only when the next child can start. So any number of items is
    /// processed in the memory of a few, results aside. For requests alone,
    /// [`io_all!`](crate::io_all!) is cheaper; the option `max_batch` of the dispatcher bounds
    /// their batches.
    ///
    /// # Result
    ///
    /// A `Vec` of the outputs, in the order of the iterator.
    ///
    /// # Suspension
    ///
    /// The children run when the task is suspended, in the order of the iterator. The task
    /// continues when all children, and all children that they have spawned, have ended. Without
    /// children the task is not suspended.
    ///
    /// # Examples
    ///
    /// ```
    /// use corio::testing::assert_batches;
    ///
    /// #[corio::dispatcher]
    /// fn fetch_price(articles: &[u64]) -> Vec<u64> {
    ///     articles.iter().map(|article| article * 10).collect()
    /// }
    ///
    /// #[corio::task]
    /// fn price(article: &u64) -> u64 {
    ///     io!(fetch_price(*article))
    /// }
    ///
    /// #[corio::task]
    /// fn prices(articles: &[u64]) -> Vec<u64> {
    ///     all!(articles.iter().map(price))
    /// }
    ///
    /// #[corio::task]
    /// fn prices_of_two_at_a_time(articles: &[u64]) -> Vec<u64> {
    ///     let price = |article: &u64| {
    ///         let article = *article;
    ///         task!(move { io!(fetch_price(article)) })
    ///     };
    ///     all!(limit = 2, articles.iter().map(price))
    /// }
    ///
    /// let log = corio::Log::new();
    /// let mut schedule = corio::Schedule::new(()).observe(log.observer());
    /// assert_eq!(schedule.run(prices(&[1, 2, 3, 4]))?, [10, 20, 30, 40]);
    /// assert_batches!(log, "fetch_price" == 1);
    ///
    /// log.take();
    /// assert_eq!(schedule.run(prices_of_two_at_a_time(&[1, 2, 3, 4]))?, [10, 20, 30, 40]);
    /// assert_batches!(log, "fetch_price" == 2);
    /// # Ok::<(), corio::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// A child that gives an `Err` does not affect the others: its `Result` is in the `Vec` as it
    /// is. [`try_all!`](crate::try_all!) stops at the first error.
    ///
    /// # Panics
    ///
    /// If the limit is 0. If there are more than four billion children, and no limit.
    all: "",

    /// Runs a task that can fail for each item of an iterator, concurrently, until all have ended
    /// or one has failed.
    ///
    /// # Syntax
    ///
    /// ```text
    /// try_all!(tasks)
    /// try_all!(limit = 32, tasks)
    /// ```
    ///
    /// `tasks` is an iterator, or anything else that implements [`IntoIterator`], over tasks of one
    /// type whose output is a `Result`. Tasks may borrow from the caller's locals. A `limit` bounds
    /// the number of children that exist at a time, as described at [`all!`](crate::all!).
    ///
    /// # Result
    ///
    /// `Ok` with a `Vec` of the values, in the order of the iterator; or `Err` with the error of
    /// the first child that failed.
    ///
    /// # Suspension
    ///
    /// The task continues when all children have ended, or when one has failed. The first error
    /// drops the other children at once: their queued requests are withdrawn, and late answers are
    /// discarded. With a `limit`, no further child starts. The failed child itself still ends after
    /// the children that it has spawned. Without children the task is not suspended.
    ///
    /// # Examples
    ///
    /// ```
    /// #[corio::dispatcher]
    /// fn fetch_price(articles: &[u64]) -> Vec<Result<u64, String>> {
    ///     let price_of = |article: &u64| match article {
    ///         0 => Err("no article 0".to_string()),
    ///         _ => Ok(article * 10),
    ///     };
    ///     articles.iter().map(price_of).collect()
    /// }
    ///
    /// #[corio::task]
    /// fn price_with_tax(article: &u64) -> Result<u64, String> {
    ///     let price = io!(fetch_price(*article))?;
    ///     Ok(price + price / 5)
    /// }
    ///
    /// #[corio::task]
    /// fn prices(articles: &[u64]) -> Result<Vec<u64>, String> {
    ///     try_all!(limit = 32, articles.iter().map(price_with_tax))
    /// }
    ///
    /// let mut schedule = corio::Schedule::new(());
    /// assert_eq!(schedule.run(prices(&[1, 2, 3]))?, Ok(vec![12, 24, 36]));
    /// assert_eq!(schedule.run(prices(&[1, 0, 3]))?, Err("no article 0".to_string()));
    /// # Ok::<(), corio::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The first error of a child.
    ///
    /// # Panics
    ///
    /// If the limit is 0. If there are more than four billion children, and no limit.
    try_all: "",

    /// Runs several tasks concurrently until the first has ended, and drops the others.
    ///
    /// # Syntax
    ///
    /// ```text
    /// race!(task, task, …)
    /// ```
    ///
    /// One to eight children, as for [`join!`](crate::join!), whose outputs have one type. Children
    /// may borrow from the caller's locals.
    ///
    /// # Result
    ///
    /// The output of the child that ended first. A child has ended when all children that it has
    /// spawned have ended as well. A child that gives an `Err` can win like any other.
    ///
    /// # Suspension
    ///
    /// The children run when the task is suspended, in the order of the arguments. The task
    /// continues when the first child has ended. The others are dropped at once: their queued
    /// requests are withdrawn, and late answers are discarded.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use corio::testing::VirtualClock;
    ///
    /// #[corio::dispatcher]
    /// async fn ask_near(clock: &VirtualClock, keys: &[u64]) -> Vec<String> {
    ///     clock.sleep(Duration::from_millis(10)).await;
    ///     keys.iter().map(|key| format!("{key} from nearby")).collect()
    /// }
    ///
    /// #[corio::dispatcher]
    /// async fn ask_far(clock: &VirtualClock, keys: &[u64]) -> Vec<String> {
    ///     clock.sleep(Duration::from_millis(200)).await;
    ///     keys.iter().map(|key| format!("{key} from far away")).collect()
    /// }
    ///
    /// #[corio::task(VirtualClock)]
    /// fn fastest(key: u64) -> String {
    ///     race!(ask_far(key), ask_near(key))
    /// }
    ///
    /// let clock = VirtualClock::new();
    /// let mut schedule = corio::Schedule::new(&clock).clock(clock.clone());
    /// assert_eq!(schedule.run(fastest(7))?, "7 from nearby");
    /// assert_eq!(clock.now(), Duration::from_millis(10));
    /// # Ok::<(), corio::Error>(())
    /// ```
    race: "",

    /// Runs a task with a time limit.
    ///
    /// # Syntax
    ///
    /// ```text
    /// timeout!(duration, task)
    /// ```
    ///
    /// `duration` is a [`Duration`](std::time::Duration); one of a thousand years or more, as
    /// `Duration::MAX`, is no limit. `task` is one task, or anything else that
    /// [`join!`](crate::join!) takes. The task may borrow from the caller's locals.
    ///
    /// # Result
    ///
    /// `Ok` with the output of the task, or `Err` with [`Elapsed`](crate::Elapsed) if the task, or
    /// a child that it has spawned, had not ended when the time was over. The task is dropped then:
    /// its queued requests are withdrawn, and late answers are discarded.
    ///
    /// # Suspension
    ///
    /// The task runs when the caller is suspended, and the time counts from then. The caller
    /// continues when the task has ended or the time is over. No code is interrupted: the time is
    /// looked at only when no task can run. An answer that has arrived by then is delivered first,
    /// with everything that follows from it; the table at
    /// [`Config::timeout`](crate::Config::timeout) has the order of events at one time.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    /// use corio::Elapsed;
    /// use corio::testing::VirtualClock;
    ///
    /// #[corio::dispatcher]
    /// async fn render(clock: &VirtualClock, pages: &[u64]) -> Vec<String> {
    ///     clock.sleep(Duration::from_secs(5)).await;
    ///     pages.iter().map(|page| format!("page {page}")).collect()
    /// }
    ///
    /// #[corio::task(VirtualClock)]
    /// fn page(id: u64, limit: Duration) -> Result<String, Elapsed> {
    ///     timeout!(limit, render(id))
    /// }
    ///
    /// let clock = VirtualClock::new();
    /// let mut schedule = corio::Schedule::new(&clock).clock(clock.clone());
    /// let page_in_time = schedule.run(page(7, Duration::from_secs(10)))?;
    /// assert_eq!(page_in_time.as_deref(), Ok("page 7"));
    /// let too_late = schedule.run(page(7, Duration::from_secs(2)))?;
    /// assert_eq!(too_late, Err(Elapsed::new(Duration::from_secs(2))));
    /// # Ok::<(), corio::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Elapsed`](crate::Elapsed), if the time was over before the end of the task.
    ///
    /// # Panics
    ///
    /// Under [`Schedule::run_async`](crate::Schedule::run_async), if corio's feature `timer` is
    /// disabled and the schedule has no [clock](crate::Schedule::clock) of its own.
    timeout: "",

    /// Gives the context of the task, by reference.
    ///
    /// # Syntax
    ///
    /// ```text
    /// context!()
    /// ```
    ///
    /// The task must name its context: `#[corio::task(Library)]` or
    /// `#[corio::task(impl Provide<Db>)]`. In a task that names none, `context!()` is a compile
    /// error. A closure can use the reference if it is taken before: `let context = context!();`.
    ///
    /// # Result
    ///
    /// A reference to the context. With `impl Provide<Db>`, [`Provide`](crate::Provide) gives the
    /// pieces: `let db: &Db = context!().provide();`.
    ///
    /// # Suspension
    ///
    /// None.
    ///
    /// # Examples
    ///
    /// ```
    /// use corio::Provide;
    ///
    /// struct Db {
    ///     name: &'static str,
    /// }
    ///
    /// #[derive(corio::Context)]
    /// struct Library {
    ///     db: Db,
    /// }
    ///
    /// #[corio::task(Library)]
    /// fn name_of_this() -> &'static str {
    ///     context!().db.name
    /// }
    ///
    /// #[corio::task(impl Provide<Db>)]
    /// fn name_of_any() -> &'static str {
    ///     let db: &Db = context!().provide();
    ///     db.name
    /// }
    ///
    /// let mut schedule = corio::Schedule::new(Library { db: Db { name: "books" } });
    /// assert_eq!(schedule.run(name_of_this())?, "books");
    /// assert_eq!(schedule.run(name_of_any())?, "books");
    /// # Ok::<(), corio::Error>(())
    /// ```
    context: "; outside tasks, `schedule.context()` is the context",
}

/// Expands to its arguments, the call of a blocking dispatcher, if corio has its thread pool.
#[cfg(feature = "blocking")]
#[doc(hidden)]
#[macro_export]
macro_rules! __needs_blocking {
    ($($call:tt)*) => { $($call)* };
}

/// Reports that a blocking dispatcher needs the feature `blocking`.
#[cfg(not(feature = "blocking"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __needs_blocking {
    ($($call:tt)*) => {
        ::core::compile_error!(
            "a blocking dispatcher needs a thread pool: enable the feature `blocking` of corio, \
             `corio = { features = [\"blocking\"] }`"
        )
    };
}

pub use __needs_blocking as needs_blocking;
