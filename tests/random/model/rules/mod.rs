//! What must hold for each thing that tasks wait for: small models, which are told what happens and
//! know who may go on.
//!
//! A model decides at once what the real thing may decide step by step: whom it lets in is
//! *granted*, and goes on when its task runs. So nobody may go on who is not granted, and when no
//! task can run, nobody may be left who is.

mod cell;
mod flights;
mod gate;
mod notify;
mod pipe;
mod team;
mod wait_group;

pub(crate) use cell::Cell;
pub(crate) use flights::Flights;
pub(crate) use gate::Gate;
pub(crate) use notify::Notify;
pub(crate) use pipe::Pipe;
pub(crate) use team::Team;
pub(crate) use wait_group::WaitGroup;

/// One that waits; numbered in the order of asking, over all things.
pub(crate) type Waiter = usize;

pub(crate) trait Rules {
    /// Whether it can go on when its task runs.
    fn granted(&self, waiter: Waiter) -> bool;
    /// It goes on. It was granted.
    fn passes(&mut self, waiter: Waiter);
    /// It is dropped while it waits.
    fn leaves(&mut self, waiter: Waiter);
    /// Nobody holds or waits for it, and all is as it was in the beginning.
    fn at_rest(&self) -> bool;
}

/// Any of them.
pub(crate) enum Thing {
    Gate(Gate),
    WaitGroup(WaitGroup),
    Notify(Notify),
    Pipe(Pipe),
    Cell(Cell),
    Flights(Flights),
    Team(Team),
}

impl Thing {
    pub(crate) fn rules(&mut self) -> &mut dyn Rules {
        match self {
            Thing::Gate(it) => it,
            Thing::WaitGroup(it) => it,
            Thing::Notify(it) => it,
            Thing::Pipe(it) => it,
            Thing::Cell(it) => it,
            Thing::Flights(it) => it,
            Thing::Team(it) => it,
        }
    }

    pub(crate) fn rules_ref(&self) -> &dyn Rules {
        match self {
            Thing::Gate(it) => it,
            Thing::WaitGroup(it) => it,
            Thing::Notify(it) => it,
            Thing::Pipe(it) => it,
            Thing::Cell(it) => it,
            Thing::Flights(it) => it,
            Thing::Team(it) => it,
        }
    }
}
