//! Groups of tasks that stand or fall together: who is a member, who is cancelled and when, how
//! many run at once.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use corio::sync::ErrGroup;
use corio::{Event, Log, Schedule};
use expect_test::expect;
use support::{Counts, Diary, Number, double, message, rounds, run, without_lines};

/// Answers odd keys with an error.
#[corio::dispatcher(show_keys)]
fn even(keys: &[u64]) -> Vec<Result<u64, String>> {
    keys.iter()
        .map(|key| if key % 2 == 0 { Ok(*key) } else { Err(format!("{key} is odd")) })
        .collect()
}

/// Asks for each key, one after the other.
#[corio::task]
fn asks(keys: Vec<u64>) -> Result<(), String> {
    for key in keys {
        io!(even(key))?;
    }
    Ok(())
}

#[corio::task]
fn group_of(members: Vec<Vec<u64>>, limit: Option<usize>) -> Result<(), String> {
    let group = limit.map_or_else(ErrGroup::new, ErrGroup::with_limit);
    for keys in members {
        spawn!(group.run(asks(keys)));
    }
    call!(group.wait())
}

fn logged<T>(task: impl corio::Task<(), Output = T>) -> (T, String) {
    let log = Log::new();
    let output = Schedule::new(()).observe(log.observer()).run(task).unwrap();
    (output, log.to_string())
}

