//! `halfopen config`: check, print, example.

use std::path::{Path, PathBuf};

use super::args::{ConfigCommand, Place, Serve};
use super::exit::{Exit, Failed, OrExit};
use super::output::print;
use crate::config::{Config, load};

/// Runs `halfopen config ...`.
pub fn run(command: &ConfigCommand) -> Result<Exit, Failed> {
    match command {
        ConfigCommand::Check { config } => {
            read(config.as_deref())?;
            print(&format!(
                "{}: no error found\n",
                config.as_ref().map_or("the defaults".into(), |path| path.to_string_lossy())
            ))
        }
        ConfigCommand::Print { config } => print(&read(config.as_deref())?.to_toml()),
        ConfigCommand::Example => print(&Config::example()),
    }
}

/// The configuration in force: file, then environment.
pub fn read(file: Option<&Path>) -> Result<Config, Failed> {
    let environment =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let config = load(file, environment).or_exit(Exit::Config)?;
    analytics::limit_query_memory(config.query.memory.0);
    Ok(config)
}

/// The configuration of a command that works on a store, and the store's directory.
pub fn of_place(place: &Place) -> Result<(Config, PathBuf), Failed> {
    let mut config = read(place.config.as_deref())?;
    if let Some(dir) = &place.store {
        config.store.dir.clone_from(dir);
    }
    let dir = config.store_dir().or_exit(Exit::Config)?;
    Ok((config, dir))
}

/// The configuration of `halfopen serve`: flags go over everything.
pub fn of_serve(args: &Serve) -> Result<Config, Failed> {
    let mut config = read(args.config.as_deref())?;
    if let Some(dir) = &args.store {
        config.store.dir.clone_from(dir);
    }
    if let Some(listen) = args.http {
        config.http.listen = listen;
    }
    if !args.netflow.is_empty() {
        config.netflow.listen.clone_from(&args.netflow);
    }
    Ok(config)
}
