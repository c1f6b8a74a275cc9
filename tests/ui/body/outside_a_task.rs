//! The macros of tasks in functions that are none.

struct Task;

fn main() {
    corio::io!(1);
    corio::io_all!([1]);
    corio::call!(Task);
    corio::spawn!(Task);
    corio::wait!();
    corio::join!(Task, Task);
    corio::try_join!(Task, Task);
    corio::all!([Task]);
    corio::try_all!([Task]);
    corio::race!(Task, Task);
    corio::timeout!(std::time::Duration::from_secs(1), Task);
    corio::context!();
}