#[test]
fn ends_when_all_its_members_have() {
    let (result, log) = logged(group_of(vec![vec![0, 2], vec![4], vec![6, 8, 10], vec![]], None));
    assert_eq!(result, Ok(()));
    expect![[r#"
        round 1: even[0, 4, 6]
        round 2: even[2, 8]
        round 3: even[10]
    "#]]
    .assert_eq(&log);
    assert_eq!(run(group_of(vec![], None)), Ok(()));
}

#[test]
fn the_first_error_withdraws_what_the_others_have_asked() {
    // 12 and 14 are asked in the phase in which 3 fails, before and after it; neither leaves, nor
    // does what comes later.
    let (result, log) =
        logged(group_of(vec![vec![2, 12, 22], vec![3], vec![4, 14, 24], vec![5]], None));
    assert_eq!(result, Err(String::from("3 is odd")));
    expect![[r#"
        round 1: even[2, 3, 4, 5]
    "#]]
    .assert_eq(&log);
}

#[test]
fn with_a_limit_so_many_members_run_at_once_in_the_order_they_came() {
    let (result, log) =
        logged(group_of(vec![vec![0, 2, 4], vec![10], vec![20, 22], vec![30], vec![40]], Some(2)));
    assert_eq!(result, Ok(()));
    expect![[r#"
        round 1: even[0, 10]
        round 2: even[2, 20]
        round 3: even[4, 22]
        round 4: even[30, 40]
    "#]]
    .assert_eq(&log);
}

#[test]
fn members_that_have_not_begun_never_do() {
    let (result, log) =
        logged(group_of(vec![vec![0, 2, 4], vec![1], vec![20], vec![30], vec![40]], Some(2)));
    assert_eq!(result, Err(String::from("1 is odd")));
    expect![[r#"
        round 1: even[0, 1]
    "#]]
    .assert_eq(&log);
}

#[test]
fn a_member_that_comes_after_the_error_never_begins_and_the_group_can_be_used_again() {
    #[corio::task]
    fn notes(diary: Rc<Diary>, word: &'static str) -> Result<(), String> {
        diary.say(word);
        Ok(())
    }

    #[corio::task]
    fn program(diary: Rc<Diary>) {
        let group = ErrGroup::new();
        call!(group.run(asks(vec![1])));
        call!(group.run(notes(diary.clone(), "not this")));
        assert_eq!(call!(group.wait()), Err(String::from("1 is odd")));
        call!(group.run(notes(diary.clone(), "this")));
        assert_eq!(call!(group.wait()), Ok(()));
        assert_eq!(call!(group.wait()), Ok(()));
    }

    let diary = Rc::new(Diary::default());
    run(program(diary.clone()));
    assert_eq!(diary.take(), "this");
}

#[test]
fn a_failure_drops_members_with_all_their_children_and_each_wrapper_just_ends() {
    #[corio::task]
    fn child(counts: Counts) {
        let _one = counts.one();
        call!(rounds(5));
    }

    #[corio::task]
    fn member(counts: Counts) -> Result<(), String> {
        let _one = counts.one();
        spawn!(child(counts.clone()));
        let (lent, more) = (counts.one(), counts.clone());
        let borrows = || {
            task!({
                let _lent = &lent;
                call!(child(more.clone()));
            })
        };
        join!(borrows(), borrows());
        Ok(())
    }

    #[corio::task]
    fn program(counts: Counts) {
        let group = ErrGroup::new();
        let mut handles = Vec::new();
        for _ in 0..3 {
            handles.push(spawn!(group.run(member(counts.clone()))));
        }
        io!(double(1));
        assert_eq!(counts.alive(), 15);
        call!(group.run(asks(vec![1])));
        for handle in handles {
            call!(handle);
        }
        assert_eq!(counts.alive(), 0);
        assert!(call!(group.wait()).is_err());
    }

    let counts = Counts::default();
    run(program(counts.clone()));
    counts.check_built(15);
}

#[test]
fn a_member_fails_when_its_children_have_ended() {
    #[corio::task]
    fn says(diary: Rc<Diary>, word: &'static str, after: u64) {
        call!(rounds(after));
        diary.say(word);
    }

    #[corio::task]
    fn member(diary: Rc<Diary>) -> Result<(), String> {
        spawn!(says(diary, "child", 2));
        Err(String::from("failed"))
    }

    #[corio::task]
    fn program(diary: Rc<Diary>) {
        let group = ErrGroup::new();
        spawn!(group.run(member(diary.clone())));
        spawn!(says(diary.clone(), "meanwhile", 1));
        diary.say(call!(group.wait()).unwrap_err());
    }

    let diary = Rc::new(Diary::default());
    run(program(diary.clone()));
    assert_eq!(diary.take(), "meanwhile, child, failed");
}

#[test]
fn members_may_add_members_and_the_group_waits_for_them() {
    #[corio::task]
    fn tree(depth: u64, group: ErrGroup<String>, leaves: Rc<Cell<u64>>) -> Result<(), String> {
        io!(even(depth * 2))?;
        if depth == 0 {
            leaves.set(leaves.get() + 1);
        } else {
            for _ in 0..3 {
                spawn!(group.run(tree(depth - 1, group.clone(), leaves.clone())));
            }
        }
        Ok(())
    }

    #[corio::task]
    fn program(limit: Option<usize>) -> u64 {
        let group = limit.map_or_else(ErrGroup::default, ErrGroup::with_limit);
        let leaves = Rc::new(Cell::new(0));
        spawn!(group.run(tree(4, group.clone(), leaves.clone())));
        assert_eq!(call!(group.wait()), Ok(()));
        leaves.get()
    }

    assert_eq!(run(program(None)), 81);
    // The children of a member are members: one that waits for its children holds its place.
    assert_eq!(run(program(Some(81))), 81);
}

#[test]
fn who_fails_within_what_it_has_called_is_not_dropped_from_within() {
    // The member that fails is waited for by another member, which is cancelled then, and all of
    // them stand in sets of the one that began it all.
    #[corio::task]
    fn outer(group: ErrGroup<String>, counts: Counts) -> Result<(), String> {
        let (one, inner_group) = (counts.one(), group.clone());
        let inner = task!(move {
            let _one = one;
            call!(inner_group.run(asks(vec![0, 1])));
        });
        join!(inner, rounds(9));
        Ok(())
    }

    #[corio::task]
    fn program(counts: Counts) -> Result<(), String> {
        let group = ErrGroup::new();
        join!(
            group.run(outer(group.clone(), counts.clone())),
            group.run(outer(group.clone(), counts.clone()))
        );
        call!(group.wait())
    }

    let counts = Counts::default();
    assert_eq!(run(program(counts.clone())), Err(String::from("1 is odd")));
    counts.check_built(2);
}

#[test]
fn all_who_wait_hear_the_error_and_so_does_who_comes_later() {
    #[corio::task]
    fn program() -> Vec<Result<(), String>> {
        let group = ErrGroup::new();
        spawn!(group.run(asks(vec![2, 1])));
        let mut results = all!((0..3).map(|_| group.wait()));
        results.push(call!(group.wait()));
        results
    }

    assert_eq!(run(program()), vec![Err(String::from("1 is odd")); 4]);
}

#[test]
fn a_waiter_hears_of_the_members_it_has_waited_for_though_the_group_is_in_use_again() {
    #[corio::task]
    fn program(diary: Rc<Diary>) {
        let group = ErrGroup::new();
        spawn!(group.run(asks(vec![1])));
        let begins_anew = task!({
            diary.say(format!("first {:?}", call!(group.wait())));
            spawn!(group.run(asks(vec![0])));
            diary.say(format!("anew {:?}", call!(group.wait())));
        });
        let waits = task!({ diary.say(format!("second {:?}", call!(group.wait()))) });
        join!(begins_anew, waits);
    }

    let diary = Rc::new(Diary::default());
    run(program(diary.clone()));
    expect![[r#"first Err("1 is odd"), second Err("1 is odd"), anew Ok(())"#]]
        .assert_eq(&diary.take());
}

#[test]
fn an_error_that_a_dropped_waiter_did_not_hear_goes_to_the_next() {
    #[corio::task]
    fn program(diary: Rc<Diary>) {
        let group = ErrGroup::new();
        // The waiter is called when the member has failed, and loses the race in the same phase.
        let waits = task!({ diary.say(format!("hears {:?}", call!(group.wait()))) });
        join!(group.run(asks(vec![0, 1])), task!({ race!(waits, rounds(2)) }));
        call!(group.run(asks(vec![0])));
        diary.say(format!("next {:?}", call!(group.wait())));
    }

    let diary = Rc::new(Diary::default());
    run(program(diary.clone()));
    expect![[r#"next Err("1 is odd")"#]].assert_eq(&diary.take());
}

#[test]
fn an_error_does_not_outlive_its_run() {
    #[corio::task]
    fn fails(group: ErrGroup<String>) {
        call!(group.run(asks(vec![1])));
    }

    #[corio::task]
    fn waits(group: ErrGroup<String>) -> Result<(), String> {
        call!(group.wait())
    }

    #[corio::task]
    fn works(group: ErrGroup<String>, key: u64) -> Result<(), String> {
        spawn!(group.run(asks(vec![key])));
        call!(group.wait())
    }

    let group = ErrGroup::new();
    let mut schedule = Schedule::new(());
    for _ in 0..2 {
        schedule.run(fails(group.clone())).unwrap();
        assert_eq!(schedule.run(waits(group.clone())), Ok(Ok(())));
        schedule.run(fails(group.clone())).unwrap();
        assert_eq!(schedule.run(works(group.clone(), 2)), Ok(Ok(())));
        assert_eq!(schedule.run(works(group.clone(), 3)), Ok(Err(String::from("3 is odd"))));
    }
}

#[test]
fn a_member_that_is_dropped_is_none_any_more() {
    #[corio::task]
    fn program() {
        let group = ErrGroup::<String>::new();
        drop(group.run::<(), _>(asks(vec![1])));
        race!(group.run(asks(vec![0, 2, 4])), rounds(1));
        let waits = task!({ call!(group.wait()) });
        let (result, ()) =
            join!(waits, task!({ race!(group.run(asks(vec![0, 2, 4])), rounds(2)) }));
        assert_eq!(result, Ok(()));
        assert_eq!(format!("{group:?}"), "ErrGroup { members: 0, failed: false, .. }");
    }

    run(program());
}

#[test]
fn a_place_that_is_given_to_a_member_which_is_dropped_goes_to_the_next() {
    #[corio::task]
    fn program() -> Result<(), String> {
        let group = ErrGroup::with_limit(1);
        join!(
            group.run(asks(vec![0])),
            task!({ race!(group.run(asks(vec![10, 12, 14])), rounds(1)) }),
            group.run(asks(vec![20]))
        );
        call!(group.wait())
    }

    let (result, log) = logged(program());
    assert_eq!(result, Ok(()));
    expect![[r#"
        round 1: even[0]
        round 1: double[0]
        round 2: even[20]
    "#]]
    .assert_eq(&log);
}

#[test]
fn a_member_that_panics_ends_the_run_as_any_task_does() {
    #[corio::task]
    fn panics() -> Result<(), String> {
        io!(double(1));
        panic!("a member")
    }

    #[corio::task]
    fn program() {
        let group = ErrGroup::new();
        for member in 0..3 {
            spawn!(group.run(asks(vec![member, 2, 4])));
            spawn!(group.run(panics()));
        }
        call!(group.wait()).ok();
    }

    assert_eq!(message(|| Schedule::new(()).run(program())), "a member");
}

#[test]
fn a_group_that_waits_for_itself_is_a_deadlock_that_says_so() {
    #[corio::task]
    fn waits(group: ErrGroup<String>) -> Result<(), String> {
        call!(group.wait())
    }

    #[corio::task]
    fn program() {
        let group = ErrGroup::with_limit(1);
        let never_run = group.run::<(), _>(waits(group.clone()));
        spawn!(group.run(waits(group.clone())));
        spawn!(group.run(waits(group.clone())));
        call!(group.wait()).ok();
        drop(never_run);
    }

    let error = Schedule::new(()).run(program()).unwrap_err();
    expect![[r#"
        deadlock: no task can run, nothing is queued and nothing in flight, but 3 tasks wait
          cycle: #1 → #1
          #1 `program > waits` waits at LINE for the end of an error group, of which 3 members are left: #1
          `program` waits at LINE for the end of an error group, of which 3 members are left: #1
          `program > waits` waits for a place among the members of an error group that run, held by #1"#]]
    .assert_eq(&without_lines(&error.to_string()));
}

#[test]
fn a_member_is_named_after_its_task_and_observed_once() {
    let (names, ended) = (Arc::new(Diary::default()), Number::default());
    let (hears, counts) = (names.clone(), ended.clone());
    let mut schedule = Schedule::new(()).observe(move |event: &Event<'_>| match event {
        Event::Started { name, .. } => hears.say(*name),
        Event::Ended { .. } => counts.add(1),
        Event::Asked { task, dispatcher, .. } => hears.say(format!("{task:?} asks {dispatcher}")),
        _ => {}
    });
    schedule.run(group_of(vec![vec![0], vec![2]], None)).unwrap().unwrap();
    expect!["group_of, asks, asks, task 2 asks even, task 3 asks even"].assert_eq(&names.take());
    assert_eq!(ended.get(), 3);
}

#[test]
fn in_use_in_another_run_says_so() {
    #[corio::task]
    fn inner(group: ErrGroup<String>) -> (String, String) {
        io!(double(1));
        let waits = message(|| Schedule::new(()).run(task_that_waits(group.clone())).is_ok());
        let runs = message(|| Schedule::new(()).run(group.run(asks(vec![0]))).is_ok());
        (waits, runs)
    }

    #[corio::task]
    fn task_that_waits(group: ErrGroup<String>) {
        call!(group.wait()).ok();
    }

    #[corio::task]
    fn program() -> (String, String) {
        let group = ErrGroup::new();
        let (said, ()) = join!(inner(group.clone()), group.run(asks(vec![0, 2, 4])));
        assert_eq!(call!(group.wait()), Ok(()));
        said
    }

    let said = String::from(
        "corio: this error group is in use in another run; a group belongs to one run at a time",
    );
    assert_eq!(run(program()), (said.clone(), said));
}

#[test]
fn serves_run_after_run() {
    #[corio::task]
    fn program(group: ErrGroup<String>, keys: Vec<u64>) -> Result<(), String> {
        spawn!(group.run(asks(keys)));
        spawn!(group.run(asks(vec![2, 4, 6])));
        call!(group.wait())
    }

    let group = ErrGroup::with_limit(3);
    let mut schedule = Schedule::new(());
    for _ in 0..3 {
        assert_eq!(schedule.run(program(group.clone(), vec![0, 2])), Ok(Ok(())));
        assert_eq!(
            schedule.run(program(group.clone(), vec![0, 1])),
            Ok(Err(String::from("1 is odd")))
        );
    }
}

#[test]
fn a_limit_of_none_is_refused() {
    assert_eq!(
        message(|| ErrGroup::<()>::with_limit(0)),
        "corio: with a limit of 0, no member of the group could run"
    );
}

#[test]
fn a_hundred_thousand_members_are_cancelled_by_one() {
    #[corio::task]
    fn member(counts: Counts, key: u64) -> Result<(), String> {
        let _one = counts.one();
        io!(even(key))?;
        call!(rounds(9));
        Ok(())
    }

    #[corio::task]
    fn program(counts: Counts, limit: usize) {
        let group = ErrGroup::with_limit(limit);
        for at in 0..100_000 {
            spawn!(group.run(member(counts.clone(), if at == 500 { 1 } else { 0 })));
        }
        assert_eq!(call!(group.wait()), Err(String::from("1 is odd")));
    }

    for limit in [100_000, 1000] {
        let counts = Counts::default();
        run(program(counts.clone(), limit));
        counts.check_built(limit);
    }
}
