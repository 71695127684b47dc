//! What the program says when it is ready: where it is, and how to point a client at it.

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::tls::store::Origin;
use std::fmt::Write as _;
use std::io::Write as _;

/// Prints it to standard output, which a service manager may have closed.
pub fn print(config: &Config, data: &DataDir, origin: &Origin) {
    let text = text(config, data, origin);
    let _ = std::io::stdout().lock().write_all(text.as_bytes()); // nobody there to read it
    tracing::info!(
        url = config.public_address(),
        version = env!("CARGO_PKG_VERSION"),
        "ready"
    );
}

fn text(config: &Config, data: &DataDir, origin: &Origin) -> String {
    let url = config.public_address();
    let mut out = format!("\nAnnalock {} is ready\n\n", env!("CARGO_PKG_VERSION"));
    let mut line = |name: &str, value: &dyn std::fmt::Display| {
        writeln!(out, "  {name:<10} {value}").expect("writing to a string does not fail");
    };
    line("URL", &url);
    let ca = match origin {
        Origin::Local { authority, .. } if config.https_bind.is_some() => Some(authority.ca_file()),
        _ => None,
    };
    if let Some(ca) = &ca {
        line("CA file", &ca.display());
    }
    line("data", &data.root().display());
    if let Some(ops) = config.ops_bind {
        line("health", &format_args!("http://{ops}/readyz"));
    }
    if config.smtp_url.is_none() {
        line("mail", &data.outbox().display());
    }
    out.push_str("\nPoint the Bitwarden CLI at it:\n\n  ");
    if let Some(ca) = &ca {
        write!(out, "export NODE_EXTRA_CA_CERTS={}; ", ca.display()).expect("writing to a string does not fail");
    }
    writeln!(out, "bw config server {url}; bw login\n").expect("writing to a string does not fail");
    out
}
