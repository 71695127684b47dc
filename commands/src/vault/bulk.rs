//! One command over many things of a kind: the same as a loop of single ones, in one append.

use crate::execute::{Command, ExecuteError, Transaction, Unit};
use domain::event::Aggregate;
use std::collections::HashSet;
use uuid::Uuid;

/// Many commands of a kind, each about another thing. Those that are refused are left out; when all are, the first
/// refusal is the answer. An id that occurs again is one command.
#[derive(Debug, Clone)]
pub struct Bulk<C>(pub Vec<C>);

impl<C: Command> Transaction for Bulk<C> {
    /// The things changed or left as they were wished to be, with their state after it, in the order asked for.
    type Output = Vec<(<C::Aggregate as Aggregate>::Id, C::Aggregate)>;
    type Error = C::Error;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Self::Output, ExecuteError<C::Error>> {
        let mut seen = HashSet::<Uuid>::with_capacity(self.0.len());
        let commands: Vec<&C> = self
            .0
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
        match refused {
            Some(refusal) if accepted.is_empty() => Err(ExecuteError::Refused(refusal)),
            _ => Ok(accepted),
        }
    }
}
