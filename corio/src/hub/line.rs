//! The packets that wait in a lane, and which of their requests leave next.
//!
//! If all fits into a batch, all of it leaves, in the order asked. If not, packets take turns
//! (deficit round robin): each packet in front gives at most a quarter of a batch, then those that
//! have more fill what is left, and who has given a quarter goes to the end of the line. So a small
//! packet waits for a few batches however large those before it are, and no size is starved.
//! (Equal shares, or the smallest first, make packets of middling size wait for each other.)
//!
//! Invariants:
//! - No packet is empty.
//! - Requests of one packet leave in the order asked.
//! - Taking a batch looks at as many packets and requests as it takes, besides those that are gone,
//!   which are looked at once.

use std::collections::VecDeque;

use super::asker::Entry;
use crate::dispatch::Request;

/// What waits in a lane.
pub(super) struct Line<R: Request> {
    packets: VecDeque<VecDeque<Entry<R>>>,
    /// Requests in all packets.
    len: usize,
}

impl<R: Request> Default for Line<R> {
    fn default() -> Self {
        Line { packets: VecDeque::new(), len: 0 }
    }
}

impl<R: Request> Line<R> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a packet at the end.
    pub(super) fn push(&mut self, packet: VecDeque<Entry<R>>) {
        self.len += packet.len();
        if !packet.is_empty() {
            self.packets.push_back(packet);
        }
    }

    /// Removes at most `max` requests that leave together; with `in_order`, those asked first.
    pub(super) fn take(&mut self, max: usize, in_order: bool) -> Vec<Entry<R>> {
        let mut taken = Vec::with_capacity(self.len.min(max));
        if self.len <= max || in_order {
            while taken.len() < max {
                let Some(mut packet) = self.packets.pop_front() else { break };
                let share = packet.len().min(max - taken.len());
                taken.extend(packet.drain(..share));
                if !packet.is_empty() {
                    self.packets.push_front(packet);
                }
            }
        } else {
            self.take_in_turns(max, &mut taken);
        }
        self.len -= taken.len();
        taken
    }

    /// Takes `max` requests, fewer than there are.
    fn take_in_turns(&mut self, max: usize, taken: &mut Vec<Entry<R>>) {
        let quarter = max.div_ceil(4);
        let mut room = max;
        let mut shares = Vec::new();
        for packet in &self.packets {
            if room == 0 {
                break;
            }
            let share = packet.len().min(quarter).min(room);
            room -= share;
            shares.push(share);
        }
        // There is room left only if every packet is among these.
        for (share, packet) in shares.iter_mut().zip(&self.packets) {
            let more = (packet.len() - *share).min(room);
            room -= more;
            *share += more;
        }
        let mut in_front = Vec::new();
        for share in shares {
            let Some(mut packet) = self.packets.pop_front() else { break };
            taken.extend(packet.drain(..share));
            if packet.is_empty() {
                continue;
            }
            if share >= quarter {
                self.packets.push_back(packet);
            } else {
                in_front.push(packet);
            }
        }
        in_front.into_iter().rev().for_each(|packet| self.packets.push_front(packet));
    }

    /// Removes the requests whose askers are gone.
    pub(super) fn take_gone(&mut self) -> Vec<Entry<R>> {
        let mut gone: Vec<VecDeque<Entry<R>>> = Vec::new();
        for packet in &mut self.packets {
            // The askers of a run are gone together, those of plain code one by one.
            let is_gone = |entry: &Entry<R>| entry.asker.is_gone();
            if packet.iter().any(is_gone) {
                let (out, rest) = std::mem::take(packet).into_iter().partition(is_gone);
                *packet = rest;
                gone.push(out);
            }
        }
        self.packets.retain(|packet| !packet.is_empty());
        let gone: Vec<Entry<R>> = gone.into_iter().flatten().collect();
        self.len -= gone.len();
        gone
    }

    /// Removes everything.
    pub(super) fn take_all(&mut self) -> Vec<Entry<R>> {
        self.len = 0;
        std::mem::take(&mut self.packets).into_iter().flatten().collect()
    }
}
