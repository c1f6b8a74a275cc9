//! What comes into a run from outside, handled between two phases: tasks and futures that were
//! woken, mailboxes that were filled, alarms that are due, and futures whose batches nobody waits
//! for.

use super::Run;
use crate::error::Error;
use crate::runtime::state::RunState;

impl<T> Run<'_, T> {
    /// Drops the futures of batches that were cancelled.
    #[inline(always)]
    pub(super) fn cancel_futures(&self, state: &RunState) {
        while let Some(future) = state.dispatchers.next_cancelled() {
            self.futures.cancel(future, &state.dispatchers);
        }
    }

    /// Handles everything that has happened by now: arrivals from outside, and alarms that are due.
    #[inline(always)]
    pub(super) fn take_arrivals(&self, state: &RunState) -> Result<(), Error> {
        self.take_from_inbox(state);
        state.fire_due();
        self.cancel_futures(state);
        if let Some(fault) = state.dispatchers.take_fault() {
            self.check_cancelled()?;
            return Err(fault.into());
        }
        Ok(())
    }

    /// Takes the last arrivals after the deadline, cached answers included.
    #[cold]
    #[inline(never)]
    pub(super) fn take_last_arrivals(&self, state: &RunState) -> Result<(), Error> {
        state.dispatchers.deliver_cached_now();
        self.take_arrivals(state)
    }

    /// Wakes the tasks that were woken from outside, polls the futures that were woken and collects
    /// the mailboxes that were filled.
    #[inline(always)]
    fn take_from_inbox(&self, state: &RunState) {
        if state.awaits_outside() || state.inbox.has_woken() {
            self.handle_arrivals(state);
        }
    }

    fn handle_arrivals(&self, state: &RunState) {
        let Some(mut arrivals) = state.inbox.take() else { return };
        if let Some(shuffle) = &self.shuffle {
            shuffle.permute(&mut arrivals.futures);
            shuffle.permute(&mut arrivals.mailboxes);
        }
        for task in arrivals.woken.drain(..) {
            state.executor.wake(task);
        }
        for future in arrivals.futures.drain(..) {
            self.futures.poll(future, &state.dispatchers);
        }
        for (queue, in_flight) in arrivals.mailboxes.drain(..) {
            state.dispatchers.collect(queue, in_flight);
        }
        state.inbox.put_back(arrivals);
    }

    /// Discards late arrivals, of batches that no task waits for any more: they must not keep the
    /// run awake. Returns whether a task was woken from outside.
    pub(super) fn discard_late_arrivals(&self, state: &RunState) -> bool {
        let woken = state.inbox.take().map_or_else(Vec::new, |arrivals| arrivals.woken);
        woken.iter().for_each(|task| state.executor.wake(*task));
        !woken.is_empty()
    }
}
