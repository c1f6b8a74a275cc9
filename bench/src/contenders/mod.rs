//! Who is compared. To add one: write a file with a `job` like those beside this one, and a line
//! for it in `ALL`.

pub mod corio;
pub mod plain_loop;
pub mod state_machine;

mod executor;
mod worker;

#[cfg(feature = "peers")]
mod async_graphql;
#[cfg(feature = "peers")]
mod dataloader;
#[cfg(feature = "peers")]
mod futures_unordered;
#[cfg(feature = "peers")]
mod on_tokio;
#[cfg(feature = "peers")]
mod tokio;

use crate::work::Size;

/// Does a workload once. It is kept between repetitions, with what it has warmed up: schedules,
/// runtimes, buffers.
pub type Job = Box<dyn FnMut()>;

pub struct Contender {
    pub name: &'static str,
    /// The job, where the workload makes sense for this one. Everything it allocates counts as its
    /// memory, also here.
    pub job: fn(Size) -> Option<Job>,
}

/// In the order of the table.
#[rustfmt::skip]
pub const ALL: &[Contender] = &[
    Contender { name: corio::NAME, job: corio::job },
    Contender { name: state_machine::NAME, job: state_machine::job },
    Contender { name: plain_loop::NAME, job: plain_loop::job },
    #[cfg(feature = "peers")]
    Contender { name: "FuturesUnordered + Rc", job: futures_unordered::job },
    #[cfg(feature = "peers")]
    Contender { name: "tokio mpsc + oneshot", job: tokio::job },
    #[cfg(feature = "peers")]
    Contender { name: "async-graphql DataLoader", job: async_graphql::job },
    #[cfg(feature = "peers")]
    Contender { name: "dataloader", job: dataloader::job },
];
