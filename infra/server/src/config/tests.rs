//! Settings from every source, and every refusal with its sentence.

use super::*;
use std::collections::HashMap;

/// Files by path.
struct Fake(HashMap<PathBuf, String>);

impl Files for Fake {
    fn read(&self, path: &Path) -> std::io::Result<Option<String>> {
        Ok(self.0.get(path).cloned())
    }
}

fn load_in(env: &[(&str, &str)], files: &[(&str, &str)], root: bool) -> Result<Config, ConfigErrors> {
    let files = Fake(files.iter().map(|(p, t)| (PathBuf::from(p), (*t).to_owned())).collect());
    let machine = Machine {
        root,
        cwd: "/srv".into(),
        file: None,
        files: &files,
    };
    Config::load(env.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())), &machine)
}

fn load(env: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    load_in(env, &[], false)
}

fn refusal(result: Result<Config, ConfigErrors>) -> String {
    result.err().map(|e| e.to_string()).unwrap_or_default()
}

#[test]
fn nothing_must_be_set() {
    let config = load(&[]).unwrap();
    assert_eq!(config.data_dir, Path::new("/srv/data"));
    assert_eq!(config.public_address(), "https://localhost:8443");
    assert_eq!(config.https_bind.unwrap().to_string(), "127.0.0.1:8443");
    assert_eq!(config.blob_url.expose(), "file:///srv/data/blobs/");
    assert!(config.database_url.is_none() && !config.signups_verify && config.rate_limits);
    assert_eq!(
        load_in(&[], &[], true).unwrap().data_dir,
        Path::new("/var/lib/annalock")
    );
}

#[test]
fn another_port_changes_the_public_address_with_it() {
    let config = load(&[("ANNALOCK_HTTPS_BIND", "127.0.0.1:9443")]).unwrap();
    assert_eq!(config.public_address(), "https://localhost:9443");
    let config = load(&[("ANNALOCK_HTTPS_BIND", ""), ("ANNALOCK_HTTP_BIND", "0.0.0.0:80")]).unwrap();
    assert_eq!((config.https_bind, config.public_address()), (None, "http://localhost"));
}

#[test]
fn the_environment_wins_over_files_and_an_empty_variable_means_the_default() {
    let toml = (
        "/srv/annalock.toml",
        "annalock_signups = \"closed\"\nANNALOCK_LOG = 'debug'\n",
    );
    let config = load_in(&[("ANNALOCK_SIGNUPS", "invited")], &[toml], false).unwrap();
    assert_eq!((config.signups, config.log.as_str()), (Signups::Invited, "debug"));
    assert_eq!(
        config.values["ANNALOCK_LOG"].1,
        Source::Toml("/srv/annalock.toml".into())
    );
    assert_eq!(load(&[("ANNALOCK_SIGNUPS", "")]).unwrap().signups, Signups::Open);
}

#[test]
fn a_file_may_hold_numbers_switches_and_lists() {
    let text =
        "annalock_max_connections = 10\nannalock_rate_limits = false\nannalock_trusted_proxies = ['10.0.0.0/8', '::1']";
    let config = load_in(&[], &[("/srv/annalock.toml", text)], false).unwrap();
    assert_eq!(
        (config.max_connections, config.rate_limits, config.trusted_proxies.len()),
        (10, false, 2)
    );
}

#[test]
fn secrets_come_from_files_named_in_either_source() {
    let files = [
        ("/run/secrets/db", "postgres://u:hush@h/db\n"),
        ("/srv/smtp", "smtp://mail:25"),
        ("/srv/annalock.toml", "annalock_smtp_url_file = 'smtp'"),
    ];
    let config = load_in(&[("ANNALOCK_DATABASE_URL_FILE", "/run/secrets/db")], &files, false).unwrap();
    assert_eq!(config.database_url.as_ref().unwrap().expose(), "postgres://u:hush@h/db");
    assert!(config.signups_verify, "with SMTP addresses are verified");
    let shown = show::text(&config);
    assert!(
        shown.contains("postgres://u:***@h/db  (/run/secrets/db, named in environment)"),
        "{shown}"
    );
    assert!(
        !shown.contains("hush") && !format!("{config:?}").contains("hush"),
        "nothing shows the password"
    );
}

#[test]
fn every_setting_takes_a_file() {
    for setting in setting::SETTINGS {
        let env = format!("{}_FILE", setting.name);
        let text = refusal(load(&[(&env, "/no/such/file")]));
        assert_eq!(text, format!("{env} (environment): there is no file /no/such/file"));
    }
}

#[test]
fn the_same_setting_twice_is_refused_rather_than_guessed() {
    let both = [("ANNALOCK_LOG", "info"), ("ANNALOCK_LOG_FILE", "/x")];
    assert!(refusal(load(&both)).contains("ANNALOCK_LOG (environment): ANNALOCK_LOG_FILE is set there as well"));
    let twice = ("/srv/annalock.toml", "ANNALOCK_LOG = 'info'\nannalock_log = 'debug'");
    assert!(refusal(load_in(&[], &[twice], false)).contains("twice"));
    let two_files = [
        ("/srv/annalock.toml", "annalock_log = 'info'"),
        ("/srv/data/annalock.toml", "annalock_log = 'warn'"),
    ];
    let text = refusal(load_in(&[], &two_files, false));
    assert_eq!(
        text,
        "ANNALOCK_LOG (/srv/data/annalock.toml): it also stands in /srv/annalock.toml; keep one of the two"
    );
}

