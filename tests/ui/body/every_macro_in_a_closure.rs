//! Each macro but `task!` says that it can't stand in a closure.

#[corio::dispatcher]
fn fetch_book(ids: &[u64]) -> Vec<String> {
    ids.iter().map(u64::to_string).collect()
}

#[corio::task]
fn title(id: u64) -> String {
    io!(fetch_book(id))
}

#[corio::task(())]
fn shelf(ids: Vec<u64>) -> Vec<String> {
    ids.iter().for_each(|id| {
        spawn!(title(*id));
    });
    ids.iter().for_each(|_| wait!());
    let _contexts: Vec<&()> = ids.iter().map(|_| context!()).collect();
    let _timed: Vec<bool> = ids.iter().map(|id| timeout!(std::time::Duration::from_secs(1), title(*id)).is_ok()).collect();
    let _called: Vec<String> = ids.iter().map(|id| call!(title(*id))).collect();
    ids.iter().map(|id| io!(fetch_book(*id))).collect()
}

fn main() {}
