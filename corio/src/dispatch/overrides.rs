//! What one schedule does differently: limits, options and replacements of dispatchers.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::rc::Rc;

use super::answerer::Replacement;
use super::limits::Limits;
use super::options::Options;
use super::request::Request;

#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    /// By the type of the request; each a `Change` of that type.
    changes: HashMap<TypeId, Rc<dyn Any>>,
    /// By the type of the request; each a `Replacement` of that type.
    replacements: HashMap<TypeId, Rc<dyn Any>>,
}

type Changed<R> = Options<<R as Request>::Key, <R as Request>::Answer>;

impl Settings {
    pub(crate) fn change<R: Request>(&mut self, change: impl FnOnce(Changed<R>) -> Changed<R>) {
        let changed = change(self.options::<R>());
        self.changes.insert(TypeId::of::<R>(), Rc::new(changed));
    }

    pub(crate) fn replace<R: Request>(&mut self, replacement: Replacement<R>) {
        self.replacements.insert(TypeId::of::<R>(), Rc::new(replacement));
    }

    pub(crate) fn options<R: Request>(&self) -> Changed<R> {
        let changed = self.changes.get(&TypeId::of::<R>()).and_then(|any| any.downcast_ref::<Changed<R>>());
        changed.copied().unwrap_or(R::OPTIONS)
    }

    pub(crate) fn replacement<R: Request>(&self) -> Option<Replacement<R>> {
        self.replacements.get(&TypeId::of::<R>()).and_then(|any| any.downcast_ref::<Replacement<R>>()).cloned()
    }
}
