//! Kinds of devices (`DeviceType`): clients send the number, access tokens carry the name.

/// By number.
const NAMES: [&str; 27] = [
    "Android",
    "iOS",
    "ChromeExtension",
    "FirefoxExtension",
    "OperaExtension",
    "EdgeExtension",
    "WindowsDesktop",
    "MacOsDesktop",
    "LinuxDesktop",
    "ChromeBrowser",
    "FirefoxBrowser",
    "OperaBrowser",
    "EdgeBrowser",
    "IEBrowser",
    "UnknownBrowser",
    "AndroidAmazon",
    "UWP",
    "SafariBrowser",
    "VivaldiBrowser",
    "VivaldiExtension",
    "SafariExtension",
    "SDK",
    "Server",
    "WindowsCLI",
    "MacOsCLI",
    "LinuxCLI",
    "DuckDuckGoBrowser",
];

/// The name of a kind; of one that is not known, its number.
pub fn name(kind: u8) -> String {
    NAMES
        .get(usize::from(kind))
        .map_or_else(|| kind.to_string(), |name| (*name).to_owned())
}

/// The kind that a form says, by number or by name.
pub fn parse(text: &str) -> Option<u8> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let known = NAMES.iter().position(|name| name.eq_ignore_ascii_case(text))?;
        u8::try_from(known).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_read_by_number_or_name_and_told_by_name() {
        assert_eq!((parse("25"), parse("linuxcli")), (Some(25), Some(25)));
        assert_eq!((parse("256"), parse("-1"), parse("toaster")), (None, None, None));
        assert_eq!((name(8), name(200)), ("LinuxDesktop".to_owned(), "200".to_owned()));
    }
}
