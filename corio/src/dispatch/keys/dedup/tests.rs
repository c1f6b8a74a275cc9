//! Pending keys against a map of vectors.

use std::collections::HashMap;
use std::hash::Hasher;

use super::*;

/// Half of the keys have the same hash.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Key(u32);

impl Hash for Key {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hasher.write_u32(if self.0 % 2 == 0 { 0 } else { self.0 });
    }
}

/// What `PendingKeys` has to behave like: by key, the seq and the followers.
type Naive = HashMap<u32, (Seq, Vec<Follower>)>;

#[test]
fn whatever_happens_each_key_has_one_lead_and_its_followers() {
    let mut random = fastrand::Rng::with_seed(7);
    for dedup in
        [Dedup::<Key, ()>::by_hash(), Dedup::by_order()].repeat(if cfg!(miri) { 1 } else { 50 })
    {
        let (mut pending_keys, mut naive) = (PendingKeys::new(dedup), Naive::new());
        let mut old = Vec::new();
        for number in 1..if cfg!(miri) { 60 } else { 500 } {
            let key = random.u32(0..30);
            let waiter = Waiter(number);
            if random.bool() {
                match (
                    pending_keys.lead_or_follow(&Key(key), waiter, &|_| true),
                    naive.get_mut(&key),
                ) {
                    (Some(seq), None) => {
                        assert!(naive.insert(key, (seq, Vec::new())).is_none())
                    }
                    (None, Some((_, followers))) => {
                        followers.push((pending_keys.last_number, waiter))
                    }
                    (seq, known) => panic!("{seq:?} for a key with {known:?}"),
                }
            } else if let Some((seq, expected)) = naive.remove(&key) {
                let mut row = pending_keys.take(seq).unwrap();
                pending_keys.forget(&row.lead);
                assert_eq!(row.lead.key, Key(key));
                assert_eq!(row.shared.drain_followers(|_| true).collect::<Vec<_>>(), expected);
                pending_keys.put_back(&mut row.shared);
                old.push(seq);
            }
            assert_eq!(pending_keys.rows.len() - pending_keys.free.len(), naive.len());
            assert!(old.iter().all(|seq| !pending_keys.is_valid(*seq)));
            assert!(naive.values().all(|(seq, _)| pending_keys.is_valid(*seq)));
        }
        assert!(pending_keys.rows.len() <= 30, "rows are reused");
    }
}
