//! Tasks: every shape of function that can be one, and everything that can stand in its body.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt::{Debug, Display};
use std::ops::AddAssign;
use std::rc::Rc;
use std::str::FromStr;

use corio::{JoinHandle, Log, Schedule, Task, boxed};
use expect_test::{Expect, expect};

/// Answers with the double.
#[corio::dispatcher(show_keys)]
fn double(numbers: &[u64]) -> Vec<u64> {
    numbers.iter().map(|number| number * 2).collect()
}

/// Answers with the key.
#[corio::dispatcher(show_keys)]
fn echo(texts: &[String]) -> Vec<String> {
    texts.to_vec()
}

/// Refuses odd numbers.
#[corio::dispatcher(show_keys)]
fn half(numbers: &[u64]) -> Vec<Result<u64, Odd>> {
    numbers
        .iter()
        .map(|number| if number % 2 == 0 { Ok(number / 2) } else { Err(Odd(*number)) })
        .collect()
}

#[corio::dispatcher(show_keys)]
fn name_of(numbers: &[u64]) -> HashMap<u64, &'static str> {
    let names = HashMap::from([(1, "one"), (2, "two")]);
    numbers.iter().filter_map(|number| Some((*number, *names.get(number)?))).collect()
}

#[derive(Clone, Debug, PartialEq)]
struct Odd(u64);

impl Display for Odd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is odd", self.0)
    }
}

impl StdError for Odd {}

fn run<T>(task: impl Task<(), Output = T>) -> T {
    Schedule::new(()).run(task).unwrap()
}

/// Runs a program, and compares the batches that it took and its result.
#[track_caller]
fn check<T: Debug>(task: impl Task<(), Output = T>, expect: Expect) {
    let log = Log::new();
    let result = Schedule::new(()).observe(log.observer()).run(task).unwrap();
    expect.assert_eq(&format!("{log}{result:?}"));
}

/// What happened, in order; clones share their lines.
#[derive(Clone, Default)]
struct Trace(Rc<RefCell<Vec<String>>>);

impl Trace {
    fn note(&self, line: impl Into<String>) {
        self.0.borrow_mut().push(line.into());
    }

    /// Something that says when it is dropped.
    fn dropping(&self, name: &'static str) -> Dropping {
        Dropping(self.clone(), name)
    }

    #[track_caller]
    fn check(&self, expect: Expect) {
        expect.assert_eq(&self.0.take().join("\n"));
    }
}

