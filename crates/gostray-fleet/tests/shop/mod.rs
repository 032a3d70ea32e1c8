//! A service whose runs and stacks the tests of the store keep.

use std::collections::BTreeMap;

use gostray_fleet::TargetId;
use gostray_fleet::store::{Frame, Generation, Stack};

pub(crate) fn generation(target: u64) -> Generation {
    Generation {
        target: TargetId(target),
        service: "shop".to_owned(),
        instance: format!("shop-{target}"),
        job: "go".to_owned(),
        labels: BTreeMap::new(),
        build: "v1".to_owned(),
        started_at: 0,
        last_seen: 0,
    }
}

pub(crate) fn stack(line: u32) -> Stack {
    let frame = Frame { function: "shop.work".to_owned(), file: "/src/shop.go".to_owned(), line };
    Stack { signature: format!("{line:016x}"), operation: "select".to_owned(), frames: vec![frame] }
}
