//! Argon2id, on threads of its own and only so many at a time.

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::{
        Output, SaltString,
        rand_core::{OsRng, RngCore},
    },
};
use async_trait::async_trait;
use commands::ports::{HashError, PasswordHasher};
use domain::crypto::Verifier;
use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Memory of one hash: 7 MiB, in KiB. With five passes it is one of the least settings that OWASP names (Password
/// Storage Cheat Sheet) and 23.5 ms of one core here. What is hashed is no password but what a client made from one with
/// a far more expensive function.
const MEMORY_KIB: u32 = 7 * 1024;
const PASSES: u32 = 5;
const LANES: u32 = 1;

/// How many may wait for each that is at work: about six seconds' worth.
const WAITING_PER_CORE: usize = 256;

/// Hashes secrets with Argon2id: as many at a time as given, and no more waiting than can be answered in time.
pub struct Argon2Hasher {
    argon: Argon2<'static>,
    working: Arc<Semaphore>,
    /// How many are at work or waiting.
    present: AtomicUsize,
    most: usize,
    dummy: Verifier,
}

impl Argon2Hasher {
    /// A hasher that keeps `cores` busy at most.
    ///
    /// # Errors
    /// [`HashError::Broken`] if the system gives no randomness.
    pub fn new(cores: NonZeroUsize) -> Result<Self, HashError> {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(broken)?;
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        Ok(Self {
            argon,
            working: Arc::new(Semaphore::new(cores.get())),
            present: AtomicUsize::new(0),
            most: cores.get().saturating_mul(1 + WAITING_PER_CORE),
            dummy: nobodys()?,
        })
    }

    /// Runs `work` on a thread of its own when it is its turn. Once begun it is finished and keeps its place until then,
    /// even if whoever asked has gone away.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let _present = Present::enter(&self.present, self.most)?;
        let turn = Arc::clone(&self.working).acquire_owned().await.map_err(broken)?;
        let argon = self.argon.clone();
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&argon)
        })
        .await
        .map_err(broken)
    }
}

/// A place in the queue, given back when dropped.
struct Present<'a>(&'a AtomicUsize);

impl<'a> Present<'a> {
    fn enter(present: &'a AtomicUsize, most: usize) -> Result<Self, HashError> {
        let before = present.fetch_add(1, Ordering::Relaxed);
        let entered = Self(present);
        if before >= most {
            Err(HashError::Busy)
        } else {
            Ok(entered)
        }
    }
}

impl Drop for Present<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn broken(e: impl std::fmt::Display) -> HashError {
    HashError::Broken(e.to_string())
}

fn hash(argon: &Argon2<'_>, secret: &[u8]) -> Result<Verifier, HashError> {
    let salt = SaltString::generate(&mut OsRng);
    let hash = argon.hash_password(secret, &salt).map_err(broken)?;
    Ok(Verifier(hash.to_string()))
}

/// What looks like a hash and is none: to compare with it takes as long, and no secret is known that it matches. Nothing is
/// hashed for it, which would take time and memory of every start.
fn nobodys() -> Result<Verifier, HashError> {
    let (salt, mut output) = (SaltString::generate(&mut OsRng), [0; Params::DEFAULT_OUTPUT_LEN]);
    OsRng.try_fill_bytes(&mut output).map_err(broken)?;
    let output = Output::new(&output).map_err(broken)?;
    let settings = format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}");
    Ok(Verifier(format!("{settings}${salt}${output}")))
}

#[async_trait]
impl PasswordHasher for Argon2Hasher {
    async fn hash(&self, secret: &str) -> Result<Verifier, HashError> {
        let secret = Zeroizing::new(secret.as_bytes().to_vec());
        self.run(move |argon| hash(argon, &secret)).await?
    }

    async fn verify(&self, secret: &str, against: &Verifier) -> Result<bool, HashError> {
        let secret = Zeroizing::new(secret.as_bytes().to_vec());
        let against = against.clone();
        self.run(move |argon| {
            // the settings are those the hash was made with; the comparison does not tell how much is right
            PasswordHash::new(&against.0).is_ok_and(|hash| argon.verify_password(&secret, &hash).is_ok())
        })
        .await
    }

    fn dummy(&self) -> &Verifier {
        &self.dummy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hasher() -> Argon2Hasher {
        Argon2Hasher::new(NonZeroUsize::MIN).unwrap()
    }

    #[tokio::test]
    async fn a_secret_proves_itself_and_nothing_else_does() {
        let hasher = hasher();
        let (one, other) = (
            hasher.hash("secret").await.unwrap(),
            hasher.hash("secret").await.unwrap(),
        );
        assert_ne!(one, other, "each has a salt of its own");
        assert!(one.0.starts_with("$argon2id$v=19$m=7168,t=5,p=1$"));
        assert_eq!(hasher.verify("secret", &one).await, Ok(true));
        assert_eq!(hasher.verify("Secret", &one).await, Ok(false));
        assert_eq!(hasher.verify("secret", hasher.dummy()).await, Ok(false));
        assert_eq!(hasher.verify("secret", &Verifier(String::new())).await, Ok(false));
    }

    #[tokio::test]
    async fn nobodys_hash_is_compared_like_any_other() {
        let hasher = hasher();
        let real = hasher.hash("secret").await.unwrap();
        let (real, dummy) = (
            PasswordHash::new(&real.0).unwrap(),
            PasswordHash::new(&hasher.dummy().0).unwrap(),
        );
        assert_eq!(
            (dummy.algorithm, dummy.version, &dummy.params),
            (real.algorithm, real.version, &real.params)
        );
        assert_eq!(dummy.hash.map(|hash| hash.len()), real.hash.map(|hash| hash.len()));
    }

    #[tokio::test]
    async fn a_hash_made_with_other_settings_is_still_good() {
        let params = Params::new(1024, 1, 1, None).unwrap();
        let older = hash(&Argon2::new(Algorithm::Argon2id, Version::V0x13, params), b"secret").unwrap();
        assert_eq!(hasher().verify("secret", &older).await, Ok(true));
    }

    #[tokio::test]
    async fn beyond_what_can_wait_the_answer_is_busy_and_the_places_come_back() {
        let mut hasher = hasher();
        hasher.most = 2;
        let verifier = hasher.hash("secret").await.unwrap();
        let (a, b, c) = tokio::join!(
            hasher.verify("secret", &verifier),
            hasher.verify("secret", &verifier),
            hasher.verify("secret", &verifier)
        );
        assert_eq!((a, b, c), (Ok(true), Ok(true), Err(HashError::Busy)));
        assert_eq!(hasher.present.load(Ordering::Relaxed), 0);
        assert_eq!(hasher.verify("secret", &verifier).await, Ok(true));
    }
}
