//! Everything that can go wrong with a batch, by every way to ask: what the asker is told, word for
//! word, and that it concerns nobody else.
//!
//! Three requests are asked for together, of which the one for 13 is picked out by the fault: by a
//! run that goes through the hub, by `ask`, and in a `drive`; each of it once more with a
//! dispatcher that says `faults = "error"`, which is `run/error` and so on. Two others ask the same
//! dispatcher: a run of another tenant, and later, while the batch may be in flight, plain code of
//! the same tenant. Whatever happens, the text of each fault shows as well
//! - that the two others are answered, each with its own answer, unless it names them;
//! - that the hub counts nothing any more, and the executor has no job left, unless it says so.

/// What comes of a fault by each way, with the dispatcher as it is and with `faults = "error"`.
macro_rules! table {
    ($dispatcher:ident, $expected:expr) => {
        table!(
            $dispatcher,
            std::convert::identity,
            $crate::faults::asking::Setting::default(),
            $expected
        )
    };
    ($dispatcher:ident, $key:expr, $setting:expr, $expected:expr) => {{
        let setting = $setting;
        let names = [["run", "ask", "drive"], ["run/error", "ask/error", "drive/error"]];
        let ends = $crate::faults::asking::WAYS.map(|way| {
            $crate::faults::asking::outcome(
                way,
                |key| $crate::faults::dispatchers::$dispatcher($key(key)),
                &setting,
            )
        });
        let errors = $crate::faults::asking::WAYS.map(|way| {
            $crate::faults::asking::outcome(
                way,
                |key| $crate::faults::dispatchers::as_errors::$dispatcher($key(key)),
                &setting,
            )
        });
        let told = ends.into_iter().chain(errors);
        let ways: Vec<_> = names.into_iter().flatten().zip(told).collect();
        $crate::world::compare(&ways, $expected);
    }};
}

mod asking;
mod batches;
mod closed;
mod cursed;
mod dispatchers;
mod user_code;
mod words;
