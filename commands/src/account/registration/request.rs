use crate::{
    account::{AccountError, address},
    execute::{ExecuteError, Transaction, Unit},
};
use domain::{
    account::address::{Applicant, EmailAddress, EmailAddressEvent},
    id::{EmailAddressId, SubjectId},
    personal::Personal,
};

/// Notes that somebody wants to register: a link goes to the address by mail.
#[derive(Debug, Clone)]
pub struct RequestRegistration {
    /// The address as something to hold.
    pub address: EmailAddressId,
    /// Who.
    pub who: Applicant,
}

impl Transaction for RequestRegistration {
    type Output = ();
    type Error = AccountError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<AccountError>> {
        let address = unit.load::<EmailAddress>(self.address).await?;
        if address::is_taken(unit, &address).await? {
            return Err(ExecuteError::Refused(AccountError::AddressTaken(
                self.who.email.clone(),
            )));
        }
        let requested = EmailAddressEvent::RegistrationRequested {
            // there is no account yet whose key could seal it: the address has one of its own
            who: Personal::of(SubjectId(self.address.0), self.who.clone()),
            at: unit.now_for(&address),
        };
        unit.append(address, vec![requested]);
        Ok(())
    }
}
