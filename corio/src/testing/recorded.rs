//! A test double of a dispatcher, which records the keys of its batches.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::runtime::current;

/// A test double of a dispatcher: answers batches, and records their keys.
///
/// ```
/// use corio::testing::Recorded;
///
/// #[corio::dispatcher]
/// fn fetch_author(ids: &[u64]) -> Vec<String> {
///     unreachable!("asks a database")
/// }
///
/// #[corio::task]
/// fn program() -> (String, Vec<String>) {
///     let one = io!(fetch_author(1));
///     (one, io_all!([2, 3].map(fetch_author)))
/// }
///
/// let authors = Recorded::new(|ids: &[u64]| {
///     ids.iter().map(|id| format!("author {id}")).collect::<Vec<_>>()
/// });
/// let mut schedule = corio::Schedule::new(()).answer_with(fetch_author, authors.answer());
/// let (one, _) = schedule.run(program())?;
/// assert_eq!(one, "author 1");
/// assert_eq!(authors.batches(), [vec![1], vec![2, 3]]);
/// # Ok::<(), corio::Error>(())
/// ```
///
/// The answers may have any shape for which `io!` gives the same type as for the dispatcher (see
/// [`Answers`](crate::Answers)). If the answers of a few keys are enough,
/// [`canned`](Recorded::canned) is shorter.
pub struct Recorded<K, A> {
    batches: Arc<Mutex<Vec<Vec<K>>>>,
    answer: AnswerFn<K, A>,
}

type AnswerFn<K, A> = Arc<Mutex<dyn FnMut(&[K]) -> A + Send>>;

/// Locks, also after a panic: an answer that panics ends its run, and the double can be used again.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K: Clone + Send + 'static, A: 'static> Recorded<K, A> {
    /// Creates a double that answers each batch by a function.
    pub fn new(answer: impl FnMut(&[K]) -> A + Send + 'static) -> Self {
        Recorded { batches: Arc::default(), answer: Arc::new(Mutex::new(answer)) }
    }

    /// Returns the function that replaces the dispatcher, for
    /// [`Config::answer_with`](crate::Config::answer_with).
    pub fn answer(&self) -> impl Fn(&[K]) -> A + Send + Sync + use<K, A> {
        let (batches, answer) = (self.batches.clone(), self.answer.clone());
        move |keys| {
            lock(&batches).push(keys.to_vec());
            lock(&answer)(keys)
        }
    }

    /// Returns the keys of each batch so far.
    pub fn batches(&self) -> Vec<Vec<K>> {
        lock(&self.batches).clone()
    }
}

impl<K, R> Recorded<K, Vec<R>>
where
    K: Clone + PartialEq + fmt::Debug + Send + 'static,
    R: Clone + Send + 'static,
{
    /// Creates a double with a fixed answer for each key: the value that `io!` gives.
    ///
    /// ```
    /// # use std::collections::HashMap;
    /// # use corio::testing::Recorded;
    /// #[corio::dispatcher]
    /// fn fetch_author(ids: &[u64]) -> Result<HashMap<u64, String>, String> {
    ///     unreachable!("asks a database")
    /// }
    ///
    /// let authors = Recorded::canned([
    ///     (1, Ok(Some("Jane Austen".into()))),
    ///     (2, Ok(None)),
    ///     (3, Err("no database".into())),
    /// ]);
    /// let mut schedule = corio::Schedule::new(()).answer_with(fetch_author, authors.answer());
    /// assert_eq!(schedule.run(fetch_author(1))?, Ok(Some("Jane Austen".into())));
    /// assert_eq!(schedule.run(fetch_author(3))?, Err("no database".into()));
    /// assert_eq!(authors.batches(), [[1], [3]]);
    /// # Ok::<(), corio::Error>(())
    /// ```
    ///
    /// A request for any other key panics, with a message that names the key.
    pub fn canned(answers: impl IntoIterator<Item = (K, R)>) -> Self {
        let canned: Vec<(K, R)> = answers.into_iter().collect();
        let answer = move |key: &K| match canned.iter().find(|(canned_key, _)| canned_key == key) {
            Some((_, answer)) => answer.clone(),
            None => {
                let dispatcher =
                    current::current(|run| run.dispatchers.current_dispatcher()).flatten();
                let of_dispatcher =
                    dispatcher.map_or_else(String::new, |name| format!(", of `{name}`"));
                panic!(
                    "corio: no answer is canned for the key {key:?}{of_dispatcher}: add `({key:?}, \
                     …)` to `Recorded::canned`, or answer by a function, with `Recorded::new`"
                )
            }
        };
        Recorded::new(move |keys| keys.iter().map(&answer).collect())
    }
}

impl<K: fmt::Debug, A> fmt::Debug for Recorded<K, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorded").field("batches", &*lock(&self.batches)).finish_non_exhaustive()
    }
}
