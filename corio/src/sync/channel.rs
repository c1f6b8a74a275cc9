//! A bounded channel for tasks: any number of senders, one receiver.
//!
//! A sender that waits for room puts its value into the line, and the receiver moves it into the
//! channel as soon as there is room, whether that sender runs soon or not. So values come out in
//! the order in which they were sent, and there is never room while somebody waits.
//!
//! A value keeps its ticket in the channel: a sender that is dropped before it goes on takes its
//! value out again, and the room goes to the next.

use std::cell::RefCell;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::wait_queue::{Ticket, TicketState, WaitQueue};
use crate::executor::{Id, WaitReason};
use crate::runtime::{RunState, current};
use crate::util::plural;

/// A channel that holds up to `capacity` values: senders wait while it is full, the receiver while
/// it is empty. Values come out in the order in which they were sent.
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
///             return;                         // nobody wants them any more
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
        values: WaitQueue::default(),
        senders: 1,
        is_open: true,
        sending: WaitQueue::default(),
        receiving: WaitQueue::default(),
    };
    let channel = Rc::new(RefCell::new(state));
    (Sender { channel: channel.clone() }, Receiver { channel })
}

struct ChannelState<T> {
    capacity: usize,
    /// What can be received, by the tickets of `sending`. Nobody waits in this line.
    values: WaitQueue<T>,
    senders: usize,
    /// The receiver is there.
    is_open: bool,
    /// Each brings its value.
    sending: WaitQueue<T>,
    receiving: WaitQueue<()>,
}

impl<T> ChannelState<T> {
    /// # Panics
    /// If tasks of another run wait.
    fn belong_to(&mut self, run: &RunState) {
        let panic = "corio: tasks of another run wait at this channel; a channel belongs to one \
                     run at a time";
        // Senders of a run that is over stay in line: their values are there, and receiving them
        // needs nobody to run.
        self.sending.belong_to(run, || false, panic);
        if self.receiving.belong_to(run, || false, panic) {
            self.receiving.clear();
        }
    }

    fn has_room(&self) -> bool {
        self.values.len() < self.capacity
    }

    fn put(&mut self, value: T) {
        let ticket = self.sending.draw();
        self.values.enter(ticket, Id::NONE, value);
        self.receiving.grant_all();
    }

    /// The next value; and who waits longest for room has it now.
    fn take(&mut self) -> Option<T> {
        let (_, value) = self.values.grant_next()?;
        self.fill();
        Some(value)
    }

    /// There is room for one.
    fn fill(&mut self) {
        if let Some((ticket, next)) = self.sending.grant_next() {
            self.values.enter(ticket, Id::NONE, next);
        }
    }

    /// The value of a sender that does not wait any more, if nobody has received it.
    fn take_back(&mut self, ticket: Ticket) -> Option<T> {
        self.sending.leave(ticket).or_else(|| {
            let value = self.values.leave(ticket)?;
            self.fill();
            Some(value)
        })
    }
}

/// Sends into a [`channel`]; can be cloned. When the last one is dropped, the receiver gets what is
/// left, and then `None`.
pub struct Sender<T> {
    channel: Rc<RefCell<ChannelState<T>>>,
}

impl<T> Sender<T> {
    /// Waits for room and puts the value into the channel: `call!(sender.send(value))?`. If there
    /// is room, it costs no suspension.
    ///
    /// Dropped while it waits, it drops the value, and nothing was sent: also if there is room for
    /// it by now, as long as it has not gone on and the receiver has not taken the value.
    ///
    /// # Errors
    /// Gives the value back if the receiver is gone, or goes while this waits.
    ///
    /// # Panics
    /// When called, if tasks of another run wait at the channel, or by a dispatcher when there is
    /// no room.
    pub fn send(&self, value: T) -> Sending<'_, T> {
        Sending { sender: self, value: Some(value), ticket: 0 }
    }

    /// Puts the value into the channel if there is room.
    ///
    /// # Errors
    /// Gives the value back if there is none, or the receiver is gone.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let mut state = self.channel.borrow_mut();
        if !state.is_open {
            return Err(TrySendError::Closed(value));
        }
        if !state.has_room() {
            return Err(TrySendError::Full(value));
        }
        state.put(value);
        Ok(())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.channel.borrow_mut().senders += 1;
        Sender { channel: self.channel.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.channel.borrow_mut();
        state.senders -= 1;
        if state.senders == 0 {
            state.receiving.grant_all();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.channel.borrow().show("Sender", f)
    }
}

/// Receives from a [`channel`]. When it is dropped, so is what is in the channel, and senders get
/// their values back.
pub struct Receiver<T> {
    channel: Rc<RefCell<ChannelState<T>>>,
}

