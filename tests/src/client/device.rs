//! The device a client says it runs on.

use uuid::Uuid;

/// Kind (number of `DeviceType`), name of the client program, identifier and name of the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    pub kind: u8,
    pub client: &'static str,
    pub identifier: String,
    pub name: String,
}

impl Device {
    fn new(kind: u8, client: &'static str, name: &str) -> Self {
        Self {
            kind,
            client,
            identifier: Uuid::new_v4().to_string(),
            name: name.to_owned(),
        }
    }

    /// The command line client on Linux.
    pub fn cli() -> Self {
        Self::new(25, "cli", "linux")
    }

    /// The web vault in Chrome: the only client that may change two-step login.
    pub fn web() -> Self {
        Self::new(9, "web", "chrome")
    }

    /// The desktop application on Linux.
    pub fn desktop() -> Self {
        Self::new(8, "desktop", "linux")
    }

    /// The mobile application on Android.
    pub fn mobile() -> Self {
        Self::new(0, "mobile", "android")
    }
}
