//! `io!` and `io_all!`: what asks; and `context!`.

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
