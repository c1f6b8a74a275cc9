//! A batch goes wrong.

use expect_test::expect;

// ── a batch function that panics ──

#[test]
fn the_function_panics() {
    table!(
        panics_in_place,
        expect![[r#"
        run
          1, 13, 2: the run ends: dispatcher `panics_in_place` panicked: no such floor
        ask, drive
          1, 13, 2: fails: dispatcher `panics_in_place` panicked: no such floor
        run/error, ask/error, drive/error
          1, 13, 2: Err(dispatcher `panics_in_place` panicked: no such floor)
    "#]]
    );
    table!(
        panics_before_it_waits,
        expect![[r#"
        run
          1, 13, 2: the run ends: dispatcher `panics_before_it_waits` panicked: no such
              floor
        ask, drive
          1, 13, 2: fails: dispatcher `panics_before_it_waits` panicked: no such floor
        run/error, ask/error, drive/error
          1, 13, 2: Err(dispatcher `panics_before_it_waits` panicked: no such floor)
    "#]]
    );
    table!(
        panics_when_it_goes_on,
        expect![[r#"
        run
          1, 13, 2: the run ends: dispatcher `panics_when_it_goes_on` panicked: no such
              floor
        ask, drive
          1, 13, 2: fails: dispatcher `panics_when_it_goes_on` panicked: no such floor
        run/error, ask/error, drive/error
          1, 13, 2: Err(dispatcher `panics_when_it_goes_on` panicked: no such floor)
    "#]]
    );
    table!(
        panics_in_a_job,
        expect![[r#"
        run
          1, 13, 2: the run ends: dispatcher `panics_in_a_job` panicked: no such floor
        ask, drive
          1, 13, 2: fails: dispatcher `panics_in_a_job` panicked: no such floor
        run/error, ask/error, drive/error
          1, 13, 2: Err(dispatcher `panics_in_a_job` panicked: no such floor)
    "#]]
    );
    table!(
        panics_half_way,
        expect![[r#"
        run
          1, 13, 2: the run ends: dispatcher `panics_half_way` panicked: no such floor
        ask, drive
          1: answered
          13, 2: fails: dispatcher `panics_half_way` panicked: no such floor
        run/error, ask/error, drive/error
          1: answered
          13, 2: Err(dispatcher `panics_half_way` panicked: no such floor)
    "#]]
    );
}

// ── answers that are not there ──

#[test]
fn the_count_of_answers_is_wrong() {
    table!(
        gives_too_few,
        expect![[r#"
            run
              1, 13, 2: the run ends: dispatcher `gives_too_few` gave 2 answers to a batch of
                  3 requests: there must be one for each, in order
            ask, drive
              1, 13, 2: fails: dispatcher `gives_too_few` gave 2 answers to a batch of 3
                  requests: there must be one for each, in order
            run/error, ask/error, drive/error
              1, 13, 2: Err(dispatcher `gives_too_few` gave 2 answers to a batch of 3
                  requests: there must be one for each, in order)
        "#]]
    );
    table!(
        gives_too_many,
        expect![[r#"
        run
          1, 13, 2: the run ends: dispatcher `gives_too_many` gave 4 answers to a batch of
              3 requests: there must be one for each, in order
        ask, drive
          1, 13, 2: fails: dispatcher `gives_too_many` gave 4 answers to a batch of 3
              requests: there must be one for each, in order
        run/error, ask/error, drive/error
          1, 13, 2: Err(dispatcher `gives_too_many` gave 4 answers to a batch of 3
              requests: there must be one for each, in order)
    "#]]
    );
}

/// A map has no key twice, and what it has beside the keys concerns nobody.
#[test]
fn a_map_lacks_a_key_or_has_others() {
    table!(
        leaves_out_of_a_map,
        expect![[r#"
        run, ask, drive, run/error, ask/error, drive/error
          1, 2: answered
          13: None
    "#]]
    );
    table!(
        adds_to_a_map,
        expect![[r#"
        run, ask, drive, run/error, ask/error, drive/error
          1, 13, 2: answered
    "#]]
    );
}

#[test]
fn a_slot_is_dropped() {
    table!(
        drops_a_slot,
        expect![[r#"
        run
          1, 13, 2: the run ends: dispatcher `drops_a_slot` dropped the request at
              position 1 of a batch of 3 without an answer (key 13)
        ask, drive
          1, 2: answered
          13: fails: dispatcher `drops_a_slot` dropped the request at position 1 of a
              batch of 3 without an answer (key 13)
        run/error, ask/error, drive/error
          1, 2: answered
          13: Err(dispatcher `drops_a_slot` dropped the request at position 1 of a batch
              of 3 without an answer (key 13))
    "#]]
    );
}

// ── errors of the dispatcher ──

#[test]
fn the_dispatcher_has_an_error_for_one_or_for_all() {
    table!(
        refuses_one,
        expect![[r#"
        run, ask, drive
          1, 2: answered
          13: Err("refused")
        run/error, ask/error, drive/error
          1, 2: answered
          13: Err(Failed("refused"))
    "#]]
    );
    table!(
        refuses_all,
        expect![[r#"
        run, ask, drive
          1, 13, 2: Err("no connection")
        run/error, ask/error, drive/error
          1, 13, 2: Err(Failed("no connection"))
    "#]]
    );
}

// ── time ──

#[test]
fn the_time_limit_is_reached() {
    table!(
        is_slow,
        expect![[r#"
        run
          1, 13, 2: the run ends: dispatcher `is_slow` left 3 requests of a batch without
              an answer for 20ms, its time limit
        ask, drive
          1, 13, 2: fails: dispatcher `is_slow` left 3 requests of a batch without an
              answer for 20ms, its time limit
        run/error, ask/error, drive/error
          1, 13, 2: Err(dispatcher `is_slow` left 3 requests of a batch without an answer
              for 20ms, its time limit)
    "#]]
    );
    table!(
        never_ends,
        expect![[r#"
        run
          1, 13, 2: the run ends: dispatcher `never_ends` left 4 requests of a batch
              without an answer for 20ms, its time limit
        ask, drive
          1, 13, 2: fails: dispatcher `never_ends` left 4 requests of a batch without an
              answer for 20ms, its time limit
        run/error, ask/error, drive/error
          1, 13, 2: Err(dispatcher `never_ends` left 4 requests of a batch without an
              answer for 20ms, its time limit)
    "#]]
    );
    table!(
        holds_a_slot,
        expect![[r#"
        run
          1, 13, 2: the run ends: dispatcher `holds_a_slot` left 1 request of a batch
              without an answer for 20ms, its time limit
        ask, drive
          1, 2: answered
          13: fails: dispatcher `holds_a_slot` left 1 request of a batch without an answer
              for 20ms, its time limit
        run/error, ask/error, drive/error
          1, 2: answered
          13: Err(dispatcher `holds_a_slot` left 1 request of a batch without an answer
              for 20ms, its time limit)
    "#]]
    );
}

#[test]
fn tries_are_used_up() {
    table!(
        retries_too_often,
        expect![[r#"
        run
          1, 13, 2: the run ends: dispatcher `retries_too_often` asked for one more try of
              a request that was sent 2 times already (key 13)
        ask, drive
          1, 2: answered
          13: fails: dispatcher `retries_too_often` asked for one more try of a request
              that was sent 2 times already (key 13)
        run/error, ask/error, drive/error
          1, 2: answered
          13: Err(dispatcher `retries_too_often` asked for one more try of a request that
              was sent 2 times already (key 13))
    "#]]
    );
    table!(
        is_busy,
        expect![[r#"
        run, ask, drive
          1, 2: answered
          13: Err("busy")
        run/error, ask/error, drive/error
          1, 2: answered
          13: Err(Failed("busy"))
    "#]]
    );
}
