//! The services of the program: names, path prefixes, ports. What each is made of stands in `compose.rs`.

use clap::ValueEnum;

/// One service. Any choice of them runs in one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum Service {
    Api,
    Identity,
    Admin,
    Notifications,
    Events,
    Icons,
    Sso,
    Scim,
    Billing,
    /// Projectors, process managers and timers; answers no requests.
    EventsProcessor,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Api,
        Self::Identity,
        Self::Admin,
        Self::Notifications,
        Self::Events,
        Self::Icons,
        Self::Sso,
        Self::Scim,
        Self::Billing,
        Self::EventsProcessor,
    ];

    /// Name on the command line.
    pub fn name(self) -> &'static str {
        self.table().0
    }

    /// Path prefix on the common listener, as `/api`; `None` for a service without requests.
    pub fn prefix(self) -> Option<&'static str> {
        self.table().1
    }

    /// Port it has with `ANNALOCK_SERVICE_PORTS`.
    pub fn port(self) -> Option<u16> {
        self.table().2
    }

    fn table(self) -> (&'static str, Option<&'static str>, Option<u16>) {
        match self {
            Self::Api => ("api", Some("/api"), Some(4000)),
            Self::Identity => ("identity", Some("/identity"), Some(33656)),
            Self::Admin => ("admin", Some("/admin"), Some(5000)),
            Self::Notifications => ("notifications", Some("/notifications"), Some(5002)),
            Self::Events => ("events", Some("/events"), Some(5003)),
            Self::Icons => ("icons", Some("/icons"), Some(5005)),
            Self::Sso => ("sso", Some("/sso"), Some(51822)),
            Self::Scim => ("scim", Some("/scim"), Some(44559)),
            Self::Billing => ("billing", Some("/billing"), Some(5004)),
            Self::EventsProcessor => ("events-processor", None, None),
        }
    }
}

/// What `run` was asked for: services by name, or `all` (also when nothing is named). Sorted, each once.
///
/// # Errors
/// A sentence with the names there are.
pub fn choose(names: &[String]) -> Result<Vec<Service>, String> {
    if names.is_empty() || names.iter().any(|n| n == "all") {
        return Ok(Service::ALL.to_vec());
    }
    let known = || Service::ALL.map(Service::name).join(", ");
    let mut chosen = names
        .iter()
        .map(|name| {
            let found = Service::ALL.into_iter().find(|s| s.name() == name);
            found.ok_or_else(|| format!("there is no service `{name}`; there are: all, {}", known()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    chosen.sort_unstable();
    chosen.dedup();
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_chosen_by_name_and_all_is_the_default() {
        let names = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>();
        assert_eq!(choose(&[]).unwrap(), Service::ALL);
        assert_eq!(
            choose(&names(&["identity", "api", "api"])).unwrap(),
            [Service::Api, Service::Identity]
        );
        assert!(choose(&names(&["apis"])).unwrap_err().contains("events-processor"));
    }

    #[test]
    fn no_two_services_share_a_port_or_a_prefix() {
        let mut ports: Vec<_> = Service::ALL.iter().filter_map(|s| s.port()).collect();
        let mut prefixes: Vec<_> = Service::ALL.iter().filter_map(|s| s.prefix()).collect();
        ports.sort_unstable();
        ports.dedup();
        prefixes.sort_unstable();
        prefixes.dedup();
        assert_eq!((ports.len(), prefixes.len()), (9, 9));
    }
}
