//! Where `for_each!` takes its items from: an iterator, or a stream.

use std::pin::Pin;
use std::task::Poll;

use futures_core::Stream;
use pin_project_lite::pin_project;

use super::foreign::OutsidePoll;

/// An iterator, something that becomes one, or a stream. `By` says which, and is inferred.
#[diagnostic::on_unimplemented(
    message = "`for_each!` takes items from an iterator or a stream, and `{Self}` is neither",
    label = "not an iterator or a stream"
)]
pub trait Source<By> {
    /// One after the other, each is given to a task.
    type Item;
    #[doc(hidden)]
    type Polled: PollSource<Item = Self::Item>;
    #[doc(hidden)]
    fn into_polled(self) -> Self::Polled;
}

/// A source, in the frame of a task.
pub trait PollSource {
    /// What it gives.
    type Item;
    /// The next item; `wait` wakes the running task when there may be one.
    #[doc(hidden)]
    fn poll_next(self: Pin<&mut Self>, wait: &mut OutsidePoll) -> Poll<Option<Self::Item>>;
}

/// Items from an iterator.
#[derive(Debug)]
pub struct ByIterator<I>(I);

impl<I: IntoIterator> Source<ByIterator<()>> for I {
    type Item = I::Item;
    type Polled = ByIterator<I::IntoIter>;

    fn into_polled(self) -> Self::Polled {
        ByIterator(self.into_iter())
    }
}

// An iterator does not care where it is.
impl<I> Unpin for ByIterator<I> {}

impl<I: Iterator> PollSource for ByIterator<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut OutsidePoll) -> Poll<Option<I::Item>> {
        Poll::Ready(self.0.next())
    }
}

pin_project! {
    /// Items from a stream.
    #[derive(Debug)]
    pub struct ByStream<T> {
        #[pin]
        stream: T,
    }
}

impl<T: Stream> Source<ByStream<()>> for T {
    type Item = T::Item;
    type Polled = ByStream<T>;

    fn into_polled(self) -> Self::Polled {
        ByStream { stream: self }
    }
}

impl<T: Stream> PollSource for ByStream<T> {
    type Item = T::Item;

    fn poll_next(self: Pin<&mut Self>, wait: &mut OutsidePoll) -> Poll<Option<T::Item>> {
        wait.poll(|context| self.project().stream.poll_next(context))
    }
}
