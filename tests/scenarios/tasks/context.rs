//! The context of a schedule: how tasks name it, and how it provides the pieces that dispatchers
//! need.

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::rc::Rc;
use std::sync::Arc;

use corio::{AsContext, Context, Provide, Schedule, Task};

struct Db {
    offset: u64,
}

struct Cache {
    offset: u64,
}

#[corio::dispatcher]
fn from_db(db: &Db, keys: &[u64]) -> Vec<u64> {
    keys.iter().map(|key| key + db.offset).collect()
}

#[corio::dispatcher]
fn from_both(cache: &Cache, db: &Db, keys: &[u64]) -> Vec<u64> {
    keys.iter().map(|key| key + db.offset * cache.offset).collect()
}

#[corio::dispatcher]
fn from_nothing(keys: &[u64]) -> Vec<u64> {
    keys.to_vec()
}

#[derive(Context)]
struct Library {
    db: Db,
    cache: Cache,
    name: &'static str,
}

fn library() -> Library {
    Library { db: Db { offset: 10 }, cache: Cache { offset: 100 }, name: "library" }
}

/// Another context, with the pieces in another place.
#[derive(Context)]
struct Shop(Cache, Db);

fn shop() -> Shop {
    Shop(Cache { offset: 2 }, Db { offset: 3 })
}

fn run<C, T>(context: C, task: T) -> T::Output
where
    C: AsContext,
    T: Task<C::Context>,
{
    Schedule::new(context).run(task).unwrap()
}

mod forms {
    use super::*;

    #[corio::task]
    fn without(key: u64) -> u64 {
        io!(from_nothing(key))
    }

    #[corio::task(Library)]
    fn of_one_type(key: u64) -> (u64, u64, &'static str) {
        (io!(from_db(key)), io!(from_both(key)), context!().name)
    }

    #[corio::task(impl Provide<Db>)]
    fn of_any_that_provides(key: u64) -> u64 {
        io!(from_db(key))
    }

    #[corio::task(impl Provide<Db> + Provide<Cache>)]
    fn of_any_that_provides_both(key: u64) -> (u64, u64, u64) {
        let db: &Db = context!().provide();
        (io!(from_both(key)), call!(of_any_that_provides(key)), db.offset)
    }

    #[corio::task(S)]
    fn named<S: Provide<Db>>(key: u64) -> u64 {
        call!(of_any_that_provides(key)) + call!(without(key))
    }

    #[corio::task(S)]
    fn named_with_more<S, T>(key: T) -> (u64, T)
    where
        S: Provide<Db> + Provide<Cache>,
        T: Into<u64> + Clone,
    {
        let (a, b) =
            join!(named(key.clone().into()), of_any_that_provides_both(key.clone().into()));
        (a + b.0, key)
    }

    #[test]
    fn a_task_that_names_none_runs_under_any() {
        assert_eq!(run((), without(1)), 1);
        assert_eq!(run(library(), without(1)), 1);
        assert_eq!(run(&Db { offset: 0 }, without(1)), 1);
    }

    #[test]
    fn a_task_may_name_one_type() {
        assert_eq!(run(library(), of_one_type(1)), (11, 1001, "library"));
    }

    #[test]
    fn a_task_may_run_under_any_that_provides() {
        assert_eq!(run(library(), of_any_that_provides(1)), 11);
        assert_eq!(run(shop(), of_any_that_provides(1)), 4);
        assert_eq!(run(shop(), of_any_that_provides_both(1)), (7, 4, 3));
        // A piece provides itself.
        assert_eq!(run(&Db { offset: 5 }, of_any_that_provides(1)), 6);
    }

    #[test]
    fn a_task_may_name_a_type_parameter() {
        assert_eq!(run(library(), named(1)), 12);
        assert_eq!(run(shop(), named_with_more(1_u8)), (12, 1));
        assert_eq!(run(shop(), named_with_more::<Shop, u32>(1)), (12, 1));
    }

    #[test]
    fn tasks_of_every_form_call_each_other() {
        #[corio::task(Library)]
        fn program() -> u64 {
            let handle = spawn!(of_any_that_provides(1));
            let (a, b, c) = join!(without(1), of_one_type(1), named(1));
            let d = all!((0..2).map(of_any_that_provides));
            let e = call!(named_with_more(1_u16)).0;
            let f = call!(task! { io!(from_db(1)) + call!(without(1)) + context!().db.offset });
            a + b.0 + c + d[1] + e + f + call!(handle)
        }

        assert_eq!(run(library(), program()), 1 + 11 + 12 + 11 + (12 + 1001) + (11 + 1 + 10) + 11);
    }

