//! The command line: types only; `main.rs` hands each command to its module.

use clap::{ArgGroup, Args, Parser, Subcommand};
use std::path::PathBuf;

/// Server for Bitwarden clients whose database is its event history.
#[derive(Debug, Parser)]
#[command(name = "annalock", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// Settings file to read instead of looking for annalock.toml here and in the data folder.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// One of the things the program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve, in the foreground, until SIGTERM or SIGINT.
    Run {
        /// Services to run: all (the default), or some of api, identity, admin, notifications, events, icons, sso, scim,
        /// billing, events-processor.
        services: Vec<String>,
    },
    /// Bring the database to the schema of this version; `run` does it too.
    Migrate,
    /// Look after read models.
    #[command(subcommand)]
    Projections(Projections),
    /// Query the history.
    #[command(subcommand)]
    Audit(Audit),
    /// Look after outgoing mail.
    #[command(subcommand)]
    Mail(Mail),
    /// Check settings, data folder, database, certificate and what else is reached from here.
    Doctor {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Ask the running program on this machine whether it is ready; the exit code tells.
    Healthcheck,
    /// Print a completion script.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Look at settings.
    #[command(subcommand)]
    Config(Settings),
}

/// `projections …`
#[derive(Debug, Subcommand)]
pub enum Projections {
    /// Names and versions.
    List,
    /// Position, lag and state of each.
    Status {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Build read models again from the history, beside the live ones, and switch over.
    Rebuild {
        /// One of `list`; all of them when left out.
        name: Option<String>,
        /// Only compare with the live tables, row by row, and leave them as they are.
        #[arg(long)]
        verify: bool,
    },
    /// Rebuild aside and compare with the live tables, without switching.
    Verify {
        /// One of `list`; all of them when left out.
        name: Option<String>,
    },
    /// Go back to the tables that were live before the last rebuild; they are kept for ANNALOCK_REBUILD_GRACE.
    Rollback {
        /// One of `list`.
        name: String,
    },
    /// Events that a projector could not apply.
    #[command(subcommand)]
    Parked(Parked),
}

/// `projections parked …`
#[derive(Debug, Subcommand)]
pub enum Parked {
    /// Show them.
    List,
    /// Apply again.
    Retry(ParkedEvent),
    /// Leave out for good.
    Skip(ParkedEvent),
}

/// Which parked event.
#[derive(Debug, Args)]
pub struct ParkedEvent {
    /// The projector.
    pub projector: String,
    /// Position of the event.
    pub position: u64,
}

/// `audit …`
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Write the history of a user or an organization.
    Export(AuditExport),
    /// Write an organization as it was at a moment: members, roles, groups, collections, rights and items, as JSON.
    Replay {
        /// Organization id.
        #[arg(long)]
        organization: uuid::Uuid,
        /// The moment, as 2026-11-01T12:00:00Z; now when left out.
        #[arg(long)]
        at: Option<String>,
    },
    /// Write who could read an item at a moment, and through what, as JSON.
    Access {
        /// Item id.
        #[arg(long)]
        item: uuid::Uuid,
        /// The moment, as 2026-11-01T12:00:00Z; now when left out.
        #[arg(long)]
        at: Option<String>,
    },
    /// Sign the log as it is now, and print the checkpoint.
    Checkpoint {
        /// Of the log of this organization, and not of everything.
        #[arg(long, conflicts_with = "public_key")]
        organization: Option<uuid::Uuid>,
        /// Print the public key it is signed with instead.
        #[arg(long)]
        public_key: bool,
    },
    /// Check that history was not changed: in a file that `export --proof` wrote, or else in the database.
    Verify(AuditVerify),
}

/// What to check, and with what.
#[derive(Debug, Args)]
pub struct AuditVerify {
    /// An export with proofs. It needs no database and no data folder.
    #[arg(requires = "key")]
    pub file: Option<PathBuf>,
    /// Of an export of an organization: it must hold the whole log, from the first event on.
    #[arg(long, requires = "file")]
    pub complete: bool,
    /// The export must be of this organization.
    #[arg(long, requires = "file")]
    pub organization: Option<uuid::Uuid>,
    /// File with the public key; that of this installation when left out.
    #[arg(long, value_name = "KEYFILE")]
    pub key: Option<PathBuf>,
    /// File with an earlier checkpoint: what it covers must still be there.
    #[arg(long, value_name = "FILE")]
    pub old_checkpoint: Option<PathBuf>,
}

