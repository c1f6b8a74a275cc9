//! A readable log of the batches that left: the first user of the seam through which runs are
//! watched.

use std::cell::Cell;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::event::Event;
use super::observer::Observer;
use crate::util::keys_of;

/// A readable log of what a schedule did, one line a batch: what a test compares with text.
///
/// ```
/// #[corio::dispatcher(show_keys)]
/// fn double(numbers: &[u64]) -> Vec<u64> {
///     numbers.iter().map(|n| n * 2).collect()
/// }
///
/// #[corio::task]
/// fn quadruple(n: u64) -> u64 {
///     let twice = io!(double(n));
///     io!(double(twice))
/// }
///
/// #[corio::task]
/// fn program() {
///     for n in 1..=3 {
///         spawn!(quadruple(n));
///     }
/// }
///
/// let log = corio::Log::new();
/// let mut schedule = corio::Schedule::new(()).observe(log.observer());
/// schedule.run(program())?;
/// assert_eq!(log.to_string(), "round 1: double[1, 2, 3]\nround 2: double[2, 4, 6]\n");
/// # Ok::<(), corio::Error>(())
/// ```
///
/// Where only their number matters, there is
/// [`testing::assert_batches!`](crate::testing::assert_batches).
#[derive(Clone, Debug, Default)]
pub struct Log {
    text: Arc<Mutex<String>>,
    sent: Arc<Mutex<Vec<Sent>>>,
}

/// A batch that left.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) dispatcher: &'static str,
    pub(crate) round: u64,
    pub(crate) len: usize,
    /// Unless they are not shown.
    pub(crate) keys: Option<String>,
}

impl Log {
    /// An empty log. Clones are the same log.
    pub fn new() -> Self {
        Log::default()
    }

    /// The observer that writes the batches into this log; for
    /// [`Schedule::observe`](crate::Schedule::observe).
    pub fn observer(&self) -> impl Observer + Send + use<> {
        self.observing(false)
    }

    /// The observer that writes every event into this log, also what tasks do.
    pub fn verbose_observer(&self) -> impl Observer + Send + use<> {
        self.observing(true)
    }

    fn observing(&self, everything: bool) -> impl Observer + Send + use<> {
        let log = self.clone();
        let round = Cell::new(0);
        move |event: &Event<'_>| {
            if everything {
                log.line(format_args!("{event:?}"));
            }
            match event {
                Event::Round { round: number } => round.set(*number),
                Event::BatchSent { dispatcher, len, keys, .. } => {
                    let (round, len, keys) = (round.get(), *len, format!("{keys:?}"));
                    if !everything {
                        log.line(format_args!("round {round}: {dispatcher}{keys}"));
                    }
                    let keys = (keys != format!("[{}]", keys_of(len))).then_some(keys);
                    log.sent().push(Sent { dispatcher, round, len, keys });
                }
                _ => {}
            }
        }
    }

    fn text(&self) -> MutexGuard<'_, String> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sent(&self) -> MutexGuard<'_, Vec<Sent>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, line: fmt::Arguments<'_>) {
        use fmt::Write;
        writeln!(self.text(), "{line}").expect("writing to a String does not fail");
    }

    /// How many batches a dispatcher was sent.
    ///
    /// ```
    /// # #[corio::dispatcher]
    /// # fn double(numbers: &[u64]) -> Vec<u64> { numbers.iter().map(|n| n * 2).collect() }
    /// # #[corio::task]
    /// # fn program() -> Vec<u64> { io_all!((0..9).map(double)) }
    /// # let log = corio::Log::new();
    /// let mut schedule = corio::Schedule::new(()).observe(log.observer());
    /// schedule.run(program())?;
    /// assert_eq!(log.batches("double"), 1);
    /// assert_eq!(log.batches("triple"), 0);
    /// # Ok::<(), corio::Error>(())
    /// ```
    pub fn batches(&self, dispatcher: &str) -> usize {
        self.sent().iter().filter(|sent| sent.dispatcher == dispatcher).count()
    }

    /// All of them, in the order in which they left.
    pub(crate) fn all_sent(&self) -> Vec<Sent> {
        self.sent().clone()
    }

    /// Takes the text out; the log is empty afterwards, of batches too.
    pub fn take(&self) -> String {
        self.sent().clear();
        std::mem::take(&mut *self.text())
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}
