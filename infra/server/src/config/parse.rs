//! Texts of settings to values. Every refusal is a phrase that follows "NAME (source): ".

use super::cidr::Cidr;
use super::{LogFormat, ServicePorts, Signups};
use domain::account::address::normalise;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use url::Url;
use write_api::account::Founders;

type Parsed<T> = Result<T, String>;

/// `on`, `off` and their usual synonyms.
pub fn switch(text: &str) -> Parsed<bool> {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" | "yes" | "1" => Ok(true),
        "off" | "false" | "no" | "0" => Ok(false),
        _ => Err(format!("`{text}` is neither on nor off")),
    }
}

/// An address with a port; empty = off.
pub fn bind(text: &str) -> Parsed<Option<SocketAddr>> {
    if text.is_empty() {
        return Ok(None);
    }
    if let Some(port) = text.strip_prefix("localhost:")
        && let Ok(port) = port.parse()
    {
        return Ok(Some((Ipv4Addr::LOCALHOST, port).into()));
    }
    text.parse()
        .map(Some)
        .map_err(|_| format!("`{text}` is not an IP address with a port, as 127.0.0.1:8443"))
}

/// The address of a DNS server, with a port if it is another one than 53.
pub fn resolver(text: &str) -> Parsed<SocketAddr> {
    let alone = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    let address = alone.map(|ip| (ip, 53).into()).or_else(|_| text.parse());
    address.map_err(|_| format!("`{text}` is not an IP address, as 192.0.2.53 or 192.0.2.53:5353"))
}

/// Where services listen one by one.
pub fn service_ports(text: &str) -> Parsed<ServicePorts> {
    // An address first: `0` and `1` are no addresses for this parser.
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(ServicePorts::On(address));
    }
    match switch(text) {
        Ok(true) => Ok(ServicePorts::On(Ipv4Addr::LOCALHOST.into())),
        Ok(false) => Ok(ServicePorts::Off),
        Err(_) => Err(format!("`{text}` is neither on nor off nor an IP address")),
    }
}

/// The public address: http or https, without query and fragment; a closing `/` is dropped from what is shown.
pub fn public_url(text: &str) -> Parsed<Url> {
    let url =
        Url::parse(text).map_err(|e| format!("`{text}` is not an address ({e}), as https://vault.example.org"))?;
    let plain =
        url.query().is_none() && url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() || !plain {
        return Err(format!(
            "`{text}` must be http or https with a host and nothing after the path"
        ));
    }
    Ok(url)
}

/// An address of a service with one of `schemes`. The text is not repeated: it may hold a password.
pub fn service_url(text: &str, schemes: &[&str]) -> Parsed<Url> {
    let url = Url::parse(text).map_err(|e| format!("this is not an address ({e})"))?;
    if schemes.contains(&url.scheme()) {
        Ok(url)
    } else {
        Err(format!(
            "an address with {}:// is wanted, this one has {}://",
            schemes.join(":// or "),
            url.scheme()
        ))
    }
}

/// Who may register.
pub fn signups(text: &str) -> Parsed<Signups> {
    match text {
        "open" => Ok(Signups::Open),
        "invited" => Ok(Signups::Invited),
        "closed" => Ok(Signups::Closed),
        _ => Err(format!("`{text}` is none of open, invited, closed")),
    }
}

/// Who may found organizations.
pub fn founders(text: &str) -> Parsed<Founders> {
    match text {
        "open" => Ok(Founders::Anybody),
        "off" => Ok(Founders::These(Vec::new())),
        addresses => {
            let address =
                |text: &str| normalise(text).ok_or_else(|| format!("`{text}` is neither open nor off nor an address"));
            addresses
                .split(',')
                .map(address)
                .collect::<Result<_, _>>()
                .map(Founders::These)
        }
    }
}

/// How the log looks.
pub fn log_format(text: &str) -> Parsed<LogFormat> {
    match text {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(format!("`{text}` is neither text nor json")),
    }
}

/// What is logged.
pub fn log(text: &str) -> Parsed<String> {
    telemetry::check_filter(text).map_err(|e| format!("`{text}` cannot be read: {e}"))?;
    Ok(text.to_owned())
}

/// Networks with commas between.
pub fn networks(text: &str) -> Parsed<Vec<Cidr>> {
    text.split(',')
        .map(str::trim)
        .filter(|t| !t.is_empty())
        .map(str::parse)
        .collect()
}

/// A whole number within bounds.
pub fn number(text: &str, least: u32, most: u32) -> Parsed<u32> {
    text.parse()
        .ok()
        .filter(|n| (least..=most).contains(n))
        .ok_or_else(|| format!("`{text}` is not a whole number from {least} to {most}"))
}

/// How long somebody is kept waiting: a second at least, for nothing that is written shows at once, and five minutes at most.
pub fn patience(text: &str) -> Parsed<Duration> {
    match span(text)? {
        Duration::ZERO => Err("it is less than a second".into()),
        span if span > Duration::from_secs(300) => Err("it is more than five minutes".into()),
        span => Ok(span),
    }
}

/// A span of time: a whole number of seconds, minutes, hours or days, as `30m`; `0` needs no unit.
pub fn span(text: &str) -> Parsed<Duration> {
    let units = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
    let seconds = units.iter().find_map(|(unit, seconds)| {
        let number = text.strip_suffix(unit)?.parse::<u32>().ok()?;
        Some(u64::from(number) * seconds)
    });
    match seconds {
        Some(seconds) => Ok(Duration::from_secs(seconds)),
        None if text == "0" => Ok(Duration::ZERO),
        None => Err(format!("`{text}` is not a span of time, as 30m, 1h or 2d")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_a_unit() {
        let seconds = |text| span(text).map(|span| span.as_secs());
        assert_eq!(
            [
                seconds("0"),
                seconds("0s"),
                seconds("90s"),
                seconds("30m"),
                seconds("2d")
            ],
            [Ok(0), Ok(0), Ok(90), Ok(1_800), Ok(172_800)]
        );
        for wrong in ["1", "h", "-1h", "1.5h", "1 h", "forever"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn binds_are_addresses_or_off() {
        assert_eq!(bind("").unwrap(), None);
        assert_eq!(bind("localhost:80").unwrap(), Some("127.0.0.1:80".parse().unwrap()));
        assert_eq!(bind("[::]:8443").unwrap(), Some("[::]:8443".parse().unwrap()));
        assert!(bind("8443").is_err() && bind("vault.example.org:443").is_err());
    }

    #[test]
    fn a_public_address_is_a_plain_one() {
        assert!(public_url("https://vault.example.org").is_ok() && public_url("https://example.org/vault").is_ok());
        for wrong in ["vault.example.org", "ftp://x", "https://x/?a=1", "https://u:p@x/"] {
            assert!(public_url(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_password_in_a_wrong_address_is_not_repeated() {
        let refusal = service_url("mysql://user:hush@host/db", &["postgres", "postgresql"]).unwrap_err();
        assert_eq!(
            refusal,
            "an address with postgres:// or postgresql:// is wanted, this one has mysql://"
        );
    }

    #[test]
    fn service_ports_take_a_switch_or_an_address() {
        assert_eq!(
            service_ports("true").unwrap(),
            ServicePorts::On(Ipv4Addr::LOCALHOST.into())
        );
        assert_eq!(
            service_ports("0.0.0.0").unwrap(),
            ServicePorts::On(Ipv4Addr::UNSPECIFIED.into())
        );
        assert_eq!(service_ports("0").unwrap(), ServicePorts::Off);
        assert!(service_ports("maybe").is_err());
    }
}
