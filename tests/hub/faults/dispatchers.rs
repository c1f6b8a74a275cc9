//! The dispatchers: each goes wrong if it is asked for the picked key.

use std::collections::{BTreeMap, HashMap};
use std::future::pending;
use std::panic::resume_unwind;

use corio::Batch;

use crate::faults::asking::{ASKS_AGAIN, Lab, PICKED, WAYS, check, part};
use crate::faults::cursed::{Curse, Cursed};
use crate::world::Tenant;

/// Dispatchers of a tenant's requests, and each again with `faults = "error"`.
macro_rules! dispatchers {
    ($([$($option:tt)*] $function:item)*) => {
        $(
            #[corio::dispatcher(shared, by = |tenant: &Tenant| part(tenant), $($option)*)]
            $function
        )*

        pub(crate) mod as_errors {
            use super::*;

            $(
                #[corio::dispatcher(
                    shared,
                    by = |tenant: &Tenant| part(tenant),
                    faults = "error",
                    $($option)*
                )]
                $function
            )*
        }
    };
}

dispatchers! {
    []
    pub(crate) fn panics_in_place(keys: &[u64]) -> Vec<u64> {
        check(keys);
        keys.to_vec()
    }

    []
    pub(crate) async fn panics_before_it_waits(lab: &Lab, keys: &[u64]) -> Vec<u64> {
        check(keys);
        lab.work().await;
        keys.to_vec()
    }

    []
    pub(crate) async fn panics_when_it_goes_on(lab: &Lab, keys: &[u64]) -> Vec<u64> {
        lab.work().await;
        check(keys);
        keys.to_vec()
    }

    [blocking]
    pub(crate) fn panics_in_a_job(keys: &[u64]) -> Vec<u64> {
        if keys.contains(&PICKED) {
            // Without the hook's message, which the test harness does not see on another thread.
            resume_unwind(Box::new("no such floor"));
        }
        keys.to_vec()
    }

    [show_keys]
    pub(crate) async fn panics_half_way(lab: &Lab, batch: Batch<u64, u64>) {
        for slot in batch {
            lab.sleep(1).await;
            check(&[*slot.key()]);
            slot.answer_with(|key| key);
        }
    }

    [show_keys]
    pub(crate) fn gives_too_few(keys: &[u64]) -> Vec<u64> {
        keys.iter().copied().filter(|key| *key != PICKED).collect()
    }

    []
    pub(crate) async fn gives_too_many(lab: &Lab, keys: &[u64]) -> Vec<u64> {
        lab.work().await;
        keys.iter().flat_map(|key| vec![*key; if *key == PICKED { 2 } else { 1 }]).collect()
    }

    []
    pub(crate) async fn leaves_out_of_a_map(lab: &Lab, keys: &[u64]) -> HashMap<u64, u64> {
        lab.work().await;
        keys.iter().filter(|key| **key != PICKED).map(|key| (*key, *key)).collect()
    }

    []
    pub(crate) async fn adds_to_a_map(lab: &Lab, keys: &[u64]) -> BTreeMap<u64, u64> {
        lab.work().await;
        keys.iter().copied().chain([0, 99]).map(|key| (key, key)).collect()
    }

    [show_keys]
    pub(crate) async fn drops_a_slot(lab: &Lab, batch: Batch<u64, u64>) {
        lab.work().await;
        for slot in batch.into_iter().filter(|slot| *slot.key() != PICKED) {
            slot.answer_with(|key| key);
        }
    }

    []
    pub(crate) async fn refuses_one(lab: &Lab, keys: &[u64]) -> Vec<Result<u64, String>> {
        lab.work().await;
        keys.iter()
            .map(|key| if *key == PICKED { Err("refused".to_owned()) } else { Ok(*key) })
            .collect()
    }

    []
    pub(crate) async fn refuses_all(
        lab: &Lab,
        keys: &[u64],
    ) -> Result<HashMap<u64, u64>, String> {
        lab.work().await;
        if keys.contains(&PICKED) {
            return Err("no connection".to_owned());
        }
        Ok(keys.iter().map(|key| (*key, *key)).collect())
    }

    [timeout = "20ms"]
    pub(crate) async fn is_slow(lab: &Lab, keys: &[u64]) -> Vec<u64> {
        lab.sleep(if keys.contains(&PICKED) { 1000 } else { 10 }).await;
        keys.to_vec()
    }

    [timeout = "20ms", retry(attempts = 2, timeouts)]
    pub(crate) async fn never_ends(lab: &Lab, keys: &[u64]) -> Vec<u64> {
        lab.work().await;
        if keys.contains(&PICKED) {
            pending().await
        }
        keys.to_vec()
    }

    [timeout = "20ms", show_keys]
    pub(crate) fn holds_a_slot(lab: &Lab, batch: Batch<u64, u64>) {
        for slot in batch {
            match *slot.key() {
                PICKED => lab.held.lock().unwrap().push(slot),
                _ => slot.answer_with(|key| key),
            }
        }
    }

    [retry(attempts = 2, backoff = "1ms"), show_keys]
    pub(crate) fn retries_too_often(batch: Batch<u64, u64>) {
        for slot in batch {
            match *slot.key() {
                PICKED => slot.retry(),
                _ => slot.answer_with(|key| key),
            }
        }
    }

    [retry(attempts = 2, backoff = "1ms", when = |error: &String| error == "busy")]
    pub(crate) async fn is_busy(lab: &Lab, keys: &[u64]) -> Vec<Result<u64, String>> {
        lab.work().await;
        keys.iter()
            .map(|key| if *key == PICKED { Err("busy".to_owned()) } else { Ok(*key) })
            .collect()
    }

    [retry(attempts = 2, when = |_: &String| panic!("no reason"))]
    pub(crate) async fn panics_in_when(lab: &Lab, keys: &[u64]) -> Vec<Result<u64, String>> {
        lab.work().await;
        keys.iter()
            .map(|key| if *key == PICKED { Err("busy".to_owned()) } else { Ok(*key) })
            .collect()
    }

    [group_by = |key: &u64| {
        check(&[*key]);
        key % 2
    }]
    pub(crate) async fn panics_in_group_by(lab: &Lab, keys: &[u64]) -> Vec<u64> {
        lab.work().await;
        keys.to_vec()
    }

    [ordered, group_by = |key: &u64| {
        check(&[*key]);
        key % 2
    }]
    pub(crate) async fn panics_in_group_by_in_order(lab: &Lab, keys: &[u64]) -> Vec<u64> {
        lab.work().await;
        keys.to_vec()
    }

    []
    pub(crate) async fn works(lab: &Lab, keys: &[u64]) -> Vec<u64> {
        lab.work().await;
        keys.to_vec()
    }

    []
    pub(crate) async fn asks_itself(
        lab: &Lab,
        tenant: &Tenant,
        keys: &[u64],
    ) -> Vec<Result<u64, String>> {
        lab.work().await;
        let mut answers = Vec::new();
        for key in keys {
            answers.push(match ASKS_AGAIN.iter().zip(WAYS).find(|(picked, _)| *picked == key) {
                Some((_, way)) => Err(lab.ask_again(way, tenant).await),
                None => Ok(*key),
            });
        }
        answers
    }

    [dedup, retry(attempts = 2, when = |_: &String| true)]
    pub(crate) async fn of_cursed(lab: &Lab, keys: &[Cursed]) -> Vec<Result<u64, String>> {
        lab.work().await;
        keys.iter().map(|key| Ok(key.number)).collect()
    }

    [dedup]
    pub(crate) async fn gives_cursed(lab: &Lab, keys: &[u64]) -> Vec<Cursed> {
        lab.work().await;
        keys.iter().map(|key| Cursed { number: *key, curse: Curse::Clone }).collect()
    }
}
