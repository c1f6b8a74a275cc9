//! A bounded channel for tasks: any number of senders, one receiver.
//!
//! A sender that finds the channel full puts its value into the wait queue of senders, as payload.
//! The receiver moves the value into the buffer as soon as there is capacity, whether that sender
//! runs soon or not.
//!
//! # Invariants
//!
//! - Values come out in the order in which they were sent.
//! - While a sender waits, the buffer is full.
//! - A value keeps the ticket of its sender in the buffer: a sender that is dropped before it
//!   continues takes its value out again, and the capacity goes to the next sender.
//! - Destructors of values run while the channel is not borrowed, because they may use it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::state_cell::StateCell;
use super::wait_queue::{Ticket, TicketState, WaitQueue};
use crate::executor::{Id, WaitCause, WaitReason};
use crate::runtime::{RunState, current};

/// Creates a bounded channel, which holds up to `capacity` values.
///
/// Senders wait while the channel is full, and the receiver while it is empty. Values come out in
/// the order in which they were sent.
///
/// ```
/// use corio::sync::{Receiver, Sender, channel};
///
/// #[corio::dispatcher]
/// fn double(numbers: &[u64]) -> Vec<u64> {
///     numbers.iter().map(|n| n * 2).collect()
/// }
///
/// #[corio::task]
/// fn produces(numbers: Sender<u64>) {
///     for n in 1..=5 {
///         let twice = io!(double(n));
///         if call!(numbers.send(twice)).is_err() {
///             return;                         // the receiver was dropped
///         }
///     }
/// }
///
/// #[corio::task]
/// fn adds(mut numbers: Receiver<u64>) -> u64 {
///     let mut sum = 0;
///     while let Some(n) = call!(numbers.recv()) {
///         sum += n;
///     }
///     sum
/// }
///
/// #[corio::task]
/// fn program() -> u64 {
///     let (sender, receiver) = channel(2);
///     spawn!(produces(sender.clone()));
///     spawn!(produces(sender));
///     call!(adds(receiver))
/// }
///
/// assert_eq!(corio::Schedule::new(()).run(program())?, 60);
/// # Ok::<(), corio::Error>(())
/// ```
///
/// # Panics
/// If the capacity is 0.
#[track_caller]
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    assert!(capacity > 0, "corio: a channel must have room for one value at least");
    let state = ChannelState {
        capacity,
        buffer: WaitQueue::default(),
        senders: 1,
        has_receiver: true,
        sending: WaitQueue::default(),
        receiving: WaitQueue::default(),
    };
    let channel = Arc::new(StateCell::new(state));
    (Sender { channel: channel.clone() }, Receiver { channel })
}

struct ChannelState<T> {
    capacity: usize,
    /// Values that can be received, by tickets of `sending`. No task waits in this queue.
    buffer: WaitQueue<T>,
    /// Number of senders that are not dropped.
    senders: usize,
    /// Whether the receiver is not dropped.
    has_receiver: bool,
    /// Senders that wait for capacity, each with its value.
    sending: WaitQueue<T>,
    /// The receiver, while it waits for a value.
    receiving: WaitQueue<()>,
}

impl<T> ChannelState<T> {
    /// Binds the channel to `run`.
    ///
    /// # Panics
    /// If tasks of another run wait at the channel.
    fn bind_to(&mut self, run: &RunState) {
        let panic = "corio: tasks of another run wait at this channel; a channel belongs to one \
                     run at a time";
        // Senders of a run that is over stay in the queue: their values can be received without
        // any sender running.
        self.sending.bind_to(run, || false, panic);
        if self.receiving.bind_to(run, || false, panic) {
            self.receiving.clear();
        }
    }

    fn has_capacity(&self) -> bool {
        self.buffer.len() < self.capacity
    }

    /// Appends a value to the buffer, which must have capacity, and wakes the receiver.
    fn push(&mut self, value: T) {
        let ticket = self.sending.draw_ticket();
        self.buffer.join_with_ticket(ticket, Id::NONE, value);
        self.receiving.grant_all();
    }

    /// Removes the next value, and admits the value of the sender that has waited longest.
    fn pop(&mut self) -> Option<T> {
        let (_, value) = self.buffer.grant_next()?;
        self.admit_next();
        Some(value)
    }

    /// Grants the first waiting sender and moves its value into the buffer, which has capacity for
    /// one value.
    fn admit_next(&mut self) {
        if let Some((ticket, next)) = self.sending.grant_next() {
            self.buffer.join_with_ticket(ticket, Id::NONE, next);
        }
    }

