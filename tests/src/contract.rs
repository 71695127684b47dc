//! What every event store must do. One suite for all of them; what a store cannot do ([`commands::ports::Caps`]) is
//! not asked of it.

mod appending;
mod concurrent;
mod fencing;
mod grouping;
mod model;
mod reading;
mod repeating;

use commands::ports::EventStore;
use std::sync::Arc;

/// Tries every rule of the port on a store from `make`: a new one each time, or the same; rules only look at streams of
/// their own, and at the whole store from where they began.
///
/// # Panics
/// When a rule is broken; its name was printed just before.
pub async fn holds<F: Future<Output = Arc<dyn EventStore>>>(make: impl Fn() -> F) {
    macro_rules! rules {
        ($($module:ident: $($rule:ident),+;)+) => {$($(
            println!("{}", stringify!($rule));
            $module::$rule(&*make().await).await;
        )+)+};
    }
    rules! {
        appending: a_new_stream_begins_at_revision_0, an_append_at_the_expected_revision_is_stored_behind_it,
            a_wrong_expectation_is_a_conflict_that_says_where_the_stream_is, a_stream_must_exist_where_that_is_expected,
            records_are_appended_whatever_the_stream_holds, records_of_one_stream_appended_at_once_each_have_their_place,
            what_is_too_large_is_refused_and_nothing_of_it_stored,
            of_many_who_expect_the_same_one_wins;
        repeating: the_same_append_again_has_the_same_answer, an_append_is_recognised_when_the_stream_has_moved_on,
            other_events_in_the_same_place_are_a_conflict, half_of_the_same_events_is_no_repetition,
            the_same_records_again_are_stored_again;
        grouping: a_group_is_stored_in_the_order_given, a_group_is_all_or_nothing, a_group_is_recognised_as_a_whole,
            records_in_a_repeated_group_are_recognised_by_their_neighbours,
            a_group_of_old_and_new_events_is_a_conflict, ten_thousand_streams_fit_in_one_group;
        fencing: behind_a_closed_fence_nothing_is_appended, a_conflict_in_front_of_an_open_fence_is_a_conflict,
            what_was_stored_before_the_fence_was_closed_is_answered_as_then,
            of_many_who_write_nobody_does_behind_the_fence;
        reading: what_is_stored_is_read_back_byte_for_byte, a_large_event_is_stored, a_stream_is_read_in_pages,
            a_stream_without_events_reads_as_empty, two_categories_may_share_an_id,
            many_streams_are_read_at_once_in_the_order_asked_for, everything_is_read_in_pages_in_position_order,
            behind_the_end_there_is_nothing, time_never_goes_backwards, appends_wake_those_who_wait;
    }
    for _ in 0..3 {
        model::any_sequence_of_appends_and_reads_is_as_in_the_model(&*make().await).await;
    }
    concurrent::a_reader_sees_every_acknowledged_event_once_and_in_order(make().await).await;
    concurrent::writers_of_shared_streams_lose_nothing(make().await).await;
}
