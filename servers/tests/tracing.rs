//! The span of the caller is that of its run, whichever thread polls it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use corio::Schedule;
use tracing::{Event, Instrument, Subscriber, info, info_span};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

/// The names of the spans around each event.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let spans = context.event_scope(event).into_iter().flatten().map(|span| span.name());
        let name = event.metadata().target();
        self.0.lock().unwrap().push(format!("{name}: {}", spans.collect::<Vec<_>>().join(" < ")));
    }
}

#[corio::dispatcher]
async fn double(numbers: &[u64]) -> Vec<u64> {
    info!(target: "dispatcher, before", "");
    tokio::time::sleep(Duration::from_millis(1)).await;
    info!(target: "dispatcher, after", "");
    numbers.iter().map(|n| n * 2).collect()
}

#[corio::task]
fn child(n: u64) -> u64 {
    info!(target: "child", "");
    io!(double(n))
}

#[corio::task]
fn program() -> u64 {
    let spawned = spawn!(child(1));
    let answer = io!(double(2));
    info!(target: "task", "");
    answer + call!(spawned)
}

#[test]
fn whatever_a_run_says_is_in_the_span_of_its_caller() {
    let spans = Spans::default();
    let subscriber = tracing_subscriber::registry().with(spans.clone());
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let handlers = (0..20).map(|_| {
            let handler = async { Schedule::new(()).run_async(program()).await };
            tokio::spawn(handler.instrument(info_span!("handler")))
        });
        for handler in handlers.collect::<Vec<_>>() {
            assert_eq!(handler.await.unwrap(), Ok(6));
        }
    });
    let mut said = std::mem::take(&mut *spans.0.lock().unwrap());
    said.retain(|said| !said.starts_with("mio") && !said.starts_with("tokio"));
    said.sort();
    said.dedup();
    assert_eq!(
        said,
        [
            "child: handler",
            "dispatcher, after: handler",
            "dispatcher, before: handler",
            "task: handler"
        ]
    );
}
