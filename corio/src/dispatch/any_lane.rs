//! TODO

use super::host::SendCx;
use super::ids::{InFlightId, Waiter};
use super::ready::ReadyBatch;
use crate::util::Alarm;

/// A lane, whatever its requests are.
pub(crate) trait AnyLane {
    /// Gives what was kept for later, and has equal keys join those that wait or are on their way.
    fn coalesce(&self, send_cx: &SendCx<'_, '_>);

    /// Sends what waits, unless a limit holds it; what stays is on the board again.
    fn send(&self, send_cx: &SendCx<'_, '_>);

    /// Gives what was kept to those who would get it with the answers of a batch.
    fn deliver_cached_now(&self);

    /// Whether something waits that no limit holds.
    fn can_send(&self) -> bool;

    /// Tells observers that answers of its are delivered.
    fn emit_answered(&self, answered: &mut ReadyBatch);

    /// The next answer is not wanted.
    fn drop_next_answer(&self, answered: &mut ReadyBatch);

    /// Has another answer be the next, the one for this of those who wait.
    fn bring_forward(&self, answered: &mut ReadyBatch, waiter: usize);

    /// Takes back what has been delivered.
    fn take_back(&self, answered: ReadyBatch);

    /// Takes the answers that came by post for a flight.
    fn collect(&self, flight: InFlightId);

    /// A flight has taken too long.
    fn time_out(&self, flight: InFlightId);

    /// Some requests have paused long enough.
    fn end_pause(&self, alarm: Alarm);

    /// Gives up what nobody wants any more.
    fn tasks_were_dropped(&self, dropped: &[Waiter]);

    /// Forgets everything that waits and is in flight.
    fn clear(&self);
}
