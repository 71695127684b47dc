//! One command over many things of a kind: the same as a loop of single ones, in one append.

use crate::execute::{Command, ExecuteError, Transaction, Unit};
use domain::event::Aggregate;
use std::collections::HashSet;
use uuid::Uuid;

/// Many commands of a kind, each about another thing. Those that are refused are left out; when all are, the first
/// refusal is the answer. An id that occurs again is one command.
#[derive(Debug, Clone)]
pub struct Bulk<C>(pub Vec<C>);

/// The same, all of it or nothing: what one is refused for, all are.
#[derive(Debug, Clone)]
pub struct Whole<C>(pub Vec<C>);

/// What became of things, and the first refusal.
type Outcome<C> = (
    Vec<(<<C as Command>::Aggregate as Aggregate>::Id, <C as Command>::Aggregate)>,
    Option<<C as Command>::Error>,
);

async fn each<C: Command>(unit: &mut Unit<'_>, commands: &[C]) -> Result<Outcome<C>, ExecuteError<C::Error>> {
    let mut seen = HashSet::<Uuid>::with_capacity(commands.len());
    let commands: Vec<&C> = commands
        .iter()
        .filter(|command| seen.insert(command.id().into()))
        .collect();
    let ids: Vec<_> = commands.iter().map(|command| command.id()).collect();
    let loaded = unit.load_many::<C::Aggregate>(&ids).await?;
    let mut accepted = Vec::with_capacity(commands.len());
    let mut refused = None;
    for (command, loaded) in commands.into_iter().zip(loaded) {
        match command.decide(&loaded.state, unit.now_for(&loaded)) {
            Ok(events) => accepted.push((loaded.id, unit.append(loaded, events))),
            Err(refusal) => refused = refused.or(Some(refusal)),
        }
    }
    Ok((accepted, refused))
}

impl<C: Command> Transaction for Bulk<C> {
    /// The things changed or left as they were wished to be, with their state after it, in the order asked for.
    type Output = Vec<(<C::Aggregate as Aggregate>::Id, C::Aggregate)>;
    type Error = C::Error;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Self::Output, ExecuteError<C::Error>> {
        match each(unit, &self.0).await? {
            (accepted, Some(refusal)) if accepted.is_empty() => Err(ExecuteError::Refused(refusal)),
            (accepted, _) => Ok(accepted),
        }
    }
}

impl<C: Command> Transaction for Whole<C> {
    type Output = ();
    type Error = C::Error;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<C::Error>> {
        match each(unit, &self.0).await? {
            (_, Some(refusal)) => Err(ExecuteError::Refused(refusal)),
            (_, None) => Ok(()),
        }
    }
}