/// What to export.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("subject").required(true).args(["user", "organization"])))]
pub struct AuditExport {
    /// User id or mail address.
    #[arg(long)]
    pub user: Option<String>,
    /// Organization id.
    #[arg(long)]
    pub organization: Option<String>,
    /// First moment, as 2026-11-01 or 2026-11-01T00:00:00Z.
    #[arg(long)]
    pub from: Option<String>,
    /// Moment before which it ends.
    #[arg(long)]
    pub to: Option<String>,
    /// Only records of this type (a number of the API); may be given several times.
    #[arg(long = "type", value_name = "NUMBER")]
    pub kinds: Vec<i32>,
    /// Only what this user did: an id.
    #[arg(long, value_name = "USER")]
    pub actor: Option<uuid::Uuid>,
    /// Only records about this, as cipher:ID; or collection, group, policy, member.
    #[arg(long, value_name = "KIND:ID")]
    pub object: Option<String>,
    /// How records are written.
    #[arg(long, value_enum, default_value_t)]
    pub format: crate::commands_cli::audit::format::Format,
    /// Go on behind this record: the cursor that stands in it.
    #[arg(long, value_name = "CURSOR")]
    pub after: Option<String>,
    /// Add to each record the proof that its event lies in the log, and seal the whole.
    #[arg(long)]
    pub proof: bool,
    /// Prove by the log of the installation, and not by the organization's own: also what is older than that is.
    #[arg(long, requires = "proof")]
    pub whole_log: bool,
    /// Prove too that the log only grew since this checkpoint.
    #[arg(long, value_name = "FILE", requires = "proof")]
    pub old_checkpoint: Option<PathBuf>,
    /// File to write; standard output when left out.
    #[arg(long, short)]
    pub output: Option<PathBuf>,
}

/// `mail …`
#[derive(Debug, Subcommand)]
pub enum Mail {
    /// Mails that are not delivered yet.
    List,
    /// Try again now.
    Retry {
        /// One of them; all when left out.
        id: Option<uuid::Uuid>,
    },
}

/// `config …`
#[derive(Debug, Subcommand)]
pub enum Settings {
    /// Say whether the settings can be used, and everything that is wrong with them.
    Check,
    /// Print every setting, its value and where it came from; secrets are masked.
    Show {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_export_names_exactly_one_subject() {
        assert!(
            Cli::try_parse_from(["annalock", "audit", "export", "--user", "a@b.c", "--from", "2026-01-01"]).is_ok()
        );
        assert!(Cli::try_parse_from(["annalock", "audit", "export"]).is_err());
        assert!(Cli::try_parse_from(["annalock", "audit", "export", "--user", "a", "--organization", "b"]).is_err());
    }

    #[test]
    fn a_file_is_verified_with_a_key_that_was_named() {
        assert!(Cli::try_parse_from(["annalock", "audit", "verify", "x.jsonl", "--key", "k"]).is_ok());
        assert!(Cli::try_parse_from(["annalock", "audit", "verify"]).is_ok());
        assert!(Cli::try_parse_from(["annalock", "audit", "verify", "x.jsonl"]).is_err());
    }

    #[test]
    fn the_settings_file_may_be_named_before_or_after_the_command() {
        for line in [
            ["annalock", "--config", "x.toml", "run"],
            ["annalock", "run", "--config", "x.toml"],
        ] {
            assert_eq!(Cli::try_parse_from(line).unwrap().config, Some("x.toml".into()));
        }
    }

    #[test]
    fn the_commands_of_deployment_files_exist() {
        let unit = include_str!("../../deploy/annalock.service");
        let start = unit
            .lines()
            .find_map(|l| l.strip_prefix("ExecStart=/usr/local/bin/"))
            .unwrap();
        assert!(matches!(Cli::parse_from(start.split(' ')).command, Command::Run { .. }));
        let image = include_str!("../../deploy/Dockerfile");
        assert!(image.contains(r#"CMD ["run", "all"]"#) && image.contains(r#"annalock", "healthcheck"]"#));
        assert!(matches!(
            Cli::parse_from(["annalock", "healthcheck"]).command,
            Command::Healthcheck
        ));
    }
}
