//! The command line of sinks, alerts and silences.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::args::{PerspectiveName, Place};

/// `sinks`
#[derive(Debug, Subcommand)]
pub enum Sinks {
    /// List the sinks of the configuration
    List {
        /// Store and configuration
        #[command(flatten)]
        place: Place,
    },
    /// Install index templates and retention policies, make topics
    Setup {
        /// Sinks to prepare [default: all]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Configuration file
        #[arg(long, env = "HALFOPEN_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Send a test message, and say whether it was taken
    Test {
        /// Sinks to try [default: all]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
        /// Configuration file
        #[arg(long, env = "HALFOPEN_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// `alerts`
#[derive(Debug, Subcommand)]
pub enum Alerts {
    /// List the rules of the configuration
    List {
        /// Configuration file
        #[arg(long, env = "HALFOPEN_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Print the messages that the rules would have given for the results of a store, one JSON object a line
    Try {
        /// Store and configuration
        #[command(flatten)]
        place: Place,
    },
}

/// `silences`
#[derive(Debug, Subcommand)]
pub enum Silences {
    /// List silences that have not ended, and those of the last week
    List {
        /// Store and configuration
        #[command(flatten)]
        place: Place,
    },
    /// Make a silence, and print its id
    ///
    /// Everything that is named must fit; with nothing named it holds for every message. Results are not touched.
    #[command(group = clap::ArgGroup::new("end").required(true).args(["span", "until"]))]
    Add {
        /// Whom it means
        #[command(flatten)]
        target: Target,
        /// How long it holds, as in 2h
        #[arg(long = "for", value_name = "SPAN", value_parser = humantime::parse_duration)]
        span: Option<Duration>,
        /// When it ends, RFC 3339 or a date
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// Why
        #[arg(long, value_name = "TEXT", default_value = "")]
        comment: String,
        /// Store and configuration
        #[command(flatten)]
        place: Place,
    },
    /// End a silence now
    Remove {
        /// Its id
        id: String,
        /// Store and configuration
        #[command(flatten)]
        place: Place,
    },
}

/// Whom a silence means.
#[derive(Debug, Args)]
pub struct Target {
    /// Name of an alert rule
    #[arg(long, value_name = "NAME")]
    pub rule: Option<String>,
    /// Job id
    #[arg(long, value_name = "ID")]
    pub job: Option<String>,
    /// Perspective
    #[arg(long, value_enum)]
    pub perspective: Option<PerspectiveName>,
    /// Server address or prefix
    #[arg(long, value_name = "ADDR")]
    pub server: Option<String>,
    /// Server port
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Client address or prefix, of series that count a client
    #[arg(long, value_name = "ADDR")]
    pub client: Option<String>,
}
