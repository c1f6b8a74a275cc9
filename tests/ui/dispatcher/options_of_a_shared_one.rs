//! A mistake in the options of a shared dispatcher gives no second error where a hub is asked.

#[corio::dispatcher(shared, max_batch = 0)]
fn of_all(ids: &[u64]) -> Vec<u64> {
    ids.to_vec()
}

#[corio::dispatcher(shared, by = |tenant: &u32| *tenant, timeout = "soon")]
fn of_tenant(tenant: &u32, ids: &[u64]) -> Vec<u64> {
    vec![u64::from(*tenant); ids.len()]
}

async fn asks(hub: corio::Hub<()>) -> u64 {
    let all = hub.ask(of_all(1)).await.unwrap();
    all + hub.ask_for(7, of_tenant(1)).await.unwrap()
}

fn main() {
    let hub = corio::Hub::new((), |_| ()).share(of_all).share(of_tenant);
    drop(asks(hub));
}
