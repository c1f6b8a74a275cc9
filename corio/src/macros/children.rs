//! `join!`, `all!`, `try_join!`, `try_all!` and `race!`: children that run together.

only_in_tasks! {
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

    /// Runs a task for each item of an iterator or a stream, so many at a time, and keeps nothing:
    /// any number of items goes through the memory of a few.
    ///
    /// # Syntax
    ///
    /// ```text
    /// for_each!(limit = 32, source, task)
    /// ```
    ///
    /// `limit` is an expression of type `usize`: how many children exist at a time. `source` is an
    /// iterator, anything else that implements [`IntoIterator`], or a `Stream` (of the crate
    /// `futures-core`: rows of a query, a channel, a body that is being received). `task` is a
    /// function or a closure that makes a task from an item: the name of a task or of a request, or
    /// `|row| task!(move { … })`. Source and tasks may borrow from the caller's locals.
    ///
    /// The next item is taken only when its child can start. A stream is polled as by
    /// [`wait!`](crate::wait!): on the executor that it belongs to.
    ///
    /// # Result
    ///
    /// None, and the tasks give none. [`all!`](crate::all!) with a limit collects results. To pass
    /// them on one by one, as a stream, let the tasks send them into a channel of limited size: who
    /// receives slowly slows the tasks down, and the source with them.
    ///
    /// # Suspension
    ///
    /// The children run when the task is suspended, in the order of the items. The task continues
    /// when the source and all children, and all children that they have spawned, have ended.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::cell::Cell;
    ///
    /// #[corio::dispatcher]
    /// fn fetch_price(articles: &[u64]) -> Vec<u64> {
    ///     articles.iter().map(|article| article * 10).collect()
    /// }
    ///
    /// #[corio::task]
    /// fn total(articles: u64) -> u64 {
    ///     let total = &Cell::new(0);
    ///     for_each!(limit = 100, 0..articles, |article| task!(move {
    ///         let price = io!(fetch_price(article));
    ///         total.set(total.get() + price);
    ///     }));
    ///     total.get()
    /// }
    ///
    /// let log = corio::Log::new();
    /// let mut schedule = corio::Schedule::new(()).observe(log.observer());
    /// assert_eq!(schedule.run(total(1000))?, 4_995_000);
    /// corio::testing::assert_batches!(log, "fetch_price" == 10);
    /// # Ok::<(), corio::Error>(())
    /// ```
    ///
    /// A stream of results, in bounded memory:
    ///
    /// ```
    /// use tokio::sync::mpsc::{self, Sender};
    ///
    /// # #[corio::dispatcher]
    /// # fn fetch_price(articles: &[u64]) -> Vec<u64> {
    /// #     articles.iter().map(|article| article * 10).collect()
    /// # }
    /// #[corio::task]
    /// fn export(articles: u64, lines: Sender<String>) {
    ///     let lines = &lines;
    ///     for_each!(limit = 32, 0..articles, |article| task!(move {
    ///         let price = io!(fetch_price(article));
    ///         // An error: nobody receives any more.
    ///         let _ = wait!(lines.send(format!("{article};{price}")));
    ///     }));
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let (lines, mut received) = mpsc::channel::<String>(16);
    /// let mut schedule = corio::Schedule::new(());
    /// let consumes = async {
    ///     let mut count = 0;
    ///     while let Some(line) = received.recv().await {
    ///         assert!(line.ends_with('0'));
    ///         count += 1;
    ///     }
    ///     count
    /// };
    /// let (run, count) = tokio::join!(schedule.run_async(export(100_000, lines)), consumes);
    /// assert_eq!((run, count), (Ok(()), 100_000));
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// If the limit is 0.
    for_each: "",

    /// The same as [`for_each!`](crate::for_each!) for tasks that can fail: until all have ended,
    /// or one has failed.
    ///
    /// # Syntax
    ///
    /// ```text
    /// try_for_each!(limit = 32, source, task)
    /// ```
    ///
    /// As for [`for_each!`](crate::for_each!), with tasks whose output is a `Result<(), E>`.
    ///
    /// # Result
    ///
    /// `Ok(())`, or `Err` with the error of the first child that failed.
    ///
    /// # Suspension
    ///
    /// The task continues when the source and all children have ended, or when a child has failed.
    /// The first error drops the other children at once, also while the source is waited for: their
    /// queued requests are withdrawn, and late answers are discarded. No further item is taken.
    ///
    /// # Examples
    ///
    /// ```
    /// #[corio::dispatcher(write)]
    /// fn insert(rows: &[u64]) -> Vec<Result<(), String>> {
    ///     let insert = |row: &u64| if *row < 100 { Ok(()) } else { Err(format!("no {row}")) };
    ///     rows.iter().map(insert).collect()
    /// }
    ///
    /// #[corio::task]
    /// fn load(rows: u64) -> Result<(), String> {
    ///     try_for_each!(limit = 32, 0..rows, insert)
    /// }
    ///
    /// let mut schedule = corio::Schedule::new(());
    /// assert_eq!(schedule.run(load(90))?, Ok(()));
    /// assert_eq!(schedule.run(load(1000))?, Err("no 100".to_owned()));
    /// # Ok::<(), corio::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The first error of a child.
    ///
    /// # Panics
    ///
    /// If the limit is 0.
    try_for_each: "",

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
}
