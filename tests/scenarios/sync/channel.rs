//! Channels: order, room, ends, and what becomes of values whose senders or receiver are dropped.

use std::sync::Arc;

use corio::sync::{Receiver, SendError, Sender, TryRecvError, TrySendError, channel};
use corio::{Error, Schedule};
use expect_test::expect;
use support::{
    Counts, Diary, FOR_EVER, double, gated, message, poll, rounds, run, set_open, without_lines,
};

#[corio::task]
fn sends(sender: Sender<u64>, diary: Arc<Diary>, value: u64) {
    match call!(sender.send(value)) {
        Ok(()) => diary.say(format!("sent {value}")),
        Err(SendError(value)) => diary.say(format!("back {value}")),
    }
}

/// Receives all there is, each after so many rounds.
#[corio::task]
fn receives(mut receiver: Receiver<u64>, diary: Arc<Diary>, pause: u64) {
    while let Some(value) = call!(receiver.recv()) {
        diary.say(format!("got {value}"));
        call!(rounds(pause));
    }
    diary.say("end");
}

/// Sends unless so many rounds go by.
#[corio::task]
fn impatient(sender: Sender<u64>, diary: Arc<Diary>, value: u64, count: u64) {
    race!(sends(sender, diary, value), rounds(count));
}

#[test]
fn values_come_out_in_the_order_in_which_they_were_sent() {
    #[corio::task]
    fn program(diary: Arc<Diary>, capacity: usize) {
        let (sender, receiver) = channel(capacity);
        for value in 0..6 {
            spawn!(sends(sender.clone(), diary.clone(), value));
        }
        drop(sender);
        call!(receives(receiver, diary, 1));
    }

    let diary = Arc::new(Diary::default());
    run(program(diary.clone(), 2));
    expect!["sent 0, sent 1, got 0, sent 2, got 1, sent 3, got 2, sent 4, got 3, sent 5, got 4, got 5, end"].assert_eq(&diary.take());
    run(program(diary.clone(), 100));
    expect!["sent 0, sent 1, sent 2, sent 3, sent 4, sent 5, got 0, got 1, got 2, got 3, got 4, got 5, end"].assert_eq(&diary.take());
}

#[test]
fn nobody_overtakes_a_sender_that_waits_for_room() {
    #[corio::task]
    fn program(diary: Arc<Diary>) {
        let (sender, mut receiver) = channel(2);
        let fills = sender.clone();
        for value in 0..3 {
            spawn!(sends(fills.clone(), diary.clone(), value));
        }
        io!(double(1));
        // Room for two, of which the one that waited has one already, although it has not run.
        assert_eq!((receiver.try_recv(), receiver.try_recv()), (Ok(0), Ok(1)));
        assert_eq!(sender.try_send(3), Ok(()));
        assert_eq!(sender.try_send(4), Err(TrySendError::Full(4)));
        assert_eq!(
            (receiver.try_recv(), receiver.try_recv(), receiver.try_recv()),
            (Ok(2), Ok(3), Err(TryRecvError::Empty))
        );
        drop((sender, fills));
        wait!();
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Closed));
    }

    run(program(Arc::default()));
}

#[test]
fn a_sender_that_gives_up_takes_its_value_along_wherever_it_stood() {
    #[corio::task]
    fn program(diary: Arc<Diary>) {
        let (sender, receiver) = channel(1);
        spawn!(sends(sender.clone(), diary.clone(), 0));
        spawn!(impatient(sender.clone(), diary.clone(), 1, 1));
        spawn!(sends(sender.clone(), diary.clone(), 2));
        spawn!(impatient(sender.clone(), diary.clone(), 3, 3));
        spawn!(sends(sender.clone(), diary.clone(), 4));
        spawn!(impatient(sender, diary.clone(), 5, 2));
        call!(rounds(4));
        call!(receives(receiver, diary, 0));
    }

    let diary = Arc::new(Diary::default());
    run(program(diary.clone()));
    expect!["sent 0, got 0, got 2, got 4, sent 2, sent 4, end"].assert_eq(&diary.take());
}

