//! Drives: what is asked in a future leaves when that waits for something else.
//!
//! # tokio's budget
//!
//! A future that has used up what tokio lets a task do in one poll is not woken in that poll but
//! afterwards, so it looks quiescent and is not. With the feature `tokio` a member sees that its
//! budget is spent, stays active and waits for its own turn; then once more, as tokio wakes those
//! that have waited for the budget last in, first out, the member before what is in it. On a
//! runtime of several threads another worker may poll the member in between: batches are smaller
//! then, never wrong. A bare `yield_now` looks like waiting for something else.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::asking::{group_of, in_group, innermost_group};
use super::group::Group;
use super::inner::Handle;
use super::member::Member;

/// A future that is driven; made by [`Hub::drive`](crate::Hub::drive) and
/// [`Hub::follow`](crate::Hub::follow).
///
/// Dropped before it is ready, it drops what is in it, and that is withdrawn.
#[must_use = "nothing happens before this is awaited"]
pub struct Drive<H: Send + Sync + 'static, F> {
    hub: Arc<Handle<H>>,
    member: Option<Member>,
    /// Gone when it is over. Boxed, so that a drive may be moved.
    inner: Option<Pin<Box<F>>>,
    /// Whether it looks once more before it believes to be quiescent.
    looks_again: bool,
}

/// So many rounds of one poll, in each of which the future has woken itself, before others have
/// their turn.
const ROUNDS: usize = 256;

impl<H: Send + Sync + 'static, F: Future> Drive<H, F> {
    pub(super) fn new(hub: Arc<Handle<H>>, future: F) -> Self {
        Drive { hub, member: None, inner: Some(Box::pin(future)), looks_again: false }
    }

    /// A drive that belongs to the group that is polled just now, if there is one.
    pub(super) fn following(hub: Arc<Handle<H>>, future: F) -> Self {
        let member = group_of(hub.id()).map(|group| {
            group.begin();
            Member::new(group)
        });
        Drive { hub, member, inner: Some(Box::pin(future)), looks_again: false }
    }
}

impl<H: Send + Sync + 'static, F> Unpin for Drive<H, F> {}

impl<H: Send + Sync + 'static, F: Future> Future for Drive<H, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Drive { hub, member, inner, looks_again } = &mut *self;
        let future = inner.as_mut().expect("polled after it was over").as_mut();
        let hub = hub.id();
        if member.is_none() && group_of(hub).is_some() {
            // A part of the drive around it.
            return future.poll(context);
        }
        let member = member.get_or_insert_with(|| Member::new(Group::new(innermost_group())));
        let polled = poll_member(member, hub, future, looks_again, context);
        if polled.is_ready() {
            *inner = None;
            self.member = None;
        }
        polled
    }
}

/// Polls a member until it is ready, or nothing has woken it in its poll.
fn poll_member<F: Future>(
    member: &Member,
    hub: usize,
    mut future: Pin<&mut F>,
    looks_again: &mut bool,
    context: &mut Context<'_>,
) -> Poll<F::Output> {
    member.begin_poll(context.waker());
    for _ in 0..ROUNDS {
        let mut driven = Context::from_waker(member.waker());
        let polled = in_group(hub, member.group(), || future.as_mut().poll(&mut driven));
        if polled.is_ready() {
            return polled;
        }
        let is_spent = budget::is_spent();
        if is_spent || std::mem::take(looks_again) {
            *looks_again = is_spent;
            member.stays_active();
            budget::wait(context);
            return Poll::Pending;
        }
        if member.becomes_idle() {
            return Poll::Pending;
        }
        member.begin_round();
    }
    member.stays_active();
    context.waker().wake_by_ref();
    Poll::Pending
}

impl<H: Send + Sync + 'static, F> Drop for Drive<H, F> {
    fn drop(&mut self) {
        // First what is in it, whose requests are withdrawn; then the member, which may be the last
        // of its group and sends what others have asked.
        self.inner = None;
        self.member = None;
    }
}

impl<H: Send + Sync + 'static, F> fmt::Debug for Drive<H, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drive").field("is_over", &self.inner.is_none()).finish()
    }
}

/// What tokio lets a task do in one poll.
#[cfg(feature = "tokio")]
mod budget {
    use std::future::Future;
    use std::pin::pin;
    use std::task::Context;

    /// Whether this task has used it up, and what was polled may wait for it.
    pub(super) fn is_spent() -> bool {
        tokio::runtime::Handle::try_current().is_ok() && !tokio::task::coop::has_budget_remaining()
    }

    /// Has the task polled again when those that wait for the budget have been woken.
    pub(super) fn wait(context: &mut Context<'_>) {
        let _ = pin!(tokio::task::yield_now()).poll(context);
    }
}

#[cfg(not(feature = "tokio"))]
mod budget {
    use std::task::Context;

    pub(super) fn is_spent() -> bool {
        false
    }

    pub(super) fn wait(context: &mut Context<'_>) {
        context.waker().wake_by_ref();
    }
}