    /// Withdraws a sender and returns its value, from the queue or from the buffer; `None` if the
    /// value was received.
    fn take_back(&mut self, ticket: Ticket) -> Option<T> {
        self.sending.withdraw(ticket).or_else(|| {
            let value = self.buffer.withdraw(ticket)?;
            self.admit_next();
            Some(value)
        })
    }
}

/// The sending half of a [`channel`]; can be cloned.
///
/// When the last sender is dropped, the receiver gets the values that are left, and then `None`.
pub struct Sender<T> {
    channel: Arc<StateCell<ChannelState<T>>>,
}

impl<T> Sender<T> {
    /// Sends a value, and waits for capacity: `call!(sender.send(value))?`.
    ///
    /// If the channel has capacity, the task is not suspended.
    ///
    /// A future that is dropped while it waits drops the value, and nothing was sent. That holds
    /// also if the channel has capacity by then, as long as the sending task has not continued and
    /// the receiver has not taken the value.
    ///
    /// # Errors
    /// Returns the value if the receiver was dropped, or is dropped while the sender waits.
    ///
    /// # Panics
    /// When called, if tasks of another run wait at the channel; in a dispatcher, if the channel
    /// is full.
    pub fn send(&self, value: T) -> Sending<'_, T> {
        Sending { sender: self, value: Some(value), ticket: 0 }
    }

    /// Sends a value if the channel has capacity.
    ///
    /// # Errors
    /// Returns the value if the channel is full, or the receiver was dropped.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let mut state = self.channel.borrow();
        if !state.has_receiver {
            return Err(TrySendError::Closed(value));
        }
        if !state.has_capacity() {
            return Err(TrySendError::Full(value));
        }
        state.push(value);
        Ok(())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.channel.borrow().senders += 1;
        Sender { channel: self.channel.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.channel.borrow();
        state.senders -= 1;
        if state.senders == 0 {
            state.receiving.grant_all();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ChannelState::fmt_as(&self.channel, "Sender", f)
    }
}

/// The receiving half of a [`channel`].
///
/// When the receiver is dropped, the values in the channel are dropped, and waiting senders get
/// their values back.
pub struct Receiver<T> {
    channel: Arc<StateCell<ChannelState<T>>>,
}

impl<T> Receiver<T> {
    /// Receives the next value, and waits for it: `while let Some(value) = call!(receiver.recv())`.
    ///
    /// Gives `None` when every sender was dropped and the channel is empty. If the channel has a
    /// value, the task is not suspended. A future that is dropped while it waits takes no value.
    ///
    /// # Panics
    /// When called, if tasks of another run wait at the channel; in a dispatcher, if the channel
    /// is empty and has senders.
    pub fn recv(&mut self) -> Receiving<'_, T> {
        Receiving { receiver: self, ticket: 0 }
    }

    /// Receives the next value if the channel has one.
    ///
    /// # Errors
    /// [`TryRecvError::Empty`] if the channel is empty, and [`TryRecvError::Closed`] if, moreover,
    /// every sender was dropped.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let mut state = self.channel.borrow();
        let error = if state.senders == 0 { TryRecvError::Closed } else { TryRecvError::Empty };
        state.pop().ok_or(error)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.channel.borrow();
        state.has_receiver = false;
        // Waiting senders take their values back themselves, when they run.
        state.sending.wake_all();
        let buffer = std::mem::take(&mut state.buffer);
        // The values are dropped last, because their destructors may use the channel.
        drop(state);
        drop(buffer);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ChannelState::fmt_as(&self.channel, "Receiver", f)
    }
}

impl<T> ChannelState<T> {
    /// Formats the channel as a struct called `name`.
    fn fmt_as(channel: &StateCell<Self>, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = channel.borrow();
        let (capacity, len, senders) = (state.capacity, state.buffer.len(), state.senders);
        drop(state);
        f.debug_struct(name)
            .field("capacity", &capacity)
            .field("len", &len)
            .field("senders", &senders)
            .finish_non_exhaustive()
    }
}

/// Future of [`Sender::send`], to be awaited by `call!`.
#[must_use = "this does nothing until it is called: `call!(sender.send(value))`"]
pub struct Sending<'a, T> {
    sender: &'a Sender<T>,
    /// `None` while the value is in the wait queue or in the buffer.
    value: Option<T>,
    /// 0 before the sender waits, and after it has continued.
    ticket: Ticket,
}