#[test]
fn a_send_that_gives_up_in_the_phase_in_which_it_got_room_has_not_sent() {
    #[corio::task]
    fn program(diary: Arc<Diary>) {
        let (sender, mut receiver) = channel(1);
        let receives_one = task!({
            io!(double(1));
            call!(receiver.recv())
        });
        // The sender of 1 is dropped in the same round, and before it ran again.
        join!(
            sends(sender.clone(), diary.clone(), 0),
            receives_one,
            impatient(sender, diary.clone(), 1, 1)
        );
        diary.say(format!("{:?}", call!(receiver.recv())));
        diary.say(format!("{:?}", call!(receiver.recv())));
    }

    let diary = Arc::new(Diary::default());
    run(program(diary.clone()));
    expect!["sent 0, None, None"].assert_eq(&diary.take());
}

#[test]
fn room_that_is_given_up_goes_to_the_next_sender_and_the_order_is_kept() {
    /// Those with an even value give up.
    #[corio::task]
    fn sends_or_gives_up(sender: Sender<u64>, diary: Arc<Diary>, value: u64) {
        call!(impatient(sender, diary, value, if value.is_multiple_of(2) { 1 } else { FOR_EVER }));
    }

    /// Makes room for three, whose values are in the channel before any of them goes on.
    #[corio::task]
    fn receives_three(receiver: &mut Receiver<u64>) {
        io!(double(1));
        for value in 0..3 {
            assert_eq!(receiver.try_recv(), Ok(value));
        }
    }

    #[corio::task]
    fn program(diary: Arc<Diary>) {
        let (sender, mut receiver) = channel(3);
        for value in 0..3 {
            assert_eq!(sender.try_send(value), Ok(()));
        }
        for value in 3..8 {
            spawn!(sends_or_gives_up(sender.clone(), diary.clone(), value));
        }
        drop(sender);
        call!(receives_three(&mut receiver));
        call!(rounds(1));
        call!(receives(receiver, diary, 0));
    }

    let diary = Arc::new(Diary::default());
    run(program(diary.clone()));
    expect!["sent 3, sent 5, sent 7, got 3, got 5, got 7, end"].assert_eq(&diary.take());
}

#[test]
fn a_value_that_was_received_in_the_phase_in_which_its_sender_gives_up_was_sent() {
    #[corio::task]
    fn program(diary: Arc<Diary>) {
        let (sender, mut receiver) = channel(1);
        let receives_two = task!({
            io!(double(1));
            (receiver.try_recv(), receiver.try_recv())
        });
        let ((), received, ()) = join!(
            sends(sender.clone(), diary.clone(), 0),
            receives_two,
            impatient(sender, diary.clone(), 1, 1)
        );
        diary.say(format!("{received:?}"));
        diary.say(format!("{:?}", receiver.try_recv()));
    }

    let diary = Arc::new(Diary::default());
    run(program(diary.clone()));
    expect!["sent 0, (Ok(0), Ok(1)), Err(Closed)"].assert_eq(&diary.take());
}

#[test]
fn a_receiver_that_goes_drops_what_is_in_the_channel_and_gives_back_what_waits() {
    #[corio::task]
    fn program(diary: Arc<Diary>, counts: Counts) {
        let (sender, receiver) = channel(2);
        for name in ["a", "b", "c", "d"] {
            let (sender, counts, diary) = (sender.clone(), counts.clone(), diary.clone());
            spawn!(task!(move {
                let result = call!(sender.send((name, counts.one())));
                diary.say(format!("{name} {}", if result.is_ok() { "sent" } else { "back" }));
            }));
        }
        io!(double(1));
        diary.say(counts.alive().to_string());
        drop(receiver);
        diary.say(counts.alive().to_string());
        wait!();
        let Err(SendError((name, _))) = call!(sender.send(("late", counts.one()))) else {
            panic!("there is no receiver")
        };
        diary.say(name);
        assert!(matches!(
            sender.try_send(("later", counts.one())),
            Err(TrySendError::Closed(("later", _)))
        ));
    }

    let (diary, counts) = (Arc::new(Diary::default()), Counts::default());
    run(program(diary.clone(), counts.clone()));
    expect!["a sent, b sent, 4, 2, c back, d back, late"].assert_eq(&diary.take());
    counts.check_built(6);
}

