//! How allocations are counted: a program does something a number of times, in a schedule that has
//! done so before, and then twice as often. The difference is that of as many times more, whatever
//! a run takes for itself.

use std::fmt::{self, Display};

use corio::{Schedule, Task};

use support::heap::allocations_of;

/// Enough that a list which grew with it would show.
const TIMES: usize = 100;

/// The allocations of each of the times that the program does something.
pub(crate) fn each<T: Task<()>>(program: impl Fn(usize) -> T) -> Each {
    let mut schedule = Schedule::new(());
    let mut run = |times| {
        let task = program(times);
        let (result, allocations) = allocations_of(|| schedule.run(task));
        result.unwrap();
        allocations
    };
    // Twice, as there are buffers that take turns.
    for _ in 0..2 {
        run(2 * TIMES);
    }
    let once = run(TIMES);
    Each(run(2 * TIMES) as isize - once as isize)
}

/// Of all times together.
#[derive(Clone, Copy)]
pub(crate) struct Each(isize);

impl Each {
    /// Where other threads have a say in it.
    pub(crate) fn is_at_most(self, allocations: usize) -> bool {
        self.0 <= (allocations * TIMES) as isize
    }
}

impl Display for Each {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Each(all) = self;
        let times = TIMES as isize;
        if all % times == 0 {
            f.pad(&(all / times).to_string())
        } else {
            f.pad(&format!("{all}/{times}"))
        }
    }
}

/// A line for each construct: its allocations, and what it is. What stands in the braces is done
/// again and again, by a task that has what is listed in front of them.
macro_rules! table {
    ($($construct:literal $(, $name:ident: $type:ty = $value:expr)* => { $($each:tt)* })*) => {{
        let mut table = String::from("\ntakes\n");
        $({
            #[corio::task(())]
            fn program(times: usize $(, $name: std::rc::Rc<$type>)*) {
                for _ in 0..times {
                    $($each)*
                }
            }

            $(let $name = std::rc::Rc::new($value);)*
            let each = $crate::count::each(|times| program(times $(, $name.clone())*));
            table.push_str(&format!("{each:>5}  {}\n", $construct));
        })*
        table
    }};
}

pub(crate) use table;
