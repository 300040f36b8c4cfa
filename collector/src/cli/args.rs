//! The command line: what can be said, and nothing of what it does.

mod detect;
mod jobs;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub use self::jobs::{Jobs, OneJob};

pub use super::delivery_args::{Alerts, Silences, Sinks, Target};
use crate::config::section::Span;
pub use detect::{Detect, DetectFile};

/// Finds TCP connections that fail, and says how unusual they are.
#[derive(Debug, Parser)]
#[command(name = "halfopen", version, about, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Receive flow records, detect, and serve the web UI and the API
    Serve(Serve),
    /// Print the flow records of captured exports, one JSON object a line
    ///
    /// FILES are pcap or pcapng captures of NetFlow or IPFIX over UDP, or files of raw datagrams. Templates are kept from
    /// file to file. Exit code 65 says that some input was not understood.
    Decode {
        /// Captures or raw datagram files, in order
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Configuration file
        #[arg(long, env = "HALFOPEN_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Print the sessions of packet captures
    ///
    /// FILES are pcap or pcapng captures of the traffic itself. Each file is a world of its own; time-outs run on packet
    /// time.
    Sessions(Sessions),
    /// Put the sessions of captured exports into a store
    Load {
        /// Captures or raw datagram files, in order
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Store and configuration
        #[command(flatten)]
        place: Place,
    },
    /// Score the sessions of a store and print what is unusual, or score a file
    ///
    /// With --input the same model scores any series of a file.
    Detect(Box<Detect>),
    /// Print how many failed sessions a series is expected to have
    ///
    /// The series is that of the server, the port, both, or the client that is given; all sessions of the perspective
    /// where none is. The interval holds 95 of 100 buckets.
    Forecast(Forecast),
    /// Ask the store in SQL: tables `sessions` and `results`
    Query {
        /// The query, e.g. "SELECT outcome, count(*) FROM sessions GROUP BY outcome"
        /// [default: the newest 100 sessions]
        #[arg(required_unless_present = "filter")]
        sql: Option<String>,
        /// Only sessions that pass are in the table, e.g. "server 10.2.0.0/16 and not port 443"
        #[arg(long, value_name = "FILTER")]
        filter: Option<analytics::Filter>,
        /// Store and configuration
        #[command(flatten)]
        place: Place,
        /// Form of the output
        #[arg(long, value_enum, default_value_t = TableFormat::Table)]
        format: TableFormat,
    },
    /// Job definitions for anomaly detection, ready for import
    #[command(subcommand)]
    Jobs(Jobs),
    /// What detection found
    #[command(subcommand)]
    Results(Results),
    /// Where results go
    #[command(subcommand)]
    Sinks(Sinks),
    /// When somebody is told
    #[command(subcommand)]
    Alerts(Alerts),
    /// For whom, and until when, nobody is told
    #[command(subcommand)]
    Silences(Silences),
    /// The configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the OpenAPI description of the API
    Openapi,
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print the manual page, or write one for every command
    Man {
        /// Directory for one page per command
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

/// `serve`
#[derive(Debug, Args)]
pub struct Serve {
    /// Configuration file
    #[arg(long, env = "HALFOPEN_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Directory of the store
    #[arg(long, env = "HALFOPEN_STORE", value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Address and port of the web UI and the API
    #[arg(long, env = "HALFOPEN_HTTP", value_name = "ADDR")]
    pub http: Option<SocketAddr>,
    /// Address and port for flow records over UDP; may be given several times
    #[arg(long, env = "HALFOPEN_NETFLOW", value_name = "ADDR", value_delimiter = ',')]
    pub netflow: Vec<SocketAddr>,
    /// Show the product on two weeks of made-up traffic, in a store of its own
    #[arg(long)]
    pub demo: bool,
}

/// `forecast`
#[derive(Debug, Args)]
pub struct Forecast {
    /// Perspective of the series
    #[arg(long, value_enum)]
    pub perspective: PerspectiveName,
    /// Server address
    #[arg(long, value_name = "ADDR")]
    pub server: Option<IpAddr>,
    /// Server port
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// Client address
    #[arg(long, value_name = "ADDR", conflicts_with_all = ["server", "port"])]
    pub client: Option<IpAddr>,
    /// How far ahead, up to 56d
    #[arg(long, value_name = "SPAN", default_value = "1d")]
    pub horizon: Span,
    /// Store and configuration
    #[command(flatten)]
    pub place: Place,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = TableFormat::Table)]
    pub format: TableFormat,
}

