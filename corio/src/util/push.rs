//! `Vec::push` for vectors that have the capacity.
//!
//! # Contract
//!
//! The length of a vector grows by one right after the element behind the last was written.

/// Appends `value` if the vector has the capacity, and returns `value` otherwise. Nothing here can
/// call the allocator, which saves the registers that `Vec::push` keeps for that call.
///
/// As the method of this name of the standard library, which is not stable yet.
#[inline(always)]
pub(crate) fn push_within_capacity<T>(vec: &mut Vec<T>, value: T) -> Result<(), T> {
    match vec.spare_capacity_mut() {
        [slot, ..] => {
            slot.write(value);
            let len = vec.len() + 1;
            // SAFETY: the element behind the last was just written, within the capacity.
            unsafe { vec.set_len(len) };
            Ok(())
        }
        [] => Err(value),
    }
}