#[test]
fn the_receiver_is_told_when_the_last_sender_goes_also_while_it_waits() {
    #[corio::task]
    fn goes(sender: Sender<u64>, after: u64) {
        call!(rounds(after));
        drop(sender);
    }

    #[corio::task]
    fn program(diary: Arc<Diary>) {
        let (sender, receiver) = channel(1);
        spawn!(goes(sender.clone(), 1));
        spawn!(goes(sender, 2));
        call!(receives(receiver, diary, 0));
    }

    let (diary, log) = (Arc::new(Diary::default()), corio::Log::new());
    Schedule::new(()).observe(log.observer()).run(program(diary.clone())).unwrap();
    assert_eq!((diary.take().as_str(), log.to_string().lines().count()), ("end", 2));
}

#[test]
fn a_receive_that_gives_up_takes_nothing() {
    #[corio::task]
    fn program(diary: Arc<Diary>) {
        let (sender, mut receiver) = channel(4);
        for count in 1..4 {
            // The value comes in the same round in which the receiver gives up, and before it does.
            let sends_late = task!({
                call!(rounds(count));
                sender.try_send(count).unwrap();
            });
            let gives_up = race!(
                task!({
                    call!(receiver.recv());
                    "received"
                }),
                task!({
                    call!(rounds(count));
                    "gave up"
                })
            );
            diary.say(gives_up);
            call!(sends_late);
            diary.say(format!("{:?}", call!(receiver.recv())));
        }
    }

    let diary = Arc::new(Diary::default());
    run(program(diary.clone()));
    expect!["gave up, Some(1), gave up, Some(2), gave up, Some(3)"].assert_eq(&diary.take());
}

#[test]
fn a_receiver_that_is_woken_and_dropped_loses_no_value() {
    #[corio::task]
    fn program(diary: Arc<Diary>) {
        let (sender, mut receiver) = channel(4);
        let sends = task!({
            io!(double(1));
            sender.try_send(7).unwrap();
        });
        let gives_up = task!({
            race!(
                task!({
                    diary.say(format!("{:?}", call!(receiver.recv())));
                }),
                rounds(1)
            );
        });
        join!(sends, gives_up);
        diary.say(format!("then {:?}", receiver.try_recv()));
    }

    let diary = Arc::new(Diary::default());
    run(program(diary.clone()));
    expect!["then Ok(7)"].assert_eq(&diary.take());
}

