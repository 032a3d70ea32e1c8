//! What tests of this crate keep in a store.

use crate::TargetId;
use crate::store::Generation;

/// A run of an instance of a shop.
pub(crate) fn generation(target: u64) -> Generation {
    Generation {
        target: TargetId(target),
        service: "shop".to_owned(),
        instance: format!("shop-{target}"),
        job: "go".to_owned(),
        labels: [("instance".to_owned(), format!("shop-{target}"))].into(),
        build: "v1".to_owned(),
        started_at: 1_000,
        last_seen: 1_000,
    }
}
