//! A batch of one that is sent while its task runs, as no other request can join it.
//! `runtime/answer_now.rs` decides when that is so.
//!
//! Such a batch is sent and answered by the same code as all others. Only `push_ready` differs: the
//! answer is not queued for delivery, but held in `held_answer` and offered as the current answer.
//! If the batch turns out otherwise (a future, slots, a wrong number of answers, a cancelled run),
//! it continues as all other batches do.

use std::mem::needs_drop;

use super::send::Outlet;
use super::state::Queue;
use crate::dispatch::ids::Waiter;
use crate::dispatch::in_flight::Part;
use crate::dispatch::request::Request;
use crate::observe::Event;

impl<R: Request> Queue<R> {
    /// Sends a batch of one. Returns whether its answer is the current answer of the shared state;
    /// if not, the answer comes as that of any other request.
    #[inline]
    pub(crate) fn answer_at_once(
        &self,
        waiter: Waiter,
        key: R::Key,
        outlet: &impl Outlet<R>,
    ) -> bool {
        let mut buf = self.held_answer.take().unwrap_or_else(|| self.take_buf());
        buf.fill_with_one(waiter, key);
        self.mark_used();
        let shared = &*self.shared;
        self.is_answering_at_once.set(true);
        shared.with_current_dispatcher(R::name(), || {
            self.send_batch(buf, shared.begin_round(), Part::default(), outlet)
        });
        self.is_answering_at_once.set(false);
        let Some(mut buf) = self.answered_at_once.take() else { return false };
        if !outlet.is_open() {
            // The dispatcher has cancelled its run: no task is resumed.
            self.push_ready(buf);
            return false;
        }
        if needs_drop::<R::Key>() {
            // The destructor of the key is user code, which runs now and not with the next request.
            buf.keys.clear();
        }
        shared.observers().emit(|| Event::BatchAnswered {
            dispatcher: R::name(),
            batch: buf.batch,
            len: 1,
        });
        self.held_answer.offer(buf, &shared.current_answer);
        true
    }
}
