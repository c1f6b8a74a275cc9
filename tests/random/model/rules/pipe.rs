//! A channel: values come out in the order in which they were given to it, each once; those that
//! wait with one come in in the order in which they came.
//!
//! A value is in the channel as soon as there is room for it, whether or not the task that sends it
//! has run since.

use std::collections::{BTreeMap, VecDeque};

use super::{Rules, Waiter};

pub(crate) type Value = u64;

pub(crate) struct Pipe {
    capacity: usize,
    inside: VecDeque<Value>,
    senders: usize,
    has_receiver: bool,
    sending: VecDeque<(Waiter, Value)>,
    /// Each with whether it was sent.
    sent: BTreeMap<Waiter, bool>,
    receiving: Option<Waiter>,
}

impl Pipe {
    pub(crate) fn new(capacity: usize) -> Self {
        Pipe {
            capacity,
            inside: VecDeque::new(),
            senders: 0,
            has_receiver: true,
            sending: VecDeque::new(),
            sent: BTreeMap::new(),
            receiving: None,
        }
    }

    pub(crate) fn sends(&mut self, waiter: Waiter, value: Value) {
        self.sending.push_back((waiter, value));
        self.settle();
    }

    /// Whether the channel is open, and has room for one that does not wait.
    pub(crate) fn has_room(&self) -> Option<bool> {
        self.has_receiver.then_some(self.sending.is_empty() && self.inside.len() < self.capacity)
    }

    /// Without waiting.
    pub(crate) fn takes_in(&mut self, value: Value) {
        self.inside.push_back(value);
    }

    pub(crate) fn was_sent(&self, waiter: Waiter) -> bool {
        self.sent.get(&waiter) == Some(&true)
    }

    pub(crate) fn receives(&mut self, waiter: Waiter) {
        self.receiving = Some(waiter);
    }

    /// What a receiver gets now.
    pub(crate) fn gives_out(&mut self) -> Option<Value> {
        let value = self.inside.pop_front();
        self.settle();
        value
    }

    /// What a receiver would get.
    pub(crate) fn next(&self) -> Option<Value> {
        self.inside.front().copied()
    }

    /// Nobody can send any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.senders == 0
    }

    pub(crate) fn has_sender(&mut self, more: bool) {
        if more { self.senders += 1 } else { self.senders -= 1 }
    }

    pub(crate) fn has_no_receiver(&mut self) {
        self.has_receiver = false;
        self.inside.clear();
        self.settle();
    }

    fn settle(&mut self) {
        while let Some((waiter, value)) = self.sending.pop_front() {
            if self.has_receiver && self.inside.len() >= self.capacity {
                return self.sending.push_front((waiter, value));
            }
            if self.has_receiver {
                self.inside.push_back(value);
            }
            self.sent.insert(waiter, self.has_receiver);
        }
    }
}

impl Rules for Pipe {
    fn granted(&self, waiter: Waiter) -> bool {
        let receives =
            self.receiving == Some(waiter) && (!self.inside.is_empty() || self.senders == 0);
        receives || self.sent.contains_key(&waiter)
    }

    fn passes(&mut self, waiter: Waiter) {
        self.leaves(waiter);
    }

    fn leaves(&mut self, waiter: Waiter) {
        if self.receiving == Some(waiter) {
            self.receiving = None;
        }
        self.sending.retain(|(other, _)| *other != waiter);
        self.sent.remove(&waiter);
        self.settle();
    }

    fn at_rest(&self) -> bool {
        self.senders == 0
            && !self.has_receiver
            && self.sending.is_empty()
            && self.sent.is_empty()
            && self.receiving.is_none()
    }
}