    #[test]
    fn methods_name_contexts_too() {
        struct Book(u64);

        impl Book {
            #[corio::task(Library)]
            fn title(&self) -> u64 {
                io!(from_db(self.0))
            }

            #[corio::task(impl Provide<Cache> + Provide<Db>)]
            fn author(&mut self) -> &mut u64 {
                self.0 += io!(from_both(self.0));
                &mut self.0
            }

            #[corio::task(S)]
            fn new<S: Provide<Db>>(key: u64) -> Self {
                Self(io!(from_db(key)))
            }
        }

        trait Priced {
            #[corio::task(Library)]
            fn price(&self) -> u64;

            #[corio::task(S)]
            fn price_anywhere<S: Provide<Db>>(&self) -> u64;
        }

        impl Priced for Book {
            #[corio::task(Library)]
            fn price(&self) -> u64 {
                call!(self.title()) + call!(self.price_anywhere())
            }

            #[corio::task(S)]
            fn price_anywhere<S: Provide<Db>>(&self) -> u64 {
                io!(from_db(self.0))
            }
        }

        let mut schedule = Schedule::new(library());
        let mut book = schedule.run(Book::new(1)).unwrap();
        assert_eq!(book.0, 11);
        assert_eq!(schedule.run(book.title()).unwrap(), 21);
        assert_eq!(schedule.run(book.price()).unwrap(), 42);
        *schedule.run(book.author()).unwrap() += 1;
        assert_eq!(book.0, 11 + 1011 + 1);
    }

    #[test]
    fn the_context_is_there_by_reference_for_as_long_as_the_task_runs() {
        #[corio::task(Library)]
        fn program() -> bool {
            let before: &Library = context!();
            io!(from_db(1));
            let after = context!();
            std::ptr::eq(before, after) && before.name == "library"
        }

        assert!(run(library(), program()));
    }
}

mod derived {
    use super::*;

    /// Whether a context provides a piece with this offset.
    fn provided<S: Provide<Db> + Provide<Cache>>(context: &S) -> (u64, u64) {
        let (db, cache): (&Db, &Cache) = (context.provide(), context.provide());
        (db.offset, cache.offset)
    }

    #[corio::task(impl Provide<Db> + Provide<Cache>)]
    fn program() -> (u64, u64) {
        io!(from_db(1), from_both(1))
    }

    #[test]
    fn named_and_unnamed_fields() {
        assert_eq!(provided(&library()), (10, 100));
        assert_eq!(provided(&shop()), (3, 2));
    }

    #[test]
    fn pointers_provide_what_they_point_to() {
        #[derive(Context)]
        struct Pointers<'a> {
            db: Arc<Db>,
            cache: &'a Cache,
            numbers: Rc<Vec<u64>>,
            text: Box<str>,
            qualified: std::sync::Arc<f64>,
        }