struct Dropping(Trace, &'static str);

impl Drop for Dropping {
    fn drop(&mut self) {
        self.0.note(format!("{} dropped", self.1));
    }
}

mod functions {
    use super::*;

    #[test]
    fn arguments_may_be_patterns_mutable_and_ignored() {
        struct Point {
            x: u64,
            y: u64,
        }

        #[corio::task]
        fn patterns(
            (a, mut b): (u64, u64),
            Point { x, y: ref z }: Point,
            [first, .., last]: [u64; 4],
            mut plain: u64,
            _: &str,
            _unused: u64,
        ) -> [u64; 7] {
            b += io!(double(a));
            plain += b;
            [a, b, x, *z, first, last, plain]
        }

        assert_eq!(
            run(patterns((1, 2), Point { x: 3, y: 4 }, [5, 0, 0, 6], 10, "ignored", 0)),
            [1, 4, 3, 4, 5, 6, 14]
        );
    }

    #[test]
    fn arguments_are_dropped_at_the_end_of_the_task_used_or_not() {
        #[corio::task]
        fn takes(
            trace: Trace,
            used: Dropping,
            unused: Dropping,
            _underscore: Dropping,
            _: Dropping,
        ) {
            trace.note("starts");
            let _ = &used;
            io!(double(1));
            trace.note("ends");
        }

        let trace = Trace::default();
        run(takes(
            trace.clone(),
            trace.dropping("used"),
            trace.dropping("unused"),
            trace.dropping("_underscore"),
            trace.dropping("_"),
        ));
        let lines = trace.0.take();
        // The end comes first, in whatever order the arguments follow.
        assert_eq!(lines[..2], ["starts", "ends"], "{lines:#?}");
        assert_eq!(lines.len(), 6, "{lines:#?}");
    }

    #[test]
    fn what_a_pattern_leaves_out_is_dropped_at_the_end_of_the_task() {
        #[corio::task]
        fn takes(trace: Trace, (_, _inside): (Dropping, Dropping)) {
            trace.note("starts");
            io!(double(1));
            trace.note("ends");
        }

        let trace = Trace::default();
        run(takes(trace.clone(), (trace.dropping("left out"), trace.dropping("inside"))));
        let lines = trace.0.take();
        assert_eq!(lines[..2], ["starts", "ends"], "{lines:#?}");
        assert_eq!(lines.len(), 4, "{lines:#?}");
    }

    #[test]
    fn arguments_are_dropped_in_the_order_of_a_plain_function() {
        #[corio::task]
        fn task(_first: Dropping, _: Dropping, _last: Dropping) {}

        fn plain(_first: Dropping, _: Dropping, _last: Dropping) {}

        let trace = Trace::default();
        plain(trace.dropping("first"), trace.dropping("second"), trace.dropping("last"));
        let expected = trace.0.take();
        run(task(trace.dropping("first"), trace.dropping("second"), trace.dropping("last")));
        assert_eq!(trace.0.take(), expected);
    }

    #[test]
    fn a_task_that_is_never_run_drops_its_arguments() {
        #[corio::task]
        fn takes(_: Dropping) {
            unreachable!("a task does nothing until it is run");
        }

        let trace = Trace::default();
        drop(takes(trace.dropping("argument")));
        trace.check(expect![["argument dropped"]]);
    }

    #[test]
    fn generics_and_where_clauses() {
        #[corio::task]
        fn sum<T, const N: usize>(start: T, numbers: [u64; N]) -> T
        where
            T: AddAssign + From<u64>,
        {
            let mut sum = start;
            for number in numbers {
                sum += T::from(io!(double(number)));
            }
            sum
        }

        #[corio::task]
        fn parsed<T: FromStr>(text: &str) -> Option<T> {
            io!(echo(text.to_owned())).parse().ok()
        }

        assert_eq!(run(sum::<u128, 2>(1, [2, 3])), 11);
        assert_eq!(run(parsed::<i8>("-8")), Some(-8));
        assert_eq!(run(parsed::<i8>("800")), None);
    }

    #[test]
    fn lifetimes_elided_and_named() {
        #[corio::task]
        fn elided(text: &str) -> &str {
            io!(echo(text.to_owned()));
            &text[1..]
        }

        #[corio::task]
        fn named<'a, 'b: 'a>(first: &'a str, second: &'b str) -> (&'a str, &'b str) {
            if io!(double(1)) == 2 { (second, second) } else { (first, second) }
        }

        #[corio::task]
        fn anonymous(text: std::borrow::Cow<'_, str>) -> usize {
            io!(echo(text.into_owned())).len()
        }

        #[corio::task]
        fn mutable(list: &mut Vec<u64>) -> &mut u64 {
            list.push(io!(double(4)));
            list.last_mut().unwrap()
        }

        let text = String::from("text");
        assert_eq!(run(elided(&text)), "ext");
        assert_eq!(run(named(&text, "static")), ("static", "static"));
        assert_eq!(run(anonymous((&text).into())), 4);
        let mut list = vec![1];
        *run(mutable(&mut list)) += 1;
        assert_eq!(list, [1, 9]);
    }

    #[test]
    fn impl_trait_arguments() {
        #[corio::task]
        fn labels(
            numbers: impl IntoIterator<Item = u64>,
            label: impl Fn(u64) -> String,
            separator: &impl Display,
        ) -> String {
            let mut text = String::new();
            for number in numbers {
                text += &format!("{}{separator}", label(io!(double(number))));
            }
            text
        }

        assert_eq!(run(labels(1..=3, |number| format!("<{number}>"), &';')), "<2>;<4>;<6>;");
    }

    #[test]
    fn question_marks_in_every_kind_of_result() {
        #[corio::task]
        fn result(number: u64) -> Result<u64, Odd> {
            Ok(io!(half(io!(half(number))?))? + 1)
        }

        #[corio::task]
        fn boxed_error(text: &str) -> Result<u64, Box<dyn StdError>> {
            Ok(io!(half(text.parse()?))?)
        }

        #[corio::task]
        fn option(number: u64) -> Option<usize> {
            let name = io!(name_of(number))?;
            Some(name.len())
        }

        #[corio::task]
        fn unit_result(number: u64) -> Result<(), Odd> {
            io!(half(number))?;
            Ok(())
        }

        assert_eq!(
            (run(result(12)), run(result(6)), run(result(5))),
            (Ok(4), Err(Odd(3)), Err(Odd(5)))
        );
        assert_eq!(run(boxed_error("8")).unwrap(), 4);
        assert_eq!(run(boxed_error("7")).unwrap_err().to_string(), "7 is odd");
        assert_eq!(run(boxed_error("x")).unwrap_err().to_string(), "invalid digit found in string");
        assert_eq!((run(option(1)), run(option(9))), (Some(3), None));
        assert_eq!((run(unit_result(2)), run(unit_result(3))), (Ok(()), Err(Odd(3))));
    }

    #[test]
    fn returned_trait_objects_and_closures() {
        #[corio::task]
        fn coerced(number: u64) -> Box<dyn Display> {
            Box::new(io!(double(number)))
        }

        #[corio::task]
        fn coerced_in_branches(number: u64) -> Box<dyn Display> {
            if number == 0 {
                return Box::new("nothing");
            }
            match io!(double(number)) {
                2 => Box::new('2'),
                other => Box::new(other),
            }
        }

        #[corio::task]
        fn iterator(number: u64) -> impl Iterator<Item = u64> + use<> {
            let double = io!(double(number));
            (0..double).filter(|n| n % 2 == 1)
        }

        #[corio::task]
        fn closure(number: u64) -> impl Fn(u64) -> u64 {
            let double = io!(double(number));
            move |other| other + double
        }

        #[corio::task]
        fn slice(number: u64) -> Result<Box<[u64]>, Box<dyn StdError + Send + Sync>> {
            if number == 0 {
                return Err("nothing".into());
            }
            Ok(Box::new([io!(double(number)), 1]))
        }

        #[corio::task]
        fn pointer(number: u64) -> fn(u64) -> u64 {
            if io!(double(number)) > 10 { |n| n + 1 } else { |n| n * 3 }
        }

        assert_eq!(run(coerced(4)).to_string(), "8");
        assert_eq!(
            [0, 1, 2].map(|number| run(coerced_in_branches(number)).to_string()),
            ["nothing", "2", "4"]
        );
        assert_eq!(run(iterator(3)).collect::<Vec<_>>(), [1, 3, 5]);
        assert_eq!(run(closure(3))(1), 7);
        assert_eq!(*run(slice(3)).unwrap(), [6, 1]);
        assert_eq!(run(slice(0)).unwrap_err().to_string(), "nothing");
        assert_eq!((run(pointer(6))(1), run(pointer(1))(1)), (2, 3));
    }

    #[test]
    fn early_returns_and_diverging_ends() {
        #[corio::task]
        fn early(number: u64) -> &'static str {
            if number == 0 {
                return "at once";
            }
            let twice = io!(double(number));
            if twice == 2 {
                return "after asking";
            }
            loop {
                if io!(double(twice)) > 10 {
                    return "from a loop";
                }
            }
        }

        #[corio::task]
        fn nothing(trace: Trace, number: u64) {
            if number == 0 {
                return;
            }
            trace.note(io!(double(number)).to_string())
        }

        assert_eq!(
            [0, 1, 3].map(|number| run(early(number))),
            ["at once", "after asking", "from a loop"]
        );
        let trace = Trace::default();
        run(nothing(trace.clone(), 0));
        run(nothing(trace.clone(), 3));
        trace.check(expect![["6"]]);
    }

    #[test]
    fn attributes_are_kept() {
        /// Documented.
        #[corio::task]
        #[expect(unused_variables, reason = "not fulfilled, if it were not on the task")]
        fn expecting() -> u64 {
            let unused = 1;
            2
        }

        #[cfg(not(test))]
        #[corio::task]
        fn one_of_two() -> u64 {
            compile_error!("is not there")
        }

        #[cfg(test)]
        #[corio::task]
        fn one_of_two() -> u64 {
            3
        }

        #[corio::task]
        #[allow(non_snake_case)]
        #[inline]
        pub(super) fn camelCase(#[allow(unused_variables)] unused: u64) -> u64 {
            4
        }

        assert_eq!([run(expecting()), run(one_of_two()), run(camelCase(0))], [2, 3, 4]);
    }

    #[test]
    fn a_request_and_a_handle_are_tasks_too() {
        #[corio::task]
        fn run_them(request: impl Task<(), Output = u64>) {}

        run(run_them(double(3)));
        assert_eq!(run(double(3)), 6);
    }
}

mod methods {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Account {
        balance: u64,
        name: String,
    }

    impl Account {
        const START: u64 = 10;

        #[corio::task]
        fn open(name: &str) -> Self {
            Self { balance: io!(double(Self::START)), name: io!(echo(name.to_owned())) }
        }

        #[corio::task]
        fn balance(&self) -> u64 {
            io!(double(self.balance))
        }

        #[corio::task]
        fn name(&self) -> &str {
            io!(double(0));
            &self.name
        }

