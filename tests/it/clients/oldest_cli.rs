//! The official command line client of May 2023: the oldest that must work.

use tests::cli::Version;
use tests::client::item::Kind;

use super::journey;

#[tokio::test]
async fn a_day_with_every_kind_of_item_it_knows() {
    journey::day(
        Version::Oldest,
        &[Kind::Login, Kind::SecureNote, Kind::Card, Kind::Identity],
    )
    .await;
}

#[tokio::test]
async fn two_hundred_items_there_and_back() {
    journey::there_and_back(Version::Oldest, 200).await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_in_the_words_people_know() {
    journey::wrong_password(Version::Oldest).await;
}

#[tokio::test]
async fn a_login_by_api_key_is_unlocked_by_the_password() {
    journey::api_key(Version::Oldest).await;
}

#[tokio::test]
async fn items_it_does_not_know_do_not_disturb_it() {
    journey::unknown_kinds(Version::Oldest).await;
}