/// `sessions`
#[derive(Debug, Args)]
pub struct Sessions {
    /// Packet captures
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Time-outs and rules by which sessions begin and end
    #[arg(long, value_enum, default_value_t = TimeoutProfile::Default)]
    pub timeouts: TimeoutProfile,
    /// Take packets whose checksums are wrong
    #[arg(long)]
    pub ignore_checksums: bool,
    /// Form of the output
    #[arg(long, value_enum, default_value_t = SessionFormat::Table)]
    pub format: SessionFormat,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE", required_if_eq("format", "parquet"))]
    pub output: Option<PathBuf>,
}

/// Time-outs of `sessions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TimeoutProfile {
    /// By class of session, as the live tracker
    Default,
    /// As Zeek does, for comparison with its connection log
    Zeek,
}

/// Form of the output of `sessions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SessionFormat {
    /// For people
    Table,
    /// One JSON object a line
    Ndjson,
    /// Comma-separated, with a header
    Csv,
    /// Parquet, with every column of the store; needs --output
    Parquet,
}

/// Where a command finds the store and its settings.
#[derive(Debug, Args)]
pub struct Place {
    /// Directory of the store
    #[arg(long, env = "HALFOPEN_STORE", value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Configuration file
    #[arg(long, env = "HALFOPEN_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// `results`
#[derive(Debug, Subcommand)]
pub enum Results {
    /// Print result documents
    Export {
        /// Field names
        #[arg(long, value_enum)]
        schema: SchemaName,
        /// Form of the output
        #[arg(long, value_enum)]
        format: DocumentFormat,
        /// First moment, RFC 3339 or a date [default: the oldest result]
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Last moment [default: the newest result]
        #[arg(long, value_name = "TIME")]
        to: Option<String>,
        /// Only records that pass, e.g. "server 10.2.0.0/16 and not port 443"; no buckets and influencers then
        #[arg(long, value_name = "FILTER")]
        filter: Option<analytics::Filter>,
        /// Only the results of this job
        #[arg(long, value_name = "ID", conflicts_with = "filter")]
        job: Option<String>,
        /// Of records,buckets,influencers,model_plot,overall_buckets [default: the first three]
        #[arg(long, value_name = "LIST", conflicts_with = "filter")]
        documents: Option<analytics::Parts>,
        /// Store and configuration
        #[command(flatten)]
        place: Place,
    },
}

/// `config`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Say whether a configuration is right
    Check {
        /// Configuration file
        #[arg(env = "HALFOPEN_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Print the configuration in force: file, environment and defaults together
    Print {
        /// Configuration file
        #[arg(env = "HALFOPEN_CONFIG", value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Print a file with every setting, explained
    Example,
}

/// Form of a table on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// For people
    Table,
    /// Comma-separated, with a header
    Csv,
    /// One JSON object a line
    Ndjson,
}

/// Form of documents on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DocumentFormat {
    /// One JSON document a line
    Ndjson,
    /// Comma-separated, flattened, with a header
    Csv,
}

/// Field names of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaName {
    /// Elastic Common Schema
    Ecs,
    /// CODEX
    Codex,
}

/// Perspective of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PerspectiveName {
    /// Public client, public server
    Edge,
    /// Public client, private server
    #[value(alias = "in")]
    Inbound,
    /// Private client, public server
    #[value(alias = "out")]
    Outbound,
    /// Private client, private server
    #[value(alias = "priv")]
    Private,
}
