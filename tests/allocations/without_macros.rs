//! Tasks by hand.

use corio::{Cx, Task, task_fn};
use expect_test::expect;

use crate::count::each;
use crate::{ask, double};

/// Does something again and again.
fn again(times: usize, once: impl AsyncFn(Cx<'_, ()>)) -> impl Task<()> {
    task_fn(async move |cx: Cx<'_, ()>| {
        for _ in 0..times {
            once(cx).await;
        }
    })
}

/// As `table`, where what is done is in an async closure.
macro_rules! table_by_hand {
    ($($construct:literal => |$cx:ident| { $($each:tt)* })*) => {{
        let mut table = String::from("\ntakes\n");
        $(
            let allocations = each(|times| again(times, async |$cx: Cx<'_, ()>| { $($each)* }));
            table.push_str(&format!("{allocations:>5}  {}\n", $construct));
        )*
        table
    }};
}

#[test]
fn by_hand() {
    let table = table_by_hand! {
        "cx.io(r).await" => |cx| { cx.io(double(1)).await; }
        "cx.io_all(iter).await: the answers" => |cx| { cx.io_all((0..100).map(double)).await; }
        "cx.call(task).await" => |cx| { cx.call(ask(1)).await; }
        "cx.all(iter).await: the results" => |cx| { cx.all((0..100).map(ask)).await; }
        "cx.spawn(task)" => |cx| { cx.spawn(ask(1)); }
        "cx.spawn(task_fn(…))" => |cx| { cx.spawn(task_fn(async |cx: Cx<'_, ()>| cx.io(double(1)).await)); }
        "cx.spawn(task); cx.wait().await" => |cx| { cx.spawn(ask(1)); cx.wait().await; }
        "cx.call(cx.spawn(task)).await" => |cx| { cx.call(cx.spawn(ask(1))).await; }
        "cx.context()" => |cx| { let () = cx.context(); }
    };
    expect![[r#"

        takes
            0  cx.io(r).await
            1  cx.io_all(iter).await: the answers
            0  cx.call(task).await
            1  cx.all(iter).await: the results
            0  cx.spawn(task)
            0  cx.spawn(task_fn(…))
            0  cx.spawn(task); cx.wait().await
            0  cx.call(cx.spawn(task)).await
            0  cx.context()
    "#]]
    .assert_eq(&table);
}
