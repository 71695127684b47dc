//! `given` these events, `when` this command, `then` these events: tests of decisions, without a store.

use crate::execute::Command;
use domain::{
    event::{Aggregate, DomainEvent},
    id::UserId,
    time::Timestamp,
};
use uuid::Uuid;

pub(crate) const ALICE: UserId = UserId(Uuid::from_u128(0xa11ce));
pub(crate) const BOB: UserId = UserId(Uuid::from_u128(0xb0b));

/// What happened before.
pub(crate) struct Given<E>(Vec<E>);

pub(crate) fn given<E>(events: impl IntoIterator<Item = E>) -> Given<E> {
    Given(events.into_iter().collect())
}

impl<E: DomainEvent> Given<E> {
    /// Decides `command` a millisecond after the last event.
    pub fn when<C: Command>(self, command: C) -> Outcome<C>
    where
        C::Aggregate: Aggregate<Event = E>,
    {
        let now = self.0.last().map_or(Timestamp(1), |last| Timestamp(last.at().0 + 1));
        let state = self.0.iter().fold(C::Aggregate::default(), Aggregate::evolve);
        let first = command.decide(&state, now);
        assert_eq!(
            format!("{first:?}"),
            format!("{:?}", command.decide(&state, now)),
            "the same decision twice"
        );
        Outcome(first)
    }
}

/// What was decided.
pub(crate) struct Outcome<C: Command>(Result<Vec<<C::Aggregate as Aggregate>::Event>, C::Error>);

impl<C: Command> Outcome<C>
where
    <C::Aggregate as Aggregate>::Event: PartialEq,
    C::Error: PartialEq,
{
    #[track_caller]
    pub fn then(self, events: impl IntoIterator<Item = <C::Aggregate as Aggregate>::Event>) {
        assert_eq!(self.0.expect("refused"), events.into_iter().collect::<Vec<_>>());
    }

    #[track_caller]
    pub fn then_refused(self, error: C::Error) {
        assert_eq!(self.0.expect_err("not refused"), error);
    }
}
