//! `halfopen serve`: starts the product and waits for a signal.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use tokio::signal::unix::{SignalKind, signal};

use super::args::Serve;
use super::exit::{Exit, Failed, OrExit};
use super::{config, log_to_stderr, runtime};
use crate::config::{Alert, Config, Netflow, data_dir};
use crate::demo;
use crate::ingest::IngestError;
use crate::service::{self, ServiceError};

/// Serves until SIGINT or SIGTERM.
pub fn run(args: &Serve) -> Result<Exit, Failed> {
    let mut config = config::of_serve(args)?;
    log_to_stderr(&config.log.level);
    let dir = if args.demo {
        demo_store(&mut config, args.store.as_deref())?
    } else {
        config.store_dir().or_exit(Exit::Config)?
    };
    runtime()?.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let stop = async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        service::serve(&config, &dir, args.demo, stop)
            .await
            .map(|()| Exit::Ok)
            .map_err(|error| Failed { exit: exit_of(&error), error: error.into() })
    })
}

fn exit_of(error: &ServiceError) -> Exit {
    match error {
        ServiceError::Listen { .. } | ServiceError::Capture(_) | ServiceError::Ingest(IngestError::Socket(_)) => {
            Exit::Unavailable
        }
        ServiceError::Store(_) => Exit::CannotCreate,
        ServiceError::Setting(_) | ServiceError::Tls(_) | ServiceError::Delivery(_) => Exit::Config,
        ServiceError::Ingest(_) | ServiceError::Io(_) => Exit::Failure,
    }
}

/// Marks a directory as the demo's own, which may be emptied.
const MARK: &str = "halfopen-demo";

/// An empty store for the demo, and listeners on loopback unless told otherwise. The store is apart from the user's: the given directory, or its own place. What an earlier demo left
/// there is removed; a directory that is not the demo's is refused.
fn demo_store(config: &mut Config, given: Option<&Path>) -> Result<PathBuf, Failed> {
    if config.netflow == Netflow::default() {
        config.netflow.listen.iter_mut().for_each(|address| address.set_ip(Ipv4Addr::LOCALHOST.into()));
    }
    // Made-up traffic is told to nobody: configured sinks are shown and not served. A rule without sinks shows what alerts
    // and silences do.
    config.sinks.iter_mut().for_each(|sink| sink.enabled = false);
    config.alerts =
        vec![Alert { name: "servers".to_owned(), severity: ::jobs::Severity::Critical, ..Alert::default() }];
    config.network.private = demo::PRIVATE.iter().filter_map(|prefix| prefix.parse().ok()).collect();
    let own = || data_dir().map(|dir| dir.join("demo")).context("no place for the demo's store: set --store or HOME");
    let dir = given.map_or_else(own, |dir| Ok(dir.to_owned())).or_exit(Exit::Config)?;
    let context = || format!("failed to prepare the demo's store {}", dir.display());
    std::fs::create_dir_all(&dir).with_context(context).or_exit(Exit::CannotCreate)?;
    let empty = std::fs::read_dir(&dir).with_context(context).or_exit(Exit::CannotCreate)?.next().is_none();
    if !empty {
        if !dir.join(MARK).is_file() {
            let error = anyhow!("{} holds something that is not the demo's: give another --store", dir.display());
            return Err(Failed { exit: Exit::CannotCreate, error });
        }
        let _lock = service::lock::StoreLock::take(&dir).or_exit(Exit::CannotCreate)?;
        std::fs::remove_dir_all(&dir).with_context(context).or_exit(Exit::CannotCreate)?;
        std::fs::create_dir_all(&dir).with_context(context).or_exit(Exit::CannotCreate)?;
    }
    std::fs::write(dir.join(MARK), "made by halfopen serve --demo; emptied at its next start\n")
        .with_context(context)
        .or_exit(Exit::CannotCreate)?;
    Ok(dir)
}
