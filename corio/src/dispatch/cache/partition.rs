//! TODO

use std::any::Any;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use crate::dispatch::keys::GroupKey;

/// For whom answers are kept; see [`Dispatch::partition`](crate::Dispatch::partition).
///
/// ```
/// use corio::Partition;
///
/// assert_eq!(Partition::of(7), Partition::of(7));
/// assert_ne!(Partition::of(7), Partition::of("seven"));
/// ```
#[derive(Clone)]
pub struct Partition(Rc<dyn PartitionName>);

/// Anything that can be told apart from anything.
trait PartitionName: Any {
    fn as_any(&self) -> &dyn Any;
    fn is(&self, other: &dyn Any) -> bool;
    fn hashed(&self) -> u64;
}

impl<T: Hash + Eq + 'static> PartitionName for T {
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
    /// The partition with this name: a tenant, a user, a locale; `()` where everybody may see
    /// everything.
    pub fn of<T: GroupKey>(name: T) -> Self {
        Partition(Rc::new(name))
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