#[test]
fn the_file_in_the_data_folder_is_found_and_may_not_move_it() {
    let env = [("ANNALOCK_DATA_DIR", "/var/vault")];
    let config = load_in(
        &env,
        &[("/var/vault/annalock.toml", "annalock_signups = 'closed'")],
        false,
    )
    .unwrap();
    assert_eq!(config.signups, Signups::Closed);
    let moved = refusal(load_in(
        &[],
        &[("/srv/data/annalock.toml", "annalock_data_dir = '/x'")],
        false,
    ));
    assert!(moved.contains("cannot say where the data folder is"), "{moved}");
}

#[test]
fn unknown_names_are_errors_in_a_file_and_warnings_in_the_environment() {
    let file = refusal(load_in(
        &[],
        &[("/srv/annalock.toml", "annalock_public_ulr = 'https://x'")],
        false,
    ));
    assert_eq!(
        file,
        "annalock_public_ulr (/srv/annalock.toml): this is not a setting; did you mean ANNALOCK_PUBLIC_URL?"
    );
    assert!(refusal(load_in(&[], &[("/srv/annalock.toml", "Annalock_Log = 'info'")], false)).contains("did you mean"));
    let config = load(&[("ANNALOCK_SIGNUP", "open"), ("ANNALOCK_PORT", "tcp://10.0.0.1:80")]).unwrap();
    assert_eq!(config.warnings.len(), 2);
    assert!(
        config.warnings[0].contains("did you mean ANNALOCK_SIGNUPS?"),
        "{:?}",
        config.warnings
    );
}

#[test]
fn every_wrong_value_is_told_at_once_with_its_source() {
    let text = refusal(load(&[
        ("ANNALOCK_HTTPS_BIND", "8443"),
        ("ANNALOCK_RATE_LIMITS", "maybe"),
        ("ANNALOCK_READ_WAIT", "0"),
        ("ANNALOCK_DATABASE_URL", "mysql://u:hush@h/db"),
        ("ANNALOCK_TLS_CERT", "cert.pem"),
        ("ANNALOCK_LOG", "info,x=loud"),
    ]));
    assert_eq!(text.lines().count(), 6, "{text}");
    assert!(
        text.contains("ANNALOCK_HTTPS_BIND (environment): `8443` is not an IP address with a port"),
        "{text}"
    );
    assert!(
        text.contains("ANNALOCK_TLS_CERT (environment): ANNALOCK_TLS_KEY must be set as well"),
        "{text}"
    );
    assert!(!text.contains("hush"), "{text}");
}

#[test]
fn a_program_that_listens_nowhere_is_refused() {
    let text = refusal(load(&[("ANNALOCK_HTTPS_BIND", ""), ("ANNALOCK_HTTP_BIND", "")]));
    assert!(text.contains("every listener is off"), "{text}");
}

#[test]
fn the_manual_lists_exactly_the_settings_of_the_code() {
    let manual = include_str!("../../../docs/operating.md");
    let rows: Vec<Vec<&str>> = manual
        .lines()
        .filter(|l| l.starts_with("| `ANNALOCK_"))
        .map(|l| l.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let wanted: Vec<Vec<String>> = setting::SETTINGS
        .iter()
        .map(|s| vec![format!("`{}`", s.name), s.default.to_owned(), s.about.to_owned()])
        .collect();
    assert_eq!(rows, wanted);
}

#[test]
fn files_for_deployment_use_settings_that_exist() {
    let files = [
        include_str!("../../../../docker-compose.yml"),
        include_str!("../../../deploy/Dockerfile"),
        include_str!("../../../deploy/annalock.service"),
        include_str!("../../../deploy/Caddyfile"),
        include_str!("../../../deploy/nginx.conf"),
        include_str!("../../../run"),
        include_str!("../../../machine.sh"),
    ];
    let mut seen = 0;
    for text in files {
        for (at, _) in text.match_indices("ANNALOCK_") {
            let name: String = text[at..]
                .chars()
                .take_while(|c| c.is_ascii_uppercase() || *c == '_')
                .collect();
            let known = setting::find(name.strip_suffix("_FILE").unwrap_or(&name));
            assert!(known.is_some(), "{name} is not a setting");
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} found");
}

#[test]
fn the_environment_of_the_container_is_accepted() {
    let text = include_str!("../../../deploy/Dockerfile");
    let words = text
        .split_whitespace()
        .filter_map(|w| w.split_once('='))
        .filter(|(n, _)| n.starts_with("ANNALOCK_"));
    let env: Vec<(&str, &str)> = words.collect();
    let config = load(&env).unwrap();
    assert_eq!(config.ops_bind.unwrap().to_string(), "0.0.0.0:9090");
    assert_eq!(
        (config.data_dir.as_path(), config.warnings.len()),
        (Path::new("/data"), 0)
    );
}
