//! From a password to the master key, and from there to what is sent and what is kept.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::SymmetricKey;

/// How the master key is derived from password and salt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kdf {
    Pbkdf2 {
        iterations: u32,
    },
    Argon2id {
        iterations: u32,
        memory_mib: u32,
        parallelism: u32,
    },
}

impl Default for Kdf {
    /// The least a server lets a new account have.
    fn default() -> Self {
        Self::Pbkdf2 { iterations: 600_000 }
    }
}

impl Kdf {
    /// The cheapest settings a server allows: some 20 ms, where the default takes 150.
    pub fn quick() -> Self {
        Self::Argon2id {
            iterations: 2,
            memory_mib: 16,
            parallelism: 1,
        }
    }

    /// The settings as requests and answers carry them: `kdfType`, `iterations`, `memory`, `parallelism`.
    pub fn to_json(self) -> Value {
        match self {
            Self::Pbkdf2 { iterations } => {
                json!({"kdfType": 0, "iterations": iterations, "memory": null, "parallelism": null})
            }
            Self::Argon2id {
                iterations,
                memory_mib,
                parallelism,
            } => {
                json!({"kdfType": 1, "iterations": iterations, "memory": memory_mib, "parallelism": parallelism})
            }
        }
    }

    /// The settings as older requests carry them: `kdf`, `kdfIterations`, `kdfMemory`, `kdfParallelism`.
    pub fn to_flat_json(self) -> Value {
        let kdf = self.to_json();
        json!({"kdf": kdf["kdfType"], "kdfIterations": kdf["iterations"], "kdfMemory": kdf["memory"], "kdfParallelism": kdf["parallelism"]})
    }

    /// Reads the flat fields of a prelogin answer; `None` when they are missing or of an unknown kind.
    pub fn from_flat_json(answer: &Value) -> Option<Self> {
        let number = |name: &str| answer[name].as_u64().and_then(|n| u32::try_from(n).ok());
        match number("kdf")? {
            0 => Some(Self::Pbkdf2 {
                iterations: number("kdfIterations")?,
            }),
            1 => Some(Self::Argon2id {
                iterations: number("kdfIterations")?,
                memory_mib: number("kdfMemory")?,
                parallelism: number("kdfParallelism")?,
            }),
            _ => None,
        }
    }

    /// The master key of `password` salted with the e-mail address (cut and in lower case, as clients do).
    ///
    /// Kept for the rest of the process: 600,000 rounds take 0.15 s.
    pub fn master_key(self, password: &str, email: &str) -> MasterKey {
        type Known = Mutex<HashMap<(Kdf, String, String), MasterKey>>;
        static KNOWN: OnceLock<Known> = OnceLock::new();
        let salt = email.trim().to_lowercase();
        let known = KNOWN.get_or_init(Mutex::default);
        let name = (self, password.to_owned(), salt.clone());
        if let Some(key) = known.lock().unwrap().get(&name) {
            return key.clone();
        }
        let key = MasterKey(self.derive(password.as_bytes(), salt.as_bytes()));
        known.lock().unwrap().insert(name, key.clone());
        key
    }

    fn derive(self, password: &[u8], salt: &[u8]) -> [u8; 32] {
        match self {
            Self::Pbkdf2 { iterations } => pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, salt, iterations),
            Self::Argon2id {
                iterations,
                memory_mib,
                parallelism,
            } => {
                let params = argon2::Params::new(memory_mib * 1024, iterations, parallelism, Some(32))
                    .expect("settings within the limits of Argon2");
                let hasher = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
                let mut out = [0; 32];
                hasher
                    .hash_password_into(password, &Sha256::digest(salt), &mut out)
                    .expect("a salt of 32 bytes and an output of 32 bytes");
                out
            }
        }
    }
}

/// What the password and the salt give; never leaves the client.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey([u8; 32]);

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey")
    }
}

impl MasterKey {
    /// What is sent to the server instead of the password, in base64.
    pub fn password_hash(&self, password: &str) -> String {
        STANDARD.encode(pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(&self.0, password.as_bytes(), 1))
    }

    /// The pair of keys that wraps the user key.
    pub fn stretched(&self) -> SymmetricKey {
        let expand = hkdf::Hkdf::<Sha256>::from_prk(&self.0).expect("a key of 32 bytes");
        let mut bytes = [0; 64];
        let (encryption, authentication) = bytes.split_at_mut(32);
        expand
            .expand(b"enc", encryption)
            .expect("32 bytes are within the limit of HKDF");
        expand
            .expand(b"mac", authentication)
            .expect("32 bytes are within the limit of HKDF");
        SymmetricKey::from_bytes(&bytes).expect("64 bytes")
    }

    #[cfg(test)]
    fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "correct horse battery staple";

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    #[test]
    fn pbkdf2_master_key_hash_and_stretch_agree_with_an_independent_implementation() {
        let key = Kdf::default().master_key(PASSWORD, " Alice@Example.com ");
        assert_eq!(
            hex(key.bytes()),
            "5b6af1cbb1d9d6b4781a0af7e6bdee47e0767276b729b21bc8bc7f3a1a1af384"
        );
        assert_eq!(
            key.password_hash(PASSWORD),
            "4Aa46Fc7qpSyhQZ1PBBTSDpBMGrkvVsIOK5CG+1yzBE="
        );
        assert_eq!(
            hex(&key.stretched().to_bytes()),
            "9491c5fdbe789e3493ce99768d1c918f3fb6714d23349e65517217661223a1bbd7b2b53715931360d859209f74004c60161f9a118478737da8aeb44c0253561b"
        );
    }

    #[test]
    fn argon2id_master_key_agrees_with_an_independent_implementation() {
        let key = Kdf::Argon2id {
            iterations: 3,
            memory_mib: 16,
            parallelism: 2,
        }
        .master_key(PASSWORD, "alice@example.com");
        assert_eq!(
            hex(key.bytes()),
            "410349c67507d7359660edbabfeb9a0bd9ac45050c0c33fb813d8b3b9a5c7877"
        );
    }

    #[test]
    fn settings_survive_the_way_over_the_wire() {
        for kdf in [
            Kdf::default(),
            Kdf::Argon2id {
                iterations: 6,
                memory_mib: 32,
                parallelism: 4,
            },
        ] {
            assert_eq!(Kdf::from_flat_json(&kdf.to_flat_json()), Some(kdf));
        }
        assert_eq!(Kdf::from_flat_json(&json!({"kdf": 7, "kdfIterations": 1})), None);
    }
}
