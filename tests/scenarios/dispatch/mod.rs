//! From requests to batches to answers: dispatchers and their options.

mod abandoned_batches;
mod at_once;
mod caches;
mod groups_and_order;
mod limits;
mod modes;
mod rates;
mod retries;
mod shapes;
mod withdrawn_requests;
