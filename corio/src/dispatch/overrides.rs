//! What one schedule does differently: limits, options and replacements of dispatchers.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

use super::carrier::{Carrier, Carriers};
use super::limits::Limits;
use super::options::Options;
use super::request::Request;
use crate::dispatch::batch::Requests;

/// A function that answers batches in place of a dispatcher, in one schedule.
pub(crate) type Override<R> = Arc<dyn for<'q, 'r> Fn(Requests<'q, 'r, R>) + Send + Sync>;

#[derive(Clone, Default)]
pub(crate) struct DispatchConfig {
    pub(crate) limits: Limits,
    /// By the type of the request; each a `Change` of that type.
    changes: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    /// By the type of the request; each a `Override` of that type.
    overrides: HashMap<TypeId, Arc<dyn Any + Send + Sync>>,
    /// Where the requests of shared dispatchers are answered, together with those of other runs.
    pub(crate) carriers: Option<Arc<dyn Carriers>>,
}

type Changed<R> = Options<<R as Request>::Key, <R as Request>::Answer>;

impl DispatchConfig {
    pub(crate) fn change<R: Request>(&mut self, change: impl FnOnce(Changed<R>) -> Changed<R>) {
        let changed = change(self.options::<R>());
        self.changes.insert(TypeId::of::<R>(), Arc::new(changed));
    }

    pub(crate) fn replace<R: Request>(&mut self, override_fn: Override<R>) {
        self.overrides.insert(TypeId::of::<R>(), Arc::new(override_fn));
    }

    pub(crate) fn options<R: Request>(&self) -> Changed<R> {
        let changed =
            self.changes.get(&TypeId::of::<R>()).and_then(|any| any.downcast_ref::<Changed<R>>());
        changed.copied().unwrap_or(R::OPTIONS)
    }

    /// Where the requests of `R` are answered instead of in the run.
    pub(crate) fn carrier<R: Request>(&self) -> Option<Arc<dyn Carrier<R>>> {
        let found = self.carriers.as_ref()?.find(TypeId::of::<R>())?;
        found.downcast::<Arc<dyn Carrier<R>>>().ok().map(|carrier| *carrier)
    }

    pub(crate) fn override_fn<R: Request>(&self) -> Option<Override<R>> {
        self.overrides
            .get(&TypeId::of::<R>())
            .and_then(|any| any.downcast_ref::<Override<R>>())
            .cloned()
    }
}
