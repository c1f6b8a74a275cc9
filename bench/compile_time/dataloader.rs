//! The first program of corio's README with the `DataLoader` of async-graphql on tokio.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use async_graphql::dataloader::{DataLoader, Loader};

struct Store;

impl Loader<String> for Store {
    type Value = usize;
    type Error = Infallible;

    async fn load(&self, requests: &[String]) -> Result<HashMap<String, usize>, Infallible> {
        println!("{} IO requests batched", requests.len());
        Ok(requests.iter().cloned().zip(0..).collect())
    }
}

async fn crud(store: Arc<DataLoader<Store>>, i: usize) -> Result<(), Infallible> {
    store.load_one(format!("create {i}")).await?;
    store.load_one(format!("read {i}")).await?;
    store.load_one(format!("update {i}")).await?;
    store.load_one(format!("delete {i}")).await?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let store = Arc::new(DataLoader::new(Store, tokio::spawn));
    let tasks: Vec<_> = (0..10).map(|i| tokio::spawn(crud(store.clone(), i))).collect();
    for task in tasks {
        let Ok(()) = task.await.expect("no task panics");
    }
}
