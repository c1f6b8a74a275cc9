//! The name of a partition of a cache, of any type.

use std::any::Any;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::dispatch::keys::GroupKey;

/// Names the runs that share cached answers; see
/// [`Dispatch::partition`](crate::Dispatch::partition).
///
/// ```
/// use corio::Partition;
///
/// assert_eq!(Partition::of(7), Partition::of(7));
/// assert_ne!(Partition::of(7), Partition::of("seven"));
/// ```
#[derive(Clone)]
pub struct Partition(Arc<dyn PartitionName>);

/// A name of any type, which can be compared with names of other types.
trait PartitionName: Any + Send + Sync {
    fn as_any(&self) -> &dyn Any;
    /// Whether `other` is of the same type and equal.
    fn is(&self, other: &dyn Any) -> bool;
    /// Returns a hash, equal for equal names.
    fn hashed(&self) -> u64;
}

impl<T: Hash + Eq + Send + Sync + 'static> PartitionName for T {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn is(&self, other: &dyn Any) -> bool {
        other.downcast_ref::<T>().is_some_and(|other| self == other)
    }

    fn hashed(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        hasher.finish()
    }
}

impl Partition {
    /// Returns the partition with this name: a tenant, a user, a locale; `()` if all runs may share
    /// all answers. Names of different types are different.
    pub fn of<T: GroupKey>(name: T) -> Self {
        Partition(Arc::new(name))
    }
}

impl Partition {
    /// The name, if it is a `T`.
    pub(crate) fn name<T: 'static>(&self) -> Option<&T> {
        (*self.0).as_any().downcast_ref()
    }
}

impl PartialEq for Partition {
    fn eq(&self, other: &Self) -> bool {
        (*self.0).is((*other.0).as_any())
    }
}

impl Eq for Partition {}

impl Hash for Partition {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u64((*self.0).hashed());
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Partition")
    }
}
