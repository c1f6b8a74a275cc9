//! The interface of a lane with the type of its requests erased.

use super::ids::{InFlightId, Waiter};
use super::ready::ReadyBatch;
use super::send_cx::SendCx;
use crate::util::Alarm;

/// A [`Lane`](super::Lane) of any request type.
pub(super) trait AnyLane {
    /// Answers gathered requests from the cache, and lets equal keys follow requests that are
    /// queued or in flight.
    fn coalesce(&self, send_cx: &SendCx<'_, '_>);

    /// Sends the queued requests that no limit holds; the lane is listed again if requests remain.
    fn send(&self, send_cx: &SendCx<'_, '_>);

    /// Delivers the cached answers that are held back to be delivered with the next batch.
    fn deliver_cached_now(&self);

    /// Whether a queued request may be sent: no limit holds it.
    fn can_send(&self) -> bool;

    /// Emits the event that the answers of `ready` are delivered.
    fn emit_answered(&self, ready: &ReadyBatch);

    /// Drops the next answer of `ready`, whose waiter did not take it.
    fn drop_next_answer(&self, ready: &mut ReadyBatch);

    /// Makes the answer of the `waiter`-th remaining waiter the next one (used by
    /// `Config::shuffle`).
    fn bring_forward(&self, ready: &mut ReadyBatch, waiter: usize);

    /// Recycles the buffer of a batch, delivered or not.
    fn take_back(&self, ready: ReadyBatch);

    /// Takes the slot outcomes in the mailbox of a batch in flight.
    fn collect(&self, flight: InFlightId);

    /// Ends a batch in flight whose time limit has passed.
    fn time_out(&self, flight: InFlightId);

    /// Queues the requests whose retry pause ends with `alarm`.
    fn end_pause(&self, alarm: Alarm);

    /// Requests that wait for the rate may leave.
    fn rate_allows_more(&self);

    /// Withdraws requests, and abandons batches, that no live waiter is left for.
    fn tasks_were_dropped(&self, dropped: &[Waiter]);

    /// Drops all queued requests and all batches in flight, at the end of a run.
    fn clear(&self);
}
