//! In a process of its own, for the rustls provider belongs to the process.

use eventstore_kurrentdb::{ConnectError, KurrentSettings, KurrentStore};

#[tokio::test]
async fn a_provider_that_was_there_first_is_an_error_and_not_a_panic_in_the_background() {
    rustls::crypto::aws_lc_rs::default_provider().install_default().unwrap();
    let refused = KurrentStore::connect("esdb://127.0.0.1:1?tls=false", KurrentSettings::default()).await;
    assert!(matches!(refused, Err(ConnectError::ProviderTaken)));
}
