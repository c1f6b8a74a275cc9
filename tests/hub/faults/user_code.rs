//! Other code of the user's panics.

use std::convert::identity;

use expect_test::expect;

use crate::faults::asking::{PICKED, Setting, UNKNOWN};
use crate::faults::cursed::{Curse, Cursed};

/// The picked one twice, so that it is compared, and its answer cloned.
fn twice() -> Setting {
    Setting { keys: vec![1, PICKED, PICKED, 2], ..Setting::default() }
}

fn cursed(curse: Curse) -> impl Fn(u64) -> Cursed + Copy {
    move |number| Cursed { number, curse }
}

#[test]
fn a_key_panics_when_it_is_hashed_compared_cloned_or_dropped() {
    table!(
        of_cursed,
        cursed(Curse::Hash),
        twice(),
        expect![[r#"
        run
          1, 13, 13, 2: a panic: cursed
        ask, drive
          1, 2: answered
          13, 13: fails: dispatcher `of_cursed` panicked: cursed
        run/error, ask/error, drive/error
          1, 2: answered
          13, 13: Err(dispatcher `of_cursed` panicked: cursed)
    "#]]
    );
    table!(
        of_cursed,
        cursed(Curse::Eq),
        twice(),
        expect![[r#"
        run
          1, 13, 13, 2: a panic: cursed
        ask, drive
          1, 13, 2: answered
          13: fails: dispatcher `of_cursed` panicked: cursed
        run/error, ask/error, drive/error
          1, 13, 2: answered
          13: Err(dispatcher `of_cursed` panicked: cursed)
    "#]]
    );
    table!(
        of_cursed,
        cursed(Curse::Clone),
        twice(),
        expect![[r#"
        run
          1, 13, 13, 2: a panic: cursed
        ask, drive
          1, 2: answered
          13, 13: fails: dispatcher `of_cursed` panicked: cursed
        run/error, ask/error, drive/error
          1, 2: answered
          13, 13: Err(dispatcher `of_cursed` panicked: cursed)
    "#]]
    );
    table!(
        of_cursed,
        cursed(Curse::Drop),
        twice(),
        expect![[r#"
            run, run/error
              1, 13, 13, 2: a panic: cursed
            ask, drive
              1, 13, 13, 2: fails: dispatcher `of_cursed` panicked: cursed
            ask/error, drive/error
              1, 13, 13, 2: Err(dispatcher `of_cursed` panicked: cursed)
        "#]]
    );
}

#[test]
fn an_answer_panics_when_it_is_cloned() {
    table!(
        gives_cursed,
        identity,
        twice(),
        expect![[r#"
        run
          1, 13, 13, 2: a panic: cursed
        ask, drive
          1, 13, 2: answered
          13: fails: dispatcher `gives_cursed` panicked: cursed
        run/error, ask/error, drive/error
          1, 13, 2: answered
          13: Err(dispatcher `gives_cursed` panicked: cursed)
    "#]]
    );
}

#[test]
fn group_by_or_when_panics() {
    table!(
        panics_in_group_by,
        expect![[r#"
            run
              1, 13, 2: the run ends: dispatcher `panics_in_group_by` panicked: no such floor
            ask, drive
              1, 2: answered
              13: fails: dispatcher `panics_in_group_by` panicked: no such floor
            run/error, ask/error, drive/error
              1, 2: answered
              13: Err(dispatcher `panics_in_group_by` panicked: no such floor)
        "#]]
    );
    table!(
        panics_in_group_by_in_order,
        expect![[r#"
        run
          1, 13, 2: the run ends: dispatcher `panics_in_group_by_in_order` panicked: no
              such floor
        ask, drive
          1, 2: answered
          13: fails: dispatcher `panics_in_group_by_in_order` panicked: no such floor
        run/error, ask/error, drive/error
          1, 2: answered
          13: Err(dispatcher `panics_in_group_by_in_order` panicked: no such floor)
    "#]]
    );
    table!(
        panics_in_when,
        expect![[r#"
        run
          1, 13, 2: the run ends: dispatcher `panics_in_when` panicked: no reason
        ask, drive
          1, 2: answered
          13: fails: dispatcher `panics_in_when` panicked: no reason
        run/error, ask/error, drive/error
          1, 2: answered
          13: Err(dispatcher `panics_in_when` panicked: no reason)
    "#]]
    );
}

/// Plain code names its part itself.
#[test]
fn by_panics() {
    let of_unknown = || Setting { tenant: UNKNOWN, ..Setting::default() };
    table!(
        works,
        identity,
        of_unknown(),
        expect![[r#"
        run, run/error
          1, 13, 2: a panic: no such tenant
        ask, drive, ask/error, drive/error
          1, 13, 2: answered
    "#]]
    );
}