impl<T> Receiver<T> {
    /// Waits for the next value: `while let Some(value) = call!(receiver.recv())`. `None` when
    /// every sender is gone and nothing is left. If a value is there, it costs no suspension.
    ///
    /// Dropped while it waits, it takes nothing.
    ///
    /// # Panics
    /// When called, if tasks of another run wait at the channel, or by a dispatcher when there is
    /// nothing.
    pub fn recv(&mut self) -> Receiving<'_, T> {
        Receiving { receiver: self, ticket: 0 }
    }

    /// The next value, if it is there.
    ///
    /// # Errors
    /// If nothing is there now, or every sender is gone and nothing is left.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let mut state = self.channel.borrow_mut();
        let nothing = if state.senders == 0 { TryRecvError::Closed } else { TryRecvError::Empty };
        state.take().ok_or(nothing)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.channel.borrow_mut();
        state.is_open = false;
        // Those that wait take their values back themselves.
        state.sending.wake_all();
        let values = std::mem::take(&mut state.values);
        // Destructors of users may come back here.
        drop(state);
        drop(values);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.channel.borrow().show("Receiver", f)
    }
}

impl<T> ChannelState<T> {
    fn show(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("capacity", &self.capacity)
            .field("len", &self.values.len())
            .field("senders", &self.senders)
            .finish_non_exhaustive()
    }
}

/// What [`Sender::send`] gives; `call!` it.
#[must_use = "this does nothing until it is called: `call!(sender.send(value))`"]
pub struct Sending<'a, T> {
    sender: &'a Sender<T>,
    /// In the line while it waits, and in the channel afterwards.
    value: Option<T>,
    ticket: Ticket,
}

impl<T> Unpin for Sending<'_, T> {}

impl<T> Future for Sending<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        current::with(|run| {
            let state = &mut *this.sender.channel.borrow_mut();
            state.belong_to(run);
            let waits = match state.sending.ticket_state(this.ticket) {
                TicketState::Called => false,
                TicketState::NotQueued if state.is_open && state.has_room() => {
                    this.value.take().into_iter().for_each(|value| state.put(value));
                    false
                }
                TicketState::NotQueued if state.is_open => {
                    let task = run.executor.waiting_task();
                    this.ticket =
                        this.value.take().map_or(0, |value| state.sending.join(task, value));
                    true
                }
                TicketState::Waits if state.is_open => {
                    state.sending.stay(this.ticket, run.executor.waiting_task());
                    true
                }
                TicketState::Waits => {
                    this.value = state.sending.leave(this.ticket);
                    false
                }
                TicketState::NotQueued => false,
            };
            if waits {
                run.executor.park_for(|| {
                    WaitReason::held(format!("room in a channel of {}", state.capacity), Vec::new())
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
            let value = self.sender.channel.borrow_mut().take_back(self.ticket);
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

/// What [`Receiver::recv`] gives; `call!` it.
#[must_use = "this does nothing until it is called: `call!(receiver.recv())`"]
pub struct Receiving<'a, T> {
    receiver: &'a mut Receiver<T>,
    ticket: Ticket,
}

impl<T> Future for Receiving<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
        let this = &mut *self;
        current::with(|run| {
            let state = &mut *this.receiver.channel.borrow_mut();
            state.belong_to(run);
            let value = state.take();
            if value.is_some() || state.senders == 0 {
                state.receiving.leave(this.ticket);
                this.ticket = 0;
                return Poll::Ready(value);
            }
            let task = run.executor.waiting_task();
            match state.receiving.ticket_state(this.ticket) {
                TicketState::Waits => state.receiving.stay(this.ticket, task),
                TicketState::NotQueued | TicketState::Called => {
                    this.ticket = state.receiving.join(task, ())
                }
            }
            run.executor.park_for(|| {
                let verb = if state.senders == 1 { "is" } else { "are" };
                WaitReason::held(
                    format!(
                        "a message: {} sender{} {verb} there",
                        state.senders,
                        plural(state.senders)
                    ),
                    Vec::new(),
                )
            });
            Poll::Pending
        })
    }
}

impl<T> Drop for Receiving<'_, T> {
    fn drop(&mut self) {
        if self.ticket != 0 {
            self.receiver.channel.borrow_mut().receiving.leave(self.ticket);
        }
    }
}

impl<T> fmt::Debug for Receiving<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiving").field("waits", &(self.ticket != 0)).finish()
    }
}

leaf!(<'a, T> Receiving<'a, T> => Option<T>);

/// The value could not be sent, as the receiver is gone: here it is.
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

/// The value could not be sent now: here it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// There is no room.
    Full(T),
    /// The receiver is gone.
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

/// There is nothing to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// Not now.
    Empty,
    /// Never again: every sender is gone.
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
