//! The command line: parses, runs one command, and ends with its exit code.

mod alerts;
pub mod args;
mod config;
mod decode;
pub mod delivery_args;
mod detect;
mod exit;
mod forecast;
mod jobs;
mod jobs_run;
mod load;
mod meta;
mod output;
mod progress;
mod query;
mod results;
mod serve;
mod sessions;
mod silences;
mod sinks;
mod time;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use args::{Cli, Command, Results};
pub use exit::Exit;
use exit::Failed;

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(&cli.command) {
        Ok(exit) => exit.into(),
        Err(Failed { exit, error }) => {
            let line = format!("halfopen: {error:#}\n");
            std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).ok();
            exit.into()
        }
    }
}

fn run(command: &Command) -> Result<Exit, Failed> {
    if !matches!(command, Command::Serve(_)) {
        log_to_stderr("warn");
    }
    match command {
        Command::Serve(args) => serve::run(args),
        Command::Decode { files, config } => decode::run(files, config.as_deref()),
        Command::Sessions(args) => sessions::run(args),
        Command::Load { files, place } => load::run(files, place),
        Command::Detect(args) => detect::run(args),
        Command::Forecast(args) => forecast::run(args),
        Command::Query { sql, filter, place, format } => query::run(sql.as_deref(), filter.clone(), place, *format),
        Command::Jobs(command) => jobs::run(command),
        Command::Results(Results::Export { schema, format, from, to, filter, job, documents, place }) => {
            let wanted = results::Wanted {
                from: from.as_deref(),
                to: to.as_deref(),
                filter: filter.clone(),
                job: job.as_deref(),
                parts: documents.clone().unwrap_or_default(),
            };
            results::export(*schema, *format, wanted, place)
        }
        Command::Sinks(command) => sinks::run(command),
        Command::Alerts(command) => alerts::run(command),
        Command::Silences(command) => silences::run(command),
        Command::Config(command) => config::run(command),
        Command::Openapi => output::print(&dashboards::openapi()),
        Command::Completions { shell } => meta::completions(*shell),
        Command::Man { out } => meta::man(out.as_deref()),
    }
}

/// Messages of the product go to standard error, coloured only on a terminal.
fn log_to_stderr(level: &str) {
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .try_init()
        .ok();
}

/// The runtime of commands that need one.
fn runtime() -> Result<tokio::runtime::Runtime, Failed> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}