        #[corio::task]
        fn other_name<'a>(&self, other: &'a Account) -> &'a str {
            io!(double(self.balance));
            &other.name
        }

        #[corio::task]
        fn deposit(&mut self, amount: u64) -> &mut Self {
            self.balance += io!(double(amount));
            self
        }

        #[corio::task]
        fn rename(mut self, name: impl Into<String>) -> Self {
            self.name = io!(echo(name.into()));
            self
        }

        #[corio::task]
        fn close(self) -> u64 {
            call!(self.balance()) + io!(double(1))
        }

        #[corio::task]
        fn shared(self: Rc<Self>) -> (usize, u64) {
            (Rc::strong_count(&self), io!(double(self.balance)))
        }

        #[corio::task]
        fn unboxed(self: Box<Self>) -> Self {
            io!(double(self.balance));
            *self
        }

        #[corio::task]
        fn by_reference_to_rc(self: &Rc<Self>) -> Rc<Self> {
            io!(double(self.balance));
            Rc::clone(self)
        }
    }

    #[test]
    fn with_every_kind_of_self_and_without() {
        let mut account = run(Account::open("mine"));
        assert_eq!(account, Account { balance: 20, name: "mine".into() });
        assert_eq!(run(account.balance()), 40);
        assert_eq!(run(account.name()), "mine");
        assert_eq!(run(account.other_name(&Account { balance: 0, name: "other".into() })), "other");
        assert_eq!(run(account.deposit(1)).balance, 22);
        run(run(account.deposit(1)).deposit(1));
        let account = run(account.rename("renamed"));
        assert_eq!(account, Account { balance: 26, name: "renamed".into() });
        let account = run(Box::new(account).unboxed());
        let shared = Rc::new(account);
        assert_eq!(run(shared.clone().shared()), (2, 52));
        assert_eq!(run(shared.by_reference_to_rc()).name, "renamed");
        assert_eq!(run(Rc::into_inner(shared).unwrap().close()), 54);
    }

    impl Account {
        #[corio::task]
        fn deposit_all(&mut self, amounts: &[u64]) -> u64 {
            for amount in amounts {
                call!(self.deposit(*amount));
            }
            let (balance, name) = join!(self.balance(), self.name());
            balance + name.len() as u64
        }
    }

    #[test]
    fn call_each_other_on_self() {
        assert_eq!(run(Account { balance: 0, name: "four".into() }.deposit_all(&[1, 2, 3])), 28);
    }

    /// Priced things, by tasks that their types write.
    trait Priced {
        type Price: Debug;

        #[corio::task]
        fn price(&self) -> Self::Price;

        #[corio::task]
        fn reprice(&mut self, factor: u64) -> Self;

        /// Has a body, which types may take over.
        #[corio::task]
        fn label(&self, prefix: &str) -> String
        where
            Self: Sized,
        {
            format!("{prefix}{:?}", call!(self.price()))
        }

        #[corio::task]
        fn kind() -> &'static str {
            "priced"
        }

        #[corio::task]
        fn first_of(list: &[Self], _: u64) -> Option<&Self>
        where
            Self: Sized;
    }

    #[derive(Clone, Debug, PartialEq)]
    struct Apple(u64);

    impl Priced for Apple {
        type Price = u64;

        #[corio::task]
        fn price(&self) -> u64 {
            io!(double(self.0))
        }

        #[corio::task]
        fn reprice(&mut self, factor: u64) -> Self {
            self.0 = io!(double(self.0)) * factor;
            self.clone()
        }

        #[corio::task]
        fn first_of(list: &[Self], _: u64) -> Option<&Self> {
            io!(double(0));
            list.first()
        }
    }

    struct Crate<T>(Vec<T>);

    impl<T: Priced<Price = u64> + Clone> Priced for Crate<T> {
        type Price = (u64, usize);

        #[corio::task]
        fn price(&self) -> (u64, usize) {
            let prices = all!(self.0.iter().map(|piece| piece.price()));
            (prices.iter().sum(), prices.len())
        }

        #[corio::task]
        fn reprice(&mut self, factor: u64) -> Self {
            Crate(all!(self.0.iter_mut().map(|piece| piece.reprice(factor))))
        }

        #[corio::task]
        fn label(&self, _prefix: &str) -> String {
            let (price, count) = call!(self.price());
            format!("{count} for {price}")
        }

        #[corio::task]
        fn kind() -> &'static str {
            "crate"
        }

        #[corio::task]
        fn first_of(list: &[Self], at: u64) -> Option<&Self> {
            list.get(io!(double(at)) as usize)
        }
    }

    #[corio::task]
    fn describe<P: Priced>(thing: &P) -> (String, &'static str) {
        join!(thing.label("costs "), P::kind())
    }

    #[test]
    fn of_traits_with_and_without_a_body() {
        let mut fruit = Crate(vec![Apple(1), Apple(2), Apple(3)]);
        assert_eq!(run(describe(&fruit.0[1])), ("costs 4".into(), "priced"));
        assert_eq!(run(describe(&fruit)), ("3 for 12".into(), "crate"));
        assert_eq!(run(fruit.reprice(10)).0, [Apple(20), Apple(40), Apple(60)]);
        assert_eq!(run(Apple::first_of(&fruit.0, 0)), Some(&Apple(20)));
        assert_eq!(
            run(Crate::first_of(std::slice::from_ref(&fruit), 0)).map(|c| c.0.len()),
            Some(3)
        );
    }
}

mod asking {
    use super::*;