        let cache = Cache { offset: 2 };
        let pointers = Pointers {
            db: Arc::new(Db { offset: 1 }),
            cache: &cache,
            numbers: Rc::new(vec![1, 2]),
            text: "text".into(),
            qualified: Arc::new(0.5),
        };
        assert_eq!(provided(&pointers), (1, 2));
        // The pointer itself is a piece as well: a dispatcher may want to clone it.
        assert_eq!(Provide::<Arc<Db>>::provide(&pointers).offset, 1);
        assert_eq!(Provide::<&Cache>::provide(&pointers).offset, 2);
        assert_eq!(Provide::<Vec<u64>>::provide(&pointers), &[1, 2]);
        assert_eq!(Provide::<str>::provide(&pointers), "text");
        assert_eq!(*Provide::<f64>::provide(&pointers), 0.5);
        assert_eq!(run(pointers, program()), (2, 3));
    }

    #[test]
    fn skipped_fields_may_have_a_type_that_is_there_already() {
        #[derive(Context)]
        struct Replicated {
            db: Db,
            #[provide(skip)]
            replica: Db,
            #[provide(skip)]
            shared: Arc<Db>,
            cache: Cache,
        }

        let replicated = Replicated {
            db: Db { offset: 1 },
            replica: Db { offset: 20 },
            shared: Arc::new(Db { offset: 300 }),
            cache: Cache { offset: 2 },
        };
        assert_eq!(provided(&replicated), (1, 2));
        assert_eq!(replicated.replica.offset + replicated.shared.offset, 320);
    }

    #[test]
    fn generic_contexts_keep_their_bounds_and_provide_generic_fields_when_told() {
        trait Store {
            fn get(&self, key: u64) -> u64;
        }

        struct Memory(HashMap<u64, u64>);

        impl Store for Memory {
            fn get(&self, key: u64) -> u64 {
                self.0.get(&key).copied().unwrap_or_default()
            }
        }

        #[derive(Context)]
        struct App<'a, T: Store, K, const N: usize>
        where
            K: Hash + Debug,
        {
            // Not provided: it could be of the same type as another.
            key: K,
            #[provide]
            store: T,
            db: Db,
            cache: &'a Cache,
            numbers: [u64; N],
        }

        #[corio::dispatcher]
        fn from_memory(memory: &Memory, keys: &[u64]) -> Vec<u64> {
            keys.iter().map(|key| memory.get(*key)).collect()
        }

        #[corio::task(App<'_, Memory, &'static str, 2>)]
        fn ask() -> (u64, u64, usize) {
            let numbers: &[u64; 2] = context!().provide();
            (io!(from_memory(7)), call!(program()).1 + numbers[1], context!().key.len())
        }

        let cache = Cache { offset: 2 };
        let app = App {
            key: "key",
            store: Memory(HashMap::from([(7, 70)])),
            db: Db { offset: 1 },
            cache: &cache,
            numbers: [5, 6],
        };
        assert_eq!(run(app, ask()), (70, 9, 3));
    }

    #[test]
    fn a_context_without_fields() {
        #[derive(Context)]
        struct Empty;

        #[derive(Context)]
        struct EmptyToo {}

        assert_eq!(run(Empty, from_nothing(1)) + run(EmptyToo {}, from_nothing(2)), 3);
    }

    #[test]
    fn raw_names_and_visibility() {
        mod inner {
            use super::{Cache, Context, Db};

            #[derive(Context)]
            pub(super) struct App {
                pub(super) r#type: Db,
                cache: Cache,
            }

            impl App {
                pub(super) fn new() -> Self {
                    App { r#type: Db { offset: 1 }, cache: Cache { offset: 2 } }
                }
            }
        }

        assert_eq!(provided(&inner::App::new()), (1, 2));
        assert_eq!(inner::App::new().r#type.offset, 1);
    }
}

mod by_hand {
    use super::*;

    /// Provides a piece that lies deeper, and one of two.
    struct App {
        pools: Pools,
        cache: Option<Cache>,
    }

    struct Pools {
        reader: Db,
        writer: Db,
    }

    impl Provide<Db> for App {
        fn provide(&self) -> &Db {
            &self.pools.reader
        }
    }

    impl Provide<Cache> for App {
        fn provide(&self) -> &Cache {
            self.cache.as_ref().unwrap()
        }
    }

    // Without the derive: so it can be given by value.
    impl AsContext for App {
        type Context = Self;

        fn as_context(&self) -> &Self {
            self
        }
    }

    #[corio::task(App)]
    fn program() -> (u64, u64, u64) {
        let (db, both) = io!(from_db(1), from_both(1));
        (db, both, context!().pools.writer.offset)
    }

    fn app() -> App {
        App {
            pools: Pools { reader: Db { offset: 1 }, writer: Db { offset: 20 } },
            cache: Some(Cache { offset: 3 }),
        }
    }

    #[test]
    fn provide_may_be_written_by_hand() {
        assert_eq!(run(app(), program()), (2, 4, 20));
        let app = app();
        assert_eq!(run(&app, program()), (2, 4, 20));
    }

    #[test]
    fn a_wrapper_may_stand_for_a_context() {
        /// Counts how often it is asked for, and is given to the schedule in place of the context.
        struct Counting(App, Cell<u32>);

        impl AsContext for Counting {
            type Context = App;

            fn as_context(&self) -> &App {
                self.1.set(self.1.get() + 1);
                &self.0
            }
        }

        assert_eq!(run(Counting(app(), Cell::new(0)), program()), (2, 4, 20));
    }

    #[test]
    fn pieces_may_be_unsized() {
        trait Store {
            fn get(&self, key: u64) -> u64;
        }

        impl Store for Db {
            fn get(&self, key: u64) -> u64 {
                key + self.offset
            }
        }

        struct Dynamic {
            store: Box<dyn Store>,
            names: Vec<&'static str>,
        }

        impl Provide<dyn Store> for Dynamic {
            fn provide(&self) -> &(dyn Store + 'static) {
                &*self.store
            }
        }

        impl Provide<[&'static str]> for Dynamic {
            fn provide(&self) -> &[&'static str] {
                &self.names
            }
        }

        #[corio::dispatcher]
        fn from_store(store: &dyn Store, keys: &[u64]) -> Vec<u64> {
            keys.iter().map(|key| store.get(*key)).collect()
        }

        #[corio::dispatcher]
        fn name(names: &[&'static str], keys: &[usize]) -> Vec<&'static str> {
            keys.iter().map(|key| names[*key]).collect()
        }

        #[corio::task(Dynamic)]
        fn ask() -> (u64, &'static str) {
            io!(from_store(1), name(1))
        }

        let context = Dynamic { store: Box::new(Db { offset: 5 }), names: vec!["zero", "one"] };
        assert_eq!(run(&context, ask()), (6, "one"));
    }
}

mod ways_in {
    use super::*;

    #[corio::task(Library)]
    fn program() -> u64 {
        io!(from_db(1))
    }

    #[test]
    fn by_value_reference_arc_and_rc() {
        assert_eq!(Schedule::new(library()).run(program()).unwrap(), 11);
        let library = library();
        assert_eq!(Schedule::new(&library).run(program()).unwrap(), 11);
        let library = Rc::new(library);
        assert_eq!(Schedule::new(library.clone()).run(program()).unwrap(), 11);
        assert_eq!(Schedule::new(&*library).run(program()).unwrap(), 11);
        let library = Arc::new(Rc::into_inner(library).unwrap());
        assert_eq!(Schedule::new(library.clone()).run(program()).unwrap(), 11);
        assert_eq!(Schedule::new(library).context().name, "library");
    }

    #[test]
    fn several_schedules_share_a_context() {
        let library = library();
        let (mut one, mut two) = (Schedule::new(&library), Schedule::new(&library));
        assert_eq!(one.run(program()).unwrap() + two.run(program()).unwrap(), 22);
        assert!(std::ptr::eq(one.context(), two.context()));
    }

    #[test]
    fn a_context_by_value_lives_as_long_as_its_schedule() {
        #[derive(Context)]
        struct App {
            counted: Rc<Cell<u32>>,
        }

        #[corio::dispatcher]
        fn count(counted: &Cell<u32>, keys: &[u32]) -> Vec<u32> {
            counted.set(counted.get() + 1);
            keys.to_vec()
        }

        let counted = Rc::new(Cell::new(0));
        let mut schedule = Schedule::new(App { counted: counted.clone() });
        schedule.run(count(1)).unwrap();
        schedule.run(count(1)).unwrap();
        assert_eq!((counted.get(), Rc::strong_count(&counted)), (2, 2));
        drop(schedule);
        assert_eq!(Rc::strong_count(&counted), 1);
    }
}

mod with_lifetimes {
    use super::*;

    #[derive(Context)]
    struct Request<'a> {
        db: &'a Db,
        user: User<'a>,
    }

    struct User<'a>(&'a str);

    #[corio::task(Request<'_>)]
    fn elided(key: u64) -> (u64, usize) {
        (io!(from_db(key)), context!().user.0.len())
    }

    #[corio::task(Request<'a>)]
    fn named<'a>(name: &'a str) -> &'a str {
        if io!(from_db(1)) == 2 { context!().user.0 } else { name }
    }

    #[test]
    fn contexts_may_borrow() {
        let db = Db { offset: 1 };
        let user = String::from("user");
        let mut schedule = Schedule::new(Request { db: &db, user: User(&user) });
        assert_eq!(schedule.run(elided(1)).unwrap(), (2, 4));
        assert_eq!(schedule.run(named("other")).unwrap(), "user");
    }

    #[test]
    fn tasks_over_contexts_that_borrow_call_each_other() {
        #[corio::task(Request<'_>)]
        fn program() -> u64 {
            let (a, b) = join!(elided(1), elided(2));
            let handles = all!((0..3).map(elided));
            a.0 + b.0 + handles[2].0 + call!(elided(10)).0
        }

        let db = Db { offset: 1 };
        assert_eq!(run(Request { db: &db, user: User("") }, program()), 2 + 3 + 3 + 11);
    }
}
