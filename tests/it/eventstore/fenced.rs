//! A rotation of a user key on KurrentDB: its streams have no common order, so the rotation waits until what was let past the
//! fence has landed.

use eventstore_kurrentdb::{KurrentSettings, KurrentStore, StagedStore};
use kurrentdb_double::Double;
use std::sync::Arc;
use std::time::Duration;

async fn store(double: &Double) -> Arc<StagedStore> {
    let settings = KurrentSettings {
        deadline: Duration::from_secs(5),
        each_try: Duration::from_secs(2),
        ..KurrentSettings::default()
    };
    let store = KurrentStore::connect(&double.url, settings).await.unwrap();
    Arc::new(StagedStore::new(Arc::new(store)))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_item_is_rotated_or_refused() {
    let double = Double::start().unwrap();
    tests::rotation::every_item_is_rotated_or_refused(store(&double).await).await;
    let double = Double::start().unwrap();
    tests::rotation::a_sign_in_ends_a_rotation(store(&double).await).await;
}