impl<T> Unpin for Sending<'_, T> {}

impl<T> Future for Sending<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        current::with(|run| {
            let state = &mut *this.sender.channel.borrow();
            state.bind_to(run);
            let waits = match state.sending.ticket_state(&mut this.ticket) {
                TicketState::Granted => false,
                TicketState::NotQueued if state.has_receiver && state.has_capacity() => {
                    this.value.take().into_iter().for_each(|value| state.push(value));
                    false
                }
                TicketState::NotQueued if state.has_receiver => {
                    let task = run.executor.waiting_task();
                    this.ticket =
                        this.value.take().map_or(0, |value| state.sending.join(task, value));
                    true
                }
                TicketState::Waiting if state.has_receiver => {
                    state.sending.set_task(this.ticket, run.executor.waiting_task());
                    true
                }
                TicketState::Waiting => {
                    this.value = state.sending.withdraw(this.ticket);
                    false
                }
                TicketState::NotQueued => false,
            };
            if waits {
                run.executor.park_for(|| {
                    WaitReason::held(WaitCause::Capacity { capacity: state.capacity }, Vec::new())
                });
                return Poll::Pending;
            }
            this.ticket = 0;
            Poll::Ready(this.value.take().map_or(Ok(()), |value| Err(SendError(value))))
        })
    }
}

impl<T> Drop for Sending<'_, T> {
    fn drop(&mut self) {
        if self.ticket != 0 {
            let value = self.sender.channel.borrow().take_back(self.ticket);
            drop(value);
        }
    }
}

impl<T> fmt::Debug for Sending<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").field("waits", &(self.ticket != 0)).finish()
    }
}

leaf!(<'a, T> Sending<'a, T> => Result<(), SendError<T>>);

/// Future of [`Receiver::recv`], to be awaited by `call!`.
#[must_use = "this does nothing until it is called: `call!(receiver.recv())`"]
pub struct Receiving<'a, T> {
    receiver: &'a mut Receiver<T>,
    /// 0 before the receiver waits, and after it has continued.
    ticket: Ticket,
}

impl<T> Future for Receiving<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
        let this = &mut *self;
        current::with(|run| {
            let state = &mut *this.receiver.channel.borrow();
            state.bind_to(run);
            let value = state.pop();
            if value.is_some() || state.senders == 0 {
                state.receiving.withdraw(this.ticket);
                this.ticket = 0;
                return Poll::Ready(value);
            }
            let task = run.executor.waiting_task();
            match state.receiving.ticket_state(&mut this.ticket) {
                TicketState::Waiting => state.receiving.set_task(this.ticket, task),
                TicketState::NotQueued | TicketState::Granted => {
                    this.ticket = state.receiving.join(task, ())
                }
            }
            run.executor.park_for(|| {
                WaitReason::held(WaitCause::Message { senders: state.senders }, Vec::new())
            });
            Poll::Pending
        })
    }
}

impl<T> Drop for Receiving<'_, T> {
    fn drop(&mut self) {
        if self.ticket != 0 {
            self.receiver.channel.borrow().receiving.withdraw(self.ticket);
        }
    }
}

impl<T> fmt::Debug for Receiving<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiving").field("waits", &(self.ticket != 0)).finish()
    }
}

leaf!(<'a, T> Receiving<'a, T> => Option<T>);

/// Error of [`Sender::send`]: the receiver was dropped. Contains the value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the receiver of the channel is gone")
    }
}

impl<T> std::error::Error for SendError<T> {}

/// Error of [`Sender::try_send`]. Contains the value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// The channel is full.
    Full(T),
    /// The receiver was dropped.
    Closed(T),
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "Full(..)",
            TrySendError::Closed(_) => "Closed(..)",
        })
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TrySendError::Full(_) => "the channel is full",
            TrySendError::Closed(_) => "the receiver of the channel is gone",
        })
    }
}

impl<T> std::error::Error for TrySendError<T> {}

/// Error of [`Receiver::try_recv`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// The channel is empty, and a sender exists.
    Empty,
    /// The channel is empty, and every sender was dropped.
    Closed,
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryRecvError::Empty => "the channel is empty",
            TryRecvError::Closed => "the channel is empty, and its senders are gone",
        })
    }
}

impl std::error::Error for TryRecvError {}
