//! What tasks wait for beside requests.

mod channel;
mod err_group;
mod given_up;
mod mutex_and_wait_group;
mod notify;
mod once_cell;
mod rwlock_and_semaphore;
mod single_flight;