#[test]
fn waits_in_vain_are_deadlocks_that_say_for_what() {
    #[corio::task]
    fn receives_in_vain() {
        let (sender, mut receiver) = channel::<u64>(1);
        let _second = sender.clone();
        call!(receiver.recv());
    }

    #[corio::task]
    fn sends_in_vain() {
        let (sender, _receiver) = channel(8);
        for value in 0.. {
            call!(sender.send(value)).unwrap();
        }
    }

    #[corio::task]
    fn program() {
        join!(receives_in_vain(), sends_in_vain());
    }

    let error = Schedule::new(()).run(program()).unwrap_err();
    assert!(matches!(error, Error::Deadlock(_)));
    expect![[r#"
        deadlock: no task can run, nothing is queued and nothing in flight, but 2 tasks wait
          `program > receives_in_vain` waits at LINE for a message: 2 senders are there
          `program > sends_in_vain` waits at LINE for room in a channel of 8"#]]
    .assert_eq(&without_lines(&error.to_string()));
}

#[test]
fn serves_run_after_run_with_what_was_left() {
    #[corio::task]
    fn sends_one(sender: &Sender<u64>, value: u64) {
        call!(sender.send(value)).unwrap();
    }

    #[corio::task]
    fn receives_one(receiver: &mut Receiver<u64>) -> Option<u64> {
        call!(receiver.recv())
    }

    let (sender, mut receiver) = channel(1);
    let mut schedule = Schedule::new(());
    for value in 0..3 {
        assert_eq!(schedule.run(sends_one(&sender, value)), Ok(()));
        // Full: this run waits in vain, and what it would have sent is dropped with it.
        assert!(schedule.run(sends_one(&sender, 100)).is_err());
        assert_eq!(Schedule::new(()).run(receives_one(&mut receiver)), Ok(Some(value)));
        assert!(schedule.run(receives_one(&mut receiver)).is_err());
    }
    drop(sender);
    assert_eq!(schedule.run(receives_one(&mut receiver)), Ok(None));
}

#[test]
fn waited_at_in_another_run_says_so() {
    #[corio::task]
    fn receives_one(mut receiver: Receiver<u64>) -> Option<u64> {
        call!(receiver.recv())
    }

    #[corio::task]
    fn sends_one(sender: &Sender<u64>) {
        call!(sender.send(2)).unwrap();
    }

    #[corio::task]
    fn program() -> (Option<u64>, String) {
        let (sender, receiver) = channel(1);
        let inner = task!({
            io!(double(1));
            let said = message(|| Schedule::new(()).run(sends_one(&sender)).is_ok());
            sender.try_send(1).unwrap();
            said
        });
        join!(receives_one(receiver), inner)
    }

    assert_eq!(
        run(program()),
        (
            Some(1),
            String::from(
                "corio: tasks of another run wait at this channel; a channel belongs to one run at a time"
            )
        )
    );
}

#[test]
fn sent_and_dropped_outside_the_run_it_wakes_the_receiver() {
    #[corio::task]
    fn program(receiver: Receiver<u64>, diary: Arc<Diary>) {
        join!(receives(receiver, diary, 0), gated(1));
    }

    let (sender, receiver) = channel(1);
    let diary = Arc::new(Diary::default());
    let mut schedule = Schedule::new(());
    let mut pending = schedule.run_async(program(receiver, diary.clone()));
    assert!(poll(&mut pending).is_pending());
    sender.try_send(1).unwrap();
    assert!(poll(&mut pending).is_pending());
    drop(sender);
    set_open(true);
    assert!(poll(&mut pending).is_ready());
    set_open(false);
    assert_eq!(diary.take(), "got 1, end");
}

#[test]
fn without_room_it_is_refused() {
    assert_eq!(
        message(|| channel::<u64>(0)),
        "corio: a channel must have room for one value at least"
    );
}

#[test]
fn destructors_that_come_back_to_the_channel_find_it_usable() {
    /// Sends when it is dropped.
    struct Echo(Option<Sender<Echo>>);

    impl Drop for Echo {
        fn drop(&mut self) {
            if let Some(sender) = self.0.take() {
                assert!(matches!(sender.try_send(Echo(None)), Err(TrySendError::Closed(_))));
            }
        }
    }

    let (sender, receiver) = channel(2);
    for _ in 0..2 {
        assert!(sender.try_send(Echo(Some(sender.clone()))).is_ok());
    }
    drop(receiver);
    assert_eq!(format!("{sender:?}"), "Sender { capacity: 2, len: 0, senders: 1, .. }");
}

#[test]
fn a_hundred_thousand_senders_get_through_a_narrow_channel() {
    #[corio::task]
    fn sends_one(sender: Sender<u64>, value: u64) {
        call!(sender.send(value)).unwrap();
    }

    #[corio::task]
    fn program() {
        let (sender, mut receiver) = channel(1);
        for value in 0..100_000 {
            spawn!(sends_one(sender.clone(), value));
        }
        drop(sender);
        for value in 0..100_000 {
            assert_eq!(call!(receiver.recv()), Some(value));
        }
        assert_eq!(call!(receiver.recv()), None);
    }

    run(program());
}

#[test]
fn a_hundred_thousand_senders_that_are_dropped_drop_their_values() {
    #[corio::task]
    fn sends_one(sender: Sender<support::Counted>, counts: &Counts) {
        let _ = call!(sender.send(counts.one()));
    }

    #[corio::task]
    fn program(counts: &Counts) {
        let (sender, receiver) = channel(1);
        race!(
            task!({
                all!((0..100_000).map(|_| sends_one(sender.clone(), counts)));
            }),
            rounds(1)
        );
        assert_eq!(counts.alive(), 1);
        drop(receiver);
    }

    let counts = Counts::default();
    run(program(&counts));
    counts.check_built(100_000);
}
