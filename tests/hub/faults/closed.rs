//! The hub does not take what is asked, or loses it.

use std::convert::identity;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use corio::Hub;
use expect_test::expect;
use futures_util::future::{AbortHandle, abortable};
use futures_util::join;
use support::executor::Executor;

use crate::faults::asking::Setting;
use crate::world::{App, Record, World, double};

// ── a batch function that asks its own dispatcher ──

#[test]
fn the_function_asks_itself_in_a_run_by_ask_or_in_a_drive() {
    let again = || Setting { keys: vec![1, 21, 22, 23], ..Setting::default() };
    table!(
        asks_itself,
        identity,
        again(),
        expect![[r#"
            run, ask, drive
              1: answered
              21: Err("the run ends: a request of `asks_itself` was not sent: its batch
                  function asks itself, and would wait for the place that it has: give the
                  function what it needs in the keys, or let it ask another dispatcher")
              22, 23: Err("fails: a request of `asks_itself` was not sent: its batch function
                  asks itself, and would wait for the place that it has: give the function
                  what it needs in the keys, or let it ask another dispatcher")
            run/error, ask/error, drive/error
              1: answered
              21, 22, 23: Err(Failed("Err(a request of `asks_itself` was not sent: its batch
                  function asks itself, and would wait for the place that it has: give the
                  function what it needs in the keys, or let it ask another dispatcher)"))
        "#]]
    );
}

// ── a hub that takes no more ──

/// What a run has asked together is refused together.
#[test]
fn more_is_asked_than_the_hub_holds() {
    let full = || Setting { hub: |hub| hub.max_queued(2), ..Setting::default() };
    table!(
        works,
        identity,
        full(),
        expect![[r#"
            run, drive, run/error, drive/error
              1, 13, 2: answered
            ask
              1, 13: answered
              2: fails: a request of `works` was not sent: the hub holds no more requests: see
                  `Hub::max_queued`
            ask/error
              1, 13: answered
              2: Err(a request of `works` was not sent: the hub holds no more requests: see
                  `Hub::max_queued`)
        "#]]
    );
}

#[test]
fn the_hub_is_shut_down() {
    let before = || Setting {
        meanwhile: |world| Box::pin(world.hub.shutdown(Duration::ZERO)),
        ..Setting::default()
    };
    table!(
        works,
        identity,
        before(),
        expect![[r#"
            run
              1, 13, 2, another tenant: the run ends: a request of `works` was not sent: the
                  hub is shut down
              later: fails: a request of `works` was not sent: the hub is shut down
            ask, drive
              1, 13, 2, later: fails: a request of `works` was not sent: the hub is shut down
              another tenant: the run ends: a request of `works` was not sent: the hub is shut
                  down
            run/error, ask/error, drive/error
              1, 13, 2, another tenant, later: Err(a request of `works` was not sent: the hub
                  is shut down)
        "#]]
    );
    // When two batches are in flight, which take longer than it waits, and one request has to wait.
    let in_flight = || Setting {
        meanwhile: |world| {
            Box::pin(async {
                world.lab.sleep(6).await;
                world.hub.shutdown(Duration::from_millis(4)).await;
            })
        },
        ..Setting::default()
    };
    table!(
        works,
        identity,
        in_flight(),
        expect![[r#"
            run
              1, 13, 2, another tenant: the run ends: a request of `works` was given up, and
                  may have been sent: the hub is shut down
              later: fails: a request of `works` was not sent: the hub is shut down
            ask, drive
              1, 13, 2: fails: a request of `works` was given up, and may have been sent: the
                  hub is shut down
              another tenant: the run ends: a request of `works` was given up, and may have
                  been sent: the hub is shut down
              later: fails: a request of `works` was not sent: the hub is shut down
            run/error, ask/error, drive/error
              1, 13, 2, another tenant: Err(a request of `works` was given up, and may have
                  been sent: the hub is shut down)
              later: Err(a request of `works` was not sent: the hub is shut down)
        "#]]
    );
    let in_peace = || Setting {
        meanwhile: |world| {
            Box::pin(async {
                world.lab.sleep(6).await;
                world.hub.shutdown(Duration::from_secs(1)).await;
            })
        },
        ..Setting::default()
    };
    table!(
        works,
        identity,
        in_peace(),
        expect![[r#"
            run, ask, drive, run/error, ask/error, drive/error
              1, 13, 2: answered
        "#]]
    );
}

// ── an executor that does not do what the hub spawns ──

#[test]
fn the_spawner_drops_what_it_gets_or_panics() {
    let drops = || Setting { spawner: |_, work| drop(work), ..Setting::default() };
    table!(
        works,
        identity,
        drops(),
        expect![[r#"
            run
              1, 13, 2, another tenant: the run ends: a request of `works` was not sent: the
                  hub's executor has dropped what was spawned there, or did not take it: is
                  the runtime still there?
              later: fails: a request of `works` was not sent: the hub's executor has dropped
                  what was spawned there, or did not take it: is the runtime still there?
            ask, drive
              1, 13, 2, later: fails: a request of `works` was not sent: the hub's executor
                  has dropped what was spawned there, or did not take it: is the runtime still
                  there?
              another tenant: the run ends: a request of `works` was not sent: the hub's
                  executor has dropped what was spawned there, or did not take it: is the
                  runtime still there?
            run/error, ask/error, drive/error
              1, 13, 2, another tenant, later: Err(a request of `works` was not sent: the
                  hub's executor has dropped what was spawned there, or did not take it: is
                  the runtime still there?)
        "#]]
    );
    let panics = || Setting { spawner: |_, _| panic!("no runtime here"), ..Setting::default() };
    table!(
        works,
        identity,
        panics(),
        expect![[r#"
            run
              1, 13, 2, another tenant: the run ends: a request of `works` was not sent: the
                  hub's executor has dropped what was spawned there, or did not take it: is
                  the runtime still there?
              later: fails: a request of `works` was not sent: the hub's executor has dropped
                  what was spawned there, or did not take it: is the runtime still there?
            ask, drive
              1, 13, 2, later: fails: a request of `works` was not sent: the hub's executor
                  has dropped what was spawned there, or did not take it: is the runtime still
                  there?
              another tenant: the run ends: a request of `works` was not sent: the hub's
                  executor has dropped what was spawned there, or did not take it: is the
                  runtime still there?
            run/error, ask/error, drive/error
              1, 13, 2, another tenant, later: Err(a request of `works` was not sent: the
                  hub's executor has dropped what was spawned there, or did not take it: is
                  the runtime still there?)
        "#]]
    );
}

#[test]
fn the_executor_drops_what_was_spawned() {
    // The first, which drives the lane of those who ask together; there is another later.
    let one = || Setting {
        meanwhile: |world| {
            Box::pin(async {
                world.lab.sleep(3).await;
                world.jobs.take()[0].abort();
            })
        },
        ..Setting::default()
    };
    table!(
        works,
        identity,
        one(),
        expect![[r#"
            run
              1, 13, 2: the run ends: a request of `works` was given up, and may have been
                  sent: the hub's executor has dropped what was spawned there, or did not take
                  it: is the runtime still there?
            ask, drive
              1, 13, 2: fails: a request of `works` was given up, and may have been sent: the
                  hub's executor has dropped what was spawned there, or did not take it: is
                  the runtime still there?
            run/error, ask/error, drive/error
              1, 13, 2: Err(a request of `works` was given up, and may have been sent: the
                  hub's executor has dropped what was spawned there, or did not take it: is
                  the runtime still there?)
        "#]]
    );
    // With a request that has to wait.
    let all = || Setting {
        meanwhile: |world| {
            Box::pin(async {
                world.lab.sleep(6).await;
                world.jobs.take().iter().for_each(AbortHandle::abort);
            })
        },
        ..Setting::default()
    };
    table!(
        works,
        identity,
        all(),
        expect![[r#"
            run
              1, 13, 2, another tenant: the run ends: a request of `works` was given up, and
                  may have been sent: the hub's executor has dropped what was spawned there,
                  or did not take it: is the runtime still there?
              later: fails: a request of `works` was not sent: the hub's executor has dropped
                  what was spawned there, or did not take it: is the runtime still there?
            ask, drive
              1, 13, 2: fails: a request of `works` was given up, and may have been sent: the
                  hub's executor has dropped what was spawned there, or did not take it: is
                  the runtime still there?
              another tenant: the run ends: a request of `works` was given up, and may have
                  been sent: the hub's executor has dropped what was spawned there, or did not
                  take it: is the runtime still there?
              later: fails: a request of `works` was not sent: the hub's executor has dropped
                  what was spawned there, or did not take it: is the runtime still there?
            run/error, ask/error, drive/error
              1, 13, 2, another tenant: Err(a request of `works` was given up, and may have
                  been sent: the hub's executor has dropped what was spawned there, or did not
                  take it: is the runtime still there?)
              later: Err(a request of `works` was not sent: the hub's executor has dropped
                  what was spawned there, or did not take it: is the runtime still there?)
        "#]]
    );
}

// ── what is said of a batch that has left ──

/// Its effect may have taken place: who believes that it was not sent may have it twice.
#[test]
fn who_was_aboard_when_the_hub_was_shut_down_is_not_told_that_nothing_was_sent() {
    let world = World::new();
    let (answer, batches) = world.run(async {
        let ends = async {
            world.executor.clock().sleep(Duration::from_millis(1)).await;
            world.hub.shutdown(Duration::from_millis(4)).await;
        };
        join!(world.hub.ask(double(1)), ends).0
    });
    let told = answer.unwrap_err().to_string();
    assert!(batches.contains("double [1]") && !told.contains("was not sent"), "{batches}{told}");
}

#[test]
fn who_was_aboard_when_an_executor_went_is_not_told_that_nothing_was_sent() {
    let (executor, handles) = (Executor::new(), Arc::<Mutex<Vec<AbortHandle>>>::default());
    let (record, spawner, of_hub) =
        (Record::by(executor.clock()), executor.spawner(), handles.clone());
    let hub = Hub::new(App { record: record.clone() }, move |work| {
        let (work, handle) = abortable(work);
        of_hub.lock().unwrap().push(handle);
        spawner(Box::pin(async move {
            let _ = work.await;
        }));
    });
    let goes = async {
        executor.clock().sleep(Duration::from_millis(1)).await;
        handles.lock().unwrap().drain(..).for_each(|handle| handle.abort());
    };
    let answer = executor.block_on(async { join!(hub.ask(double(1)), goes).0 });
    let (batches, told) = (record.take(), answer.unwrap_err().to_string());
    assert!(batches.contains("double [1]") && !told.contains("was not sent"), "{batches}{told}");
}
