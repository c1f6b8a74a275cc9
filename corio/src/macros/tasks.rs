//! `call!`, `spawn!`, `wait!` and `timeout!`: one task inside or below another.

only_in_tasks! {
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

    /// Waits until every child that was spawned so far has ended; or for a future from outside of
    /// corio.
    ///
    /// # Syntax
    ///
    /// ```text
    /// wait!()
    /// wait!(future)
    /// ```
    ///
    /// The children are those that this task has started by [`spawn!`](crate::spawn!). In a task
    /// that runs by [`call!`](crate::call!) they are those of the called task, not those of its
    /// caller. To wait for one child, there is `call!(handle)`.
    ///
    /// # Result
    ///
    /// `()`. The outputs of the children can be taken afterwards, by `call!(handle)`.
    /// `wait!(future)` gives what the future gives.
    ///
    /// # Suspension
    ///
    /// The task is suspended until the last of the children, and all children below them, have
    /// ended. If no child is running, the task is not suspended. At the end of a task `wait!()` is
    /// not needed: a task ends after its children.
    ///
    /// # A future from outside
    ///
    /// `wait!(future)` is for the one-off `.await` of something that has no batch and is no part of
    /// corio: a timer of the executor, a channel, a call of a client. The future may borrow from
    /// the task. It is polled where the task runs; whatever executor it needs is there if the run
    /// is driven by that executor ([`run_async`](crate::Schedule::run_async)). The task is
    /// suspended until the future is ready, other tasks run, and batches leave; when it is dropped,
    /// so is the future. As a child of [`join!`](crate::join!) it is a block:
    /// `task!({ wait!(future) })`.
    ///
    /// What many tasks ask for belongs into a [dispatcher](macro@crate::dispatcher) instead, where
    /// it is batched.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// #[corio::dispatcher]
    /// fn fetch_price(articles: &[u64]) -> Vec<u64> {
    ///     articles.iter().map(|article| article * 10).collect()
    /// }
    ///
    /// async fn audit(prices: &[u64]) -> u64 {
    ///     tokio::time::sleep(Duration::from_millis(1)).await;
    ///     prices.iter().sum()
    /// }
    ///
    /// #[corio::task]
    /// fn total(articles: Vec<u64>) -> u64 {
    ///     let prices = io_all!(articles.into_iter().map(fetch_price));
    ///     wait!(audit(&prices))
    /// }
    ///
    /// # let mut builder = tokio::runtime::Builder::new_current_thread();
    /// # let runtime = builder.enable_time().build().unwrap();
    /// # runtime.block_on(async {
    /// assert_eq!(corio::Schedule::new(()).run_async(total(vec![1, 2])).await?, 30);
    /// # Ok::<(), corio::Error>(()) }).unwrap();
    /// ```
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use corio::sync::RunCell;
    ///
    /// #[corio::dispatcher]
    /// fn fetch_price(articles: &[u64]) -> Vec<u64> {
    ///     articles.iter().map(|article| article * 10).collect()
    /// }
    ///
    /// #[corio::task]
    /// fn add_price(article: u64, total: Arc<RunCell<u64>>) {
    ///     let price = io!(fetch_price(article));
    ///     total.set(total.get() + price);
    /// }
    ///
    /// #[corio::task]
    /// fn program() -> u64 {
    ///     let total = Arc::new(RunCell::new(0));
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
}
