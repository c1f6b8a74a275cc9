//! The program of `quickstart.rs` as the macros expand it: this is all they do. A test in
//! `corio-macros` compares it with the real expansion.
// Lints do not look into expansions; here they would.
#![allow(clippy::redundant_closure)]

// `#[corio::dispatcher]` makes a request, …
/// The request that [`store`](fn@store) makes.
#[allow(non_camel_case_types)]
#[must_use = "a request does nothing until it is asked: `io!(store(..))`"]
struct store {
    key: String,
}

fn store(key: String) -> store {
    store { key }
}

impl store {
    /// The per-batch function itself, for its own unit tests.
    #[allow(clippy::missing_errors_doc, clippy::missing_panics_doc, clippy::must_use_candidate)]
    fn batch(requests: &[String]) -> Vec<usize> {
        println!("{} IO requests batched", requests.len());
        (0..requests.len()).collect()
    }
}

// … says what is asked and what is answered, …
impl ::corio::Request for store {
    type Key = String;
    type Answer = usize;
    const OPTIONS: ::corio::Options<Self::Key, Self::Answer> = ::corio::Options::new();
    fn name() -> &'static str {
        "store"
    }
    fn into_key(self) -> Self::Key {
        self.key
    }
    fn dispatcher_id() -> ::core::option::Option<&'static ::corio::DispatcherId> {
        static ID: ::corio::DispatcherId = ::corio::DispatcherId::new();
        ::core::option::Option::Some(&ID)
    }
}

// … and who answers, over which contexts: this one needs no piece, and so over all.
impl<__S> ::corio::Dispatch<__S> for store {
    fn dispatch<'r>(_context: &'r __S, requests: ::corio::Requests<'_, 'r, Self>) {
        requests.answer::<Vec<usize>>(|keys| Self::batch(keys))
    }
}

// `#[corio::task]` makes a function return a task. The body becomes an async block; `__corio`,
// which has no size, is what `io!` and the others go through; the closure tells the line, should
// anybody ask.
fn crud(i: usize) -> ::corio::AnyTask<impl ::core::future::Future<Output = ()>> {
    ::corio::__private::any_task(async move {
        let _ = &i;
        // SAFETY: as in every expansion: used in this block alone, which only the run polls, and
        // awaited where it is asked.
        let __corio: ::corio::__private::Frame<::corio::__private::AnyContext> =
            unsafe { ::corio::__private::Frame::new() };
        if false {
            return ::corio::__private::returns::<()>();
        }
        ::corio::__private::Frame::io(
            &__corio,
            || ::corio::__private::here(),
            store(format!("create {i}")),
        )
        .await;
        ::corio::__private::Frame::io(
            &__corio,
            || ::corio::__private::here(),
            store(format!("read {i}")),
        )
        .await;
        ::corio::__private::Frame::io(
            &__corio,
            || ::corio::__private::here(),
            store(format!("update {i}")),
        )
        .await;
        ::corio::__private::Frame::io(
            &__corio,
            || ::corio::__private::here(),
            store(format!("delete {i}")),
        )
        .await;
    })
}

fn program() -> ::corio::AnyTask<impl ::core::future::Future<Output = ()>> {
    ::corio::__private::any_task(async move {
        // SAFETY: as above.
        let __corio: ::corio::__private::Frame<::corio::__private::AnyContext> =
            unsafe { ::corio::__private::Frame::new() };
        if false {
            return ::corio::__private::returns::<()>();
        }
        for i in 0..10 {
            ::corio::__private::Frame::spawn(
                &__corio,
                ::corio::__private::Frame::room(&__corio, || ::corio::__private::here()).await,
                crud(i),
            )
            .__corio_handle();
        }
    })
}

fn main() -> Result<(), corio::Error> {
    corio::Schedule::new(()).run(program())
}