    #[test]
    fn one_several_and_many() {
        #[corio::task]
        fn program() -> (u64, (u64, String), Vec<u64>, Vec<u64>) {
            (
                io!(double(1)),
                io!(double(2), echo("two".into())),
                io_all!((3..6).map(double)),
                io_all!([double(6), double(7)]),
            )
        }

        check(
            program(),
            expect![[r#"
            round 1: double[1]
            round 2: double[2]
            round 2: echo["two"]
            round 3: double[3, 4, 5]
            round 4: double[6, 7]
            (2, (4, "two"), [6, 8, 10], [12, 14])"#]],
        );
    }

    #[test]
    fn up_to_eight_at_once() {
        #[corio::task]
        fn program() -> [u64; 8] {
            let (a, b, c, d, e, f, g, h) = io!(
                double(1),
                double(2),
                double(3),
                double(4),
                double(5),
                double(6),
                double(7),
                double(8),
            );
            [a, b, c, d, e, f, g, h]
        }

        check(
            program(),
            expect![[r#"
            round 1: double[1, 2, 3, 4, 5, 6, 7, 8]
            [2, 4, 6, 8, 10, 12, 14, 16]"#]],
        );
    }

    #[test]
    fn many_may_be_none() {
        #[corio::task]
        fn program() -> (Vec<u64>, Vec<()>) {
            let none = io_all!(std::iter::empty::<u64>().map(double));
            (none, all!(Vec::<corio::Boxed<_, dyn Future<Output = ()> + Send>>::new()))
        }

        // Nothing was asked, so nothing leaves.
        check(program(), expect!["([], [])"]);
    }

    #[test]
    fn a_request_can_be_made_before_it_is_asked() {
        #[corio::task]
        fn program() -> (u64, u64) {
            let request = double(1);
            let other: double = double(2);
            io!(request, other)
        }

        check(
            program(),
            expect![[r#"
            round 1: double[1, 2]
            (2, 4)"#]],
        );
    }

    #[test]
    fn answers_come_in_the_order_of_the_requests_whatever_comes_first() {
        #[corio::dispatcher]
        fn backwards(batch: corio::Batch<u64, u64>) {
            for slot in batch.into_iter().collect::<Vec<_>>().into_iter().rev() {
                slot.answer_with(|key| key + 100);
            }
        }

        #[corio::task]
        fn program() -> (Vec<u64>, (u64, u64, u64)) {
            (io_all!((0..4).map(backwards)), io!(backwards(4), double(5), backwards(6)))
        }

        assert_eq!(run(program()), (vec![100, 101, 102, 103], (104, 10, 106)));
    }

    #[test]
    fn the_iterator_of_io_all_may_borrow() {
        #[corio::task]
        fn program() -> (Vec<u64>, usize) {
            let numbers = [1, 2, 3];
            let mut seen = 0;
            let doubles = io_all!(numbers.iter().map(|number| {
                seen += 1;
                double(*number)
            }));
            (doubles, seen + numbers.len())
        }

        assert_eq!(run(program()), (vec![2, 4, 6], 6));
    }

    #[test]
    fn by_every_path_of_the_macro() {
        #[corio::task]
        fn program() -> (u64, u64, u64) {
            (io!(double(1)), corio::io!(double(2)), ::corio::call!(double(3)))
        }

        assert_eq!(run(program()), (2, 4, 6));
    }

    #[test]
    fn with_any_brackets() {
        #[corio::task]
        #[rustfmt::skip]
        fn program() -> (u64, (u64, u64), u64) {
            let a = io![double(1)];
            let b = io! { double(2), double(3) };
            wait![];
            (a, b, call! { double(4) })
        }

        assert_eq!(run(program()), (2, (4, 6), 8));
    }
}

mod places {
    use super::*;

    #[test]
    fn in_arguments_of_other_macros() {
        macro_rules! map {
            ($($key:expr => $value:expr),* $(,)?) => { HashMap::from([$(($key, $value)),*]) };
        }
        macro_rules! add {
            ($a:expr, $b:expr) => {
                $a + $b
            };
        }
        macro_rules! block {
            ({ $($statements:tt)* } => $result:expr) => {{ $($statements)* $result }};
        }

        #[corio::task]
        fn program() -> String {
            println!("{} {name}", io!(double(1)), name = io!(echo("name".into())));
            assert_eq!(vec![io!(double(2)), 5, io!(double(3))], [4, 5, 6], "{}", io!(double(0)));
            assert_eq!(vec![io!(double(4)); 2], [8, 8]);
            assert!(matches!(io!(half(9)), Err(Odd(9))));
            assert!(matches!(io!(half(8)), Ok(4 | 5) if io!(double(1)) == 2));
            assert!(io!(name_of(3)).is_none(), "message {}", io!(double(1)));
            assert_ne!(io!(double(1)), 1);
            assert_eq!(
                map! { 1 => io!(double(1)), io!(double(1)) => 3 },
                HashMap::from([(1, 2), (2, 3)])
            );
            assert_eq!(add!(io!(double(1)), call!(double(io!(double(1))))), 6);
            assert_eq!(block!({ let a = io!(double(1)); let b = io!(double(a)); } => b + 2), 6);
            let mut text = String::new();
            std::fmt::Write::write_fmt(&mut text, format_args!("{}!", io!(double(21)))).unwrap();
            text += &format!("{:>1$}|", io!(double(3)), io!(double(2)) as usize);
            text + concat!("a", "b")
        }

        assert_eq!(run(program()), "42!   6|ab");
    }

    #[test]
    fn in_each_other() {
        #[corio::task]
        fn program() -> u64 {
            let a = io!(double(io!(double(io!(double(1))))));
            let (b, c) = io!(double(io!(double(1))), double(call!(double(2))));
            let d: u64 = io_all!(io_all!([1, 2].map(double)).into_iter().map(double)).iter().sum();
            let e = call!(spawn!(double(io!(double(1)))));
            let f = join!(double(call!(double(1))), task! { io!(double(io!(double(1)))) });
            a + b + c + d + e + f.0 + f.1
        }

        assert_eq!(run(program()), 8 + 4 + 8 + 12 + 4 + 4 + 4);
    }

    #[test]
    fn in_every_kind_of_expression() {
        struct Row {
            a: u64,
            b: Vec<u64>,
        }

        #[corio::task]
        fn program() -> Result<String, Odd> {
            let row = Row { a: io!(double(1)), b: vec![io!(double(2)); 2] };
            let Row { a, b } = &row;
            let indexed = b[io!(half(2))? as usize];
            let reference = &io!(double(3));
            let negated = !io!(double(4));
            let cast = io!(double(5)) as f64;
            let range: Vec<_> = (io!(double(1))..io!(double(2))).collect();
            let length = io!(echo("method".into())).len();
            let array = [io!(double(1)), io!(double(2))];
            let tuple = (io!(double(1)), io!(double(2))).1;
            let mut assigned = 0;
            assigned += io!(double(6));
            let short = io!(double(1)) == 3 && io!(double(100)) == 200;
            let branch = if io!(double(1)) == 2 { io!(double(7)) } else { io!(double(70)) };
            let branches = if let Some(name) = io!(name_of(3)) {
                name
            } else if io!(double(1)) == 2 {
                "unnamed"
            } else {
                "none"
            };
            let block = {
                let inner = io!(double(8));
                inner + 1
            };
            let closure = |n: u64| n + block; // a closure that asks for nothing is as anywhere
            Ok(format!(
                "{a} {indexed} {reference} {negated} {cast} {range:?} {length} {array:?} {tuple} {assigned} {short} {branch} {branches} {}",
                closure(io!(double(1)))
            ))
        }

        check(
            program(),
            expect![[r#"
                round 1: double[1]
                round 2: double[2]
                round 3: half[2]
                round 4: double[3]
                round 5: double[4]
                round 6: double[5]
                round 7: double[1]
                round 8: double[2]
                round 9: echo["method"]
                round 10: double[1]
                round 11: double[2]
                round 12: double[1]
                round 13: double[2]
                round 14: double[6]
                round 15: double[1]
                round 16: double[1]
                round 17: double[7]
                round 18: name_of[3]
                round 19: double[1]
                round 20: double[8]
                round 21: double[1]
                Ok("2 4 6 18446744073709551607 10 [2, 3] 6 [2, 4] 4 12 false 14 unnamed 19")"#]],
        );
    }

    #[test]
    fn in_loops_with_labels_and_break_values() {
        #[corio::task]
        fn program() -> Vec<u64> {
            let mut found = Vec::new();
            'outer: for n in 0.. {
                for m in [io!(double(n)), io!(double(n + 1))] {
                    match m {
                        0 => continue 'outer,
                        2 => continue,
                        8.. => break 'outer,
                        other => found.push(io!(double(other))),
                    }
                }
            }
            let mut n = 1;
            let broken = loop {
                n = io!(double(n));
                if n > 20 {
                    break io!(double(n));
                }
            };
            found.push(broken);
            while let Some(last) = found.pop() {
                if let Ok(half) = io!(half(last)) {
                    found.push(half);
                } else {
                    found.push(last);
                    break;
                }
            }
            let mut m = 0;
            while io!(double(m)) < 6 {
                m += 1;
            }
            found.push(m);
            while let (Ok(half), true) = (io!(half(m)), m > 0) {
                m = half;
            }
            let labelled = 'block: {
                if io!(double(m)) == 6 {
                    break 'block io!(double(50));
                }
                0
            };
            found.push(labelled);
            found
        }

        assert_eq!(run(program()), [8, 8, 12, 12, 1, 3, 100]);
    }

    #[test]
    fn in_match_arms_guards_and_let_else() {
        #[corio::task]
        fn program(number: u64) -> String {
            let Some(name) = io!(name_of(number)) else {
                let instead = io!(double(number));
                return format!("no name, but {instead}");
            };
            let Ok(half) = io!(half(number)) else {
                return format!("{name} is odd, {}", io!(echo("sorry".into())));
            };
            match io!(double(half)) {
                2 if io!(double(1)) == 3 => unreachable!(),
                n @ (2 | 3) if io!(double(n)) == 4 => format!("{name}: {}", io!(double(n))),
                _ => io!(echo("else".into())),
            }
        }

        assert_eq!(
            [1, 2, 3].map(|number| run(program(number))),
            ["one is odd, sorry", "two: 4", "no name, but 6"]
        );
    }

    #[test]
    fn nested_items_are_left_alone() {
        #[corio::task]
        fn program() -> u64 {
            #[corio::dispatcher]
            fn triple(numbers: &[u64]) -> Vec<u64> {
                numbers.iter().map(|number| number * 3).collect()
            }

            #[corio::task]
            fn inner(number: u64) -> u64 {
                io!(triple(number)) + 1
            }

            fn plain(number: u64) -> u64 {
                number + 10
            }

            const MORE: u64 = 1000;

            plain(call!(inner(io!(triple(1))))) + MORE
        }

        assert_eq!(run(program()), 1020);
    }
}

mod children {
    use super::*;

    #[corio::task]
    fn steps(trace: Trace, name: &'static str, count: u64) -> u64 {
        for step in 1..=count {
            io!(double(step));
            trace.note(format!("{name} {step}"));
        }
        count
    }

    #[test]
    fn call_runs_a_task_to_its_end_here() {
        #[corio::task]
        fn program(trace: Trace) -> u64 {
            let two = call!(steps(trace.clone(), "called", 2));
            trace.note("after");
            two
        }

        let trace = Trace::default();
        assert_eq!(run(program(trace.clone())), 2);
        trace.check(expect![[r#"
            called 1
            called 2
            after"#]]);
    }

    #[test]
    fn a_called_task_may_borrow() {
        #[corio::task]
        fn push(list: &mut Vec<u64>, number: &u64) {
            list.push(io!(double(*number)));
        }

        #[corio::task]
        fn program() -> Vec<u64> {
            let mut list = Vec::new();
            let number = 4;
            call!(push(&mut list, &number));
            call!(push(&mut list, &number));
            list
        }

        assert_eq!(run(program()), [8, 8]);
    }

    #[test]
    fn call_is_a_scope_of_its_own_for_what_it_spawns() {
        #[corio::task]
        fn spawns(trace: Trace) {
            spawn!(steps(trace.clone(), "grandchild", 2));
            trace.note("called returns");
        }

        #[corio::task]
        fn program(trace: Trace) {
            spawn!(steps(trace.clone(), "child", 3));
            call!(spawns(trace.clone()));
            trace.note("after the call"); // the grandchild has ended, the child has not
            wait!();
            trace.note("after the wait");
        }

        let trace = Trace::default();
        run(program(trace.clone()));
        trace.check(expect![[r#"
            called returns
            child 1
            grandchild 1
            child 2
            grandchild 2
            after the call
            child 3
            after the wait"#]]);
    }

    #[test]
    fn wait_in_a_called_task_waits_for_its_own_children() {
        #[corio::task]
        fn waits(trace: Trace) {
            spawn!(steps(trace.clone(), "own", 1));
            wait!();
            trace.note("waited");
        }

        #[corio::task]
        fn program(trace: Trace) {
            spawn!(steps(trace.clone(), "other", 3));
            call!(waits(trace.clone()));
        }

        let trace = Trace::default();
        run(program(trace.clone()));
        trace.check(expect![[r#"
            other 1
            own 1
            waited
            other 2
            other 3"#]]);
    }

    #[test]
    fn wait_waits_for_all_children_and_theirs() {
        #[corio::task]
        fn branch(trace: Trace) {
            spawn!(steps(trace.clone(), "grandchild", 3));
            trace.note("branch returns");
        }

        #[corio::task]
        fn program(trace: Trace) {
            wait!(); // for nobody
            spawn!(branch(trace.clone()));
            let handle = spawn!(steps(trace.clone(), "child", 1));
            wait!();
            trace.note("waited");
            assert_eq!(call!(handle), 1);
            spawn!(steps(trace.clone(), "later child", 1));
            wait!();
            trace.note("waited again");
        }

        let trace = Trace::default();
        run(program(trace.clone()));
        trace.check(expect![[r#"
            branch returns
            child 1
            grandchild 1
            grandchild 2
            grandchild 3
            waited
            later child 1
            waited again"#]]);
    }

    #[test]
    fn a_task_that_returns_without_waiting_ends_after_its_children() {
        #[corio::task]
        fn returns_early(trace: Trace) -> &'static str {
            spawn!(steps(trace.clone(), "child", 2));
            trace.note("returns");
            "result"
        }

        #[corio::task]
        fn program(trace: Trace) {
            let handle = spawn!(returns_early(trace.clone()));
            let result = call!(handle);
            trace.note(format!("{result} is there"));
            let (result,) = join!(returns_early(trace.clone()));
            trace.note(format!("{result} is there again"));
        }

        let trace = Trace::default();
        run(program(trace.clone()));
        trace.check(expect![[r#"
            returns
            child 1
            child 2
            result is there
            returns
            child 1
            child 2
            result is there again"#]]);
    }

    #[test]
    fn a_run_ends_after_everything_that_was_spawned() {
        #[corio::task]
        fn program(trace: Trace) -> u64 {
            spawn!(steps(trace.clone(), "child", 3));
            7
        }

        let trace = Trace::default();
        assert_eq!(run(program(trace.clone())), 7);
        trace.check(expect![[r#"
            child 1
            child 2
            child 3"#]]);
    }

    #[test]
    fn a_handle_is_typed_and_gives_the_result_whenever_it_is_called() {
        #[corio::task]
        fn text(number: u64) -> String {
            format!("text {}", io!(double(number)))
        }

        #[corio::task]
        fn wait_for(handle: JoinHandle<String>) -> usize {
            call!(handle).len()
        }

        #[corio::task]
        fn program() -> (String, String, usize, Vec<String>, (String, u64)) {
            let first: JoinHandle<String> = spawn!(text(1));
            let second = spawn!(text(2));
            let third = spawn!(text(3));
            // Ended long before it is called, or not begun.
            let second = call!(second);
            wait!();
            let first = call!(first);
            let mut many = Vec::new();
            for n in 4..6 {
                many.push(spawn!(text(n)));
            }
            drop(spawn!(text(6))); // goes on without its handle
            (
                first,
                second,
                call!(wait_for(third)),
                all!(many),
                join!(spawn!(text(7)), spawn!(double(8))),
            )
        }

        check(
            program(),
            expect![[r#"
            round 1: double[1, 2, 3]
            round 2: double[4, 5, 6]
            round 3: double[7, 8]
            ("text 2", "text 4", 6, ["text 8", "text 10"], ("text 14", 16))"#]],
        );
    }

    #[test]
    fn handles_can_be_given_to_other_tasks() {
        #[corio::task]
        fn after(trace: Trace, name: &'static str, before: Option<JoinHandle<()>>) {
            if let Some(before) = before {
                call!(before);
            }
            io!(double(1));
            trace.note(name);
        }

        #[corio::task]
        fn program(trace: Trace) {
            let first = spawn!(after(trace.clone(), "first", None));
            let second = spawn!(after(trace.clone(), "second", Some(first)));
            spawn!(after(trace.clone(), "third", Some(second)));
        }

        let trace = Trace::default();
        run(program(trace.clone()));
        trace.check(expect![[r#"
            first
            second
            third"#]]);
    }

    #[test]
    fn what_a_dropped_handle_would_have_given_is_dropped() {
        #[corio::task]
        fn gives(trace: Trace) -> Dropping {
            io!(double(1));
            trace.dropping("result")
        }

        #[corio::task]
        fn program(trace: Trace) {
            drop(spawn!(gives(trace.clone())));
            let kept = spawn!(gives(trace.clone()));
            wait!();
            trace.note("waited");
            drop(kept);
            trace.note("end");
        }

        let trace = Trace::default();
        run(program(trace.clone()));
        trace.check(expect![[r#"
            result dropped
            waited
            result dropped
            end"#]]);
    }

    #[test]
    fn joined_children_borrow_from_the_locals_of_the_caller() {
        #[corio::task]
        fn add(sum: &Cell<u64>, number: &u64) {
            let double = io!(double(*number));
            sum.set(sum.get() + double);
        }

        #[corio::task]
        fn set(target: &mut u64, number: u64) -> &mut u64 {
            *target = io!(double(number));
            target
        }

        #[corio::task]
        fn program() -> (u64, Vec<u64>) {
            let sum = Cell::new(0);
            let numbers = vec![1, 2, 3];
            join!(add(&sum, &numbers[0]), add(&sum, &numbers[1]));
            all!(numbers.iter().map(|number| add(&sum, number)));
            all!(numbers.iter().map(|number| task! { call!(add(&sum, number)) }));
            let mut targets = vec![0; 4];
            for target in
                all!(targets.iter_mut().zip(&numbers).map(|(target, number)| set(target, *number)))
            {
                *target += 1;
            }
            let (left, right) = targets.split_at_mut(3);
            join!(set(&mut left[0], 50), task! { *call!(set(&mut right[0], 60)) += 1 });
            (sum.get(), targets)
        }

        check(
            program(),
            expect![[r#"
            round 1: double[1, 2]
            round 2: double[1, 2, 3]
            round 3: double[1, 2, 3]
            round 4: double[1, 2, 3]
            round 5: double[50, 60]
            (30, [100, 5, 7, 121])"#]],
        );
    }

    #[test]
    fn up_to_eight_join_and_one_is_a_tuple_of_one() {
        #[corio::task]
        fn program() -> ((u64,), (u64, String), u64) {
            let one = join!(double(1));
            let two = join!(double(2), echo("two".into()),);
            let (a, b, c, d, e, f, g, h) = join!(
                double(1),
                double(2),
                double(3),
                task! { 0 },
                double(5),
                task! { io!(double(6)) + io!(double(6)) },
                spawn!(double(7)),
                double(8)
            );
            (one, two, a + b + c + d + e + f + g + h)
        }

        check(
            program(),
            expect![[r#"
            round 1: double[1]
            round 2: double[2]
            round 2: echo["two"]
            round 3: double[7, 1, 2, 3, 5, 6, 8]
            round 4: double[6]
            ((2,), (4, "two"), 76)"#]],
        );
    }

    #[test]
    fn all_keeps_the_order_whoever_ends_first() {
        #[corio::task]
        fn program(trace: Trace) -> Vec<u64> {
            all!([3, 1, 2].map(|count| steps(trace.clone(), "child", count)))
        }

        check(
            program(Trace::default()),
            expect![[r#"
            round 1: double[1, 1, 1]
            round 2: double[2, 2]
            round 3: double[3]
            [3, 1, 2]"#]],
        );
    }

    #[test]
    fn an_all_of_a_thousand_asks_in_one_batch() {
        const CHILDREN: u64 = if cfg!(miri) { 50 } else { 1000 };

        #[corio::task]
        fn both(number: u64) -> u64 {
            io!(double(io!(double(number))))
        }

        #[corio::task]
        fn program() -> u64 {
            all!((0..CHILDREN).map(both)).iter().sum()
        }

        let log = Log::new();
        let sum = Schedule::new(()).observe(log.observer()).run(program()).unwrap();
        assert_eq!((sum, log.take().lines().count()), (2 * CHILDREN * (CHILDREN - 1), 2));
    }

    #[test]
    fn children_of_a_join_may_spawn() {
        #[corio::task]
        fn spawns(trace: Trace, name: &'static str) -> &'static str {
            spawn!(steps(trace.clone(), name, 2));
            trace.note(format!("{name} returns"));
            name
        }

        #[corio::task]
        fn program(trace: Trace) {
            let names = join!(spawns(trace.clone(), "a"), spawns(trace.clone(), "b"));
            trace.note(format!("joined {names:?}"));
        }

        let trace = Trace::default();
        run(program(trace.clone()));
        trace.check(expect![[r#"
            a returns
            b returns
            a 1
            b 1
            a 2
            b 2
            joined ("a", "b")"#]]);
    }

    /// Ends in its error after so many steps, if it has one.
    #[corio::task]
    fn fails_after(
        trace: &Trace,
        name: &'static str,
        count: u64,
        error: Option<Odd>,
    ) -> Result<&'static str, Odd> {
        let _dropping = trace.dropping(name);
        for step in 0..count {
            io!(double(step));
        }
        match error {
            Some(error) => {
                trace.note(format!("{name} fails"));
                Err(error)
            }
            None => Ok(name),
        }
    }

    #[test]
    fn try_join_stops_at_the_first_error_and_drops_the_rest() {
        #[corio::task]
        fn program(trace: Trace) {
            let both = try_join!(
                fails_after(&trace, "a", 2, None),
                task! { Ok::<_, Odd>(io!(half(8))? + 1) },
                half(10)
            );
            trace.note(format!("{both:?}"));
            let failed = try_join!(
                fails_after(&trace, "slow", 5, None),
                fails_after(&trace, "failing", 1, Some(Odd(1))),
                fails_after(&trace, "failing too late", 2, Some(Odd(2))),
            );
            trace.note(format!("{failed:?}"));
            io!(double(100));
            let at_once = try_join!(half(3), fails_after(&trace, "other", 1, None));
            trace.note(format!("{at_once:?}"));
        }

        let trace = Trace::default();
        let log = Log::new();
        Schedule::new(()).observe(log.observer()).run(program(trace.clone())).unwrap();
        trace.check(expect![[r#"
            a dropped
            Ok(("a", 5, 5))
            failing fails
            failing dropped
            slow dropped
            failing too late dropped
            Err(Odd(1))
            other dropped
            Err(Odd(3))"#]]);
        // What was dropped asks no more.
        expect![[r#"
            round 1: double[0]
            round 1: half[8, 10]
            round 2: double[1]
            round 3: double[0, 0, 0]
            round 4: double[100]
            round 5: half[3]
            round 5: double[0]
        "#]]
        .assert_eq(&log.to_string());
    }

    #[test]
    fn try_all_gives_all_or_the_first_error() {
        #[corio::task]
        fn program(trace: Trace) -> Result<Vec<u64>, Odd> {
            let fine = try_all!([2, 4].map(half))?;
            trace.note(format!("{fine:?}"));
            let none = try_all!(std::iter::empty::<u64>().map(half))?;
            trace.note(format!("{none:?}"));
            // The first to fail, not the first in order.
            let failed = try_all!([(3, 4), (2, 3), (9, 2)].map(|(count, odd)| fails_after(
                &trace,
                "child",
                count,
                Some(Odd(odd))
            )));
            trace.note(format!("{failed:?}"));
            try_all!((5..7).map(half))
        }

        let trace = Trace::default();
        assert_eq!(run(program(trace.clone())), Err(Odd(5)));
        trace.check(expect![[r#"
            [1, 2]
            []
            child fails
            child dropped
            child dropped
            child dropped
            Err(Odd(3))"#]]);
    }

    #[test]
    fn the_first_wins_even_if_others_could_end_in_the_same_phase() {
        #[corio::task]
        fn racer(trace: Trace, name: &'static str) -> Result<(), &'static str> {
            io!(double(1));
            trace.note(name);
            Err(name)
        }

        #[corio::task]
        fn program(trace: Trace) {
            let winner = race!(racer(trace.clone(), "first"), racer(trace.clone(), "second"));
            trace.note(format!("{winner:?} wins"));
            let error = try_join!(racer(trace.clone(), "first"), racer(trace.clone(), "second"));
            trace.note(format!("{error:?}"));
            let error = try_all!(["first", "second"].map(|name| racer(trace.clone(), name)));
            trace.note(format!("{error:?}"));
        }

        // And so the others are dropped at once: they run no further.
        let trace = Trace::default();
        run(program(trace.clone()));
        trace.check(expect![[r#"
            first
            Err("first") wins
            first
            Err("first")
            first
            Err("first")"#]]);
    }

    #[test]
    fn race_keeps_the_first_and_drops_the_rest() {
        #[corio::task]
        fn racer(trace: &Trace, name: &'static str, steps: u64) -> &'static str {
            let _dropping = trace.dropping(name);
            for step in 0..steps {
                io!(double(step));
            }
            trace.note(format!("{name} is there"));
            name
        }

        #[corio::task]
        fn program(trace: Trace) {
            let first = race!(
                racer(&trace, "slow", 3),
                racer(&trace, "fast", 1),
                racer(&trace, "second", 2)
            );
            trace.note(format!("{first} wins"));
            io!(double(100));
            let at_once = race!(racer(&trace, "asks", 1), racer(&trace, "does not", 0));
            trace.note(format!("{at_once} wins"));
            let number = race!(double(1), double(2), task! { 3 });
            trace.note(format!("{number} wins"));
        }

        let trace = Trace::default();
        run(program(trace.clone()));
        trace.check(expect![[r#"
            fast is there
            fast dropped
            slow dropped
            second dropped
            fast wins
            does not is there
            does not dropped
            asks dropped
            does not wins
            3 wins"#]]);
    }
}

mod blocks {
    use super::*;

    #[test]
    fn task_in_all_its_forms() {
        #[corio::task]
        fn program() -> (u64, u64, Result<u64, Odd>, String, Option<u64>) {
            let number = 4;
            let text = String::from("text");
            let borrowing = task! { io!(double(number)) + text.len() as u64 };
            let borrowed = call!(borrowing);
            let moving = spawn!(task!(move { io!(double(number)) }));
            let typed = call!(task!(-> Result<u64, Odd> { Ok(io!(half(io!(half(10))?))? + 1) }));
            let both = spawn!(task!(move -> String { io!(echo(text)) }));
            (
                borrowed,
                call!(moving),
                typed,
                call!(both),
                call!(task!(-> Option<u64> { Some(io!(name_of(7))?.len() as u64) })),
            )
        }

        check(
            program(),
            expect![[r#"
            round 1: double[4]
            round 2: half[10]
            round 2: double[4]
            round 3: half[5]
            round 4: echo["text"]
            round 5: name_of[7]
            (12, 8, Err(Odd(5)), "text", None)"#]],
        );
    }

    #[test]
    fn task_may_stand_in_a_closure() {
        #[corio::task]
        fn program() -> (Vec<u64>, u64) {
            let offset = 100;
            let sums = all!((0..3).map(|n| task!(move { io!(double(n)) + offset })));
            let make = |n: u64| task!(move { io!(double(n)) });
            (sums, call!(make(1)) + call!(make(2)))
        }

        check(
            program(),
            expect![[r#"
            round 1: double[0, 1, 2]
            round 2: double[1]
            round 3: double[2]
            ([100, 102, 104], 6)"#]],
        );
    }

    #[test]
    fn return_and_question_mark_leave_the_block_alone() {
        #[corio::task]
        fn program() -> &'static str {
            let returned = call!(task! {
                if io!(double(1)) == 2 {
                    return 5;
                }
                6
            });
            let failed = call!(task!(-> Result<(), Odd> {
                io!(half(1))?;
                unreachable!();
            }));
            assert_eq!((returned, failed), (5, Err(Odd(1))));
            "still here"
        }

        assert_eq!(run(program()), "still here");
    }

    #[test]
    fn blocks_nest_and_their_own_scopes_hold_what_they_spawn() {
        #[corio::task]
        fn program(trace: Trace) {
            call!(task! {
                spawn!(task!(move {
                    io!(double(1));
                    trace.note("inner");
                }));
            });
            let trace = Trace::default();
            call!(task! { call!(task! { join!(task! { trace.note("three deep") }); }); });
            assert_eq!(trace.0.borrow().len(), 1);
        }

        let trace = Trace::default();
        run(program(trace.clone()));
        trace.check(expect![["inner"]]);
    }
}

mod recursion {
    use super::*;

    /// How many leaves a tree has.
    fn leaves(depth: u64) -> u64 {
        3_u64.pow(depth as u32)
    }

    #[test]
    fn through_spawn() {
        #[corio::task]
        fn tree(depth: u64) -> u64 {
            if depth == 0 {
                return io!(double(1)) / 2;
            }
            let (a, b, c) =
                (spawn!(tree(depth - 1)), spawn!(tree(depth - 1)), spawn!(tree(depth - 1)));
            call!(a) + call!(b) + call!(c)
        }

        assert_eq!(run(tree(5)), leaves(5));
    }

    #[test]
    fn through_all() {
        #[corio::task]
        fn tree(depth: &u64) -> u64 {
            if *depth == 0 {
                return io!(double(1)) / 2;
            }
            let below = depth - 1;
            all!((0..3).map(|_| tree(&below))).iter().sum()
        }

        assert_eq!(run(tree(&5)), leaves(5));
    }

    #[test]
    fn through_try_all_and_task_blocks() {
        #[corio::task]
        fn tree(depth: u64) -> Result<u64, Odd> {
            if depth == 0 {
                return io!(half(2));
            }
            Ok(try_all!(
                (0..3).map(|_| task!(-> Result<u64, Odd> { call!(boxed(tree(depth - 1))) }))
            )?
            .iter()
            .sum())
        }

        assert_eq!(run(tree(5)), Ok(leaves(5)));
    }

    #[test]
    fn through_join() {
        #[corio::task]
        fn tree(depth: u64) -> u64 {
            if depth == 0 {
                return io!(double(1)) / 2;
            }
            let (a, b, c) = join!(tree(depth - 1), tree(depth - 1), tree(depth - 1));
            a + b + c
        }

        assert_eq!(run(tree(5)), leaves(5));
    }

    #[test]
    fn through_call_of_itself() {
        #[corio::task]
        fn factorial(n: u64) -> u64 {
            if n == 0 { 1 } else { n * call!(factorial(n - 1)) }
        }

        #[corio::task]
        fn borrowing(list: &[u64]) -> u64 {
            match list {
                [] => 0,
                [first, rest @ ..] => io!(double(*first)) + call!(borrowing(rest)),
            }
        }

        #[corio::task]
        fn generic<T: Clone + Into<u64>>(list: &[T]) -> u64 {
            match list {
                [] => 0,
                [first, rest @ ..] => first.clone().into() + call!(generic(rest)),
            }
        }

        assert_eq!(run(factorial(10)), 3_628_800);
        assert_eq!(run(borrowing(&[1, 2, 3])), 12);
        assert_eq!(run(generic(&[1_u8, 2, 3])), 6);
    }

    struct Node {
        value: u64,
        children: Vec<Node>,
    }

    impl Node {
        #[corio::task]
        fn sum(&self) -> u64 {
            let mut sum = io!(double(self.value));
            for child in &self.children {
                sum += call!(boxed(child.sum())); // only calls on `self` and by path are seen to be its own
            }
            sum
        }

        #[corio::task]
        fn depth(&self) -> u64 {
            1 + all!(self.children.iter().map(Node::depth)).into_iter().max().unwrap_or_default()
        }

        #[corio::task]
        fn grow(value: u64) -> Self {
            let mut children = Vec::new();
            for child in 0..value {
                children.push(call!(Self::grow(child)));
            }
            Self { value: io!(double(value)), children }
        }

        #[corio::task]
        fn down(&self, steps: u64) -> u64 {
            if steps == 0 { self.value } else { call!(self.down(steps - 1)) }
        }
    }

    #[test]
    fn of_methods() {
        let node = run(Node::grow(3));
        assert_eq!(run(node.sum()), (6 + 4 + 2 + 2) * 2);
        assert_eq!(run(node.depth()), 4);
        assert_eq!(run(node.down(3)), 6);
    }

    #[test]
    fn mutual_through_boxed() {
        #[corio::task]
        fn even(n: u64) -> bool {
            if n == 0 { true } else { call!(boxed(odd(n - 1))) }
        }

        #[corio::task]
        fn odd(n: u64) -> bool {
            io!(double(n));
            if n == 0 { false } else { call!(boxed(even(n - 1))) }
        }

        assert_eq!((run(even(20)), run(even(7))), (true, false));
    }

    #[test]
    fn boxed_of_different_types_are_of_one_type_once_that_is_erased() {
        type Erased = corio::Boxed<(), dyn Future<Output = u64> + Send>;

        #[corio::task]
        fn zero() -> u64 {
            0
        }

        fn sum(list: &'static [u64]) -> Erased {
            match list {
                [] => boxed(zero()).erased(),
                [one] => boxed(double(*one)).erased(),
                [first, rest @ ..] => boxed(adds(*first, rest)).erased(),
            }
        }

        #[corio::task(())]
        fn adds(first: u64, rest: &'static [u64]) -> u64 {
            let (double, rest) = join!(double(first), sum(rest));
            double + rest
        }

        #[corio::task]
        fn lends(number: &Rc<u64>) -> u64 {
            io!(double(**number))
        }

        #[corio::task(())]
        fn program() -> (Vec<u64>, Vec<u64>) {
            let number = Rc::new(7);
            (
                all!([sum(&[]), sum(&[1]), sum(&[1, 2, 3])]),
                all!([boxed(lends(&number)).erased_local(), boxed(sum(&[1, 2])).erased_local()]),
            )
        }

        assert_eq!(Schedule::new(()).run(program()), Ok((vec![0, 2, 12], vec![14, 6])));
    }

    #[test]
    fn mutual_through_spawn_and_all() {
        #[corio::task]
        fn ping(n: u64) -> u64 {
            if n == 0 { 0 } else { call!(spawn!(pong(n - 1))) + 1 }
        }

        #[corio::task]
        fn pong(n: u64) -> u64 {
            if n == 0 { 0 } else { all!([boxed(ping(n - 1))]).iter().sum::<u64>() + 1 }
        }

        assert_eq!(run(ping(9)), 9);
    }
}

#[test]
fn a_hundred_grandchildren_of_a_task_that_returns_at_once_all_finish_and_their_requests_are_made() {
    #[corio::dispatcher]
    fn record(made: &RefCell<Vec<u64>>, keys: &[u64]) -> Vec<()> {
        made.borrow_mut().extend(keys);
        keys.iter().map(|_| ()).collect()
    }

    #[corio::task(RefCell<Vec<u64>>)]
    fn grandchild(key: u64) {
        io!(record(key));
        io!(record(key + 1000));
    }

    #[corio::task(RefCell<Vec<u64>>)]
    fn returns_at_once() {
        for tens in 0..10 {
            spawn!(ten_children(tens));
        }
    }

    #[corio::task(RefCell<Vec<u64>>)]
    fn ten_children(tens: u64) {
        for ones in 0..10 {
            spawn!(grandchild(tens * 10 + ones));
        }
    }

    let made = RefCell::default();
    assert_eq!(Schedule::new(&made).run(returns_at_once()), Ok(()));
    let expected: Vec<u64> = (0..100).chain(1000..1100).collect();
    assert_eq!(made.into_inner(), expected);
}

#[test]
fn a_method_of_the_users_named_as_one_of_ours_changes_nothing() {
    trait Named {
        fn handle(&self) -> u32 {
            7
        }
    }
    impl<T> Named for T {}

    #[corio::task]
    fn one() -> u64 {
        1
    }

    #[corio::task]
    fn program() -> u64 {
        let handle = spawn!(one());
        call!(handle)
    }

    assert_eq!(().handle(), 7);
    assert_eq!(Schedule::new(()).run(program()), Ok(1));
}
