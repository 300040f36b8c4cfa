//! `halfopen jobs`: definitions, and the jobs that are imported into a store.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use ::jobs::{JobDefinition, JobId, Prefix, Schema, catalogue, everything};
use analytics::SessionStore;
use analytics::jobs::{ImportError, JobShelf, Order, StoredJob, import, snapshots};
use anyhow::{Context as _, anyhow};
use chrono::DateTime;
use tracker::Perspective;

use super::args::{Jobs, OneJob, PerspectiveName, Place, SchemaName};
use super::exit::{Exit, Failed, OrExit};
use super::{config, jobs_run, output, time};
use crate::clock;

/// Runs `halfopen jobs ...`.
pub fn run(command: &Jobs) -> Result<Exit, Failed> {
    match command {
        Jobs::List { place } => list(place),
        Jobs::Show { id, place } => output::print(&find(place, id)?.file()),
        Jobs::Export { ids, all, schema, perspective, out, place } => {
            let jobs = chosen(place, ids, *all)?;
            export(&jobs, schema.map(Schema::from), perspective.map(Perspective::from), out)
        }
        Jobs::Validate { files, place } => validate(files, place),
        Jobs::Import { files, place } => take_in(files, place),
        Jobs::Enable(job) => on(job, |shelf, id| shelf.enable(id, true)),
        Jobs::Disable(job) => on(job, |shelf, id| shelf.enable(id, false)),
        Jobs::Remove(job) => on(job, JobShelf::remove),
        Jobs::Reset(job) => on(job, |shelf, id| shelf.order(id, &Order::Reset)),
        Jobs::Forget(job) => on(job, |shelf, id| shelf.order(id, &Order::Forget)),
        Jobs::Snapshots(job) => list_snapshots(job),
        Jobs::Revert { snapshot, delete_results, job } => revert(job, snapshot, *delete_results),
        Jobs::Run { job, from, to, min_score, format, place } => {
            jobs_run::run(place, job, (from.as_deref(), to.as_deref()), *min_score, *format)
        }
    }
}

/// What job ids begin with.
pub fn prefix(config: &crate::config::Config) -> Result<Prefix, Failed> {
    Prefix::new(&config.jobs.prefix).or_exit(Exit::Config)
}

/// The imported jobs of the store that is told, or of the usual one where it exists.
pub fn shelf(place: &Place) -> Result<Option<JobShelf>, Failed> {
    let (_, dir) = match config::of_place(place) {
        Ok(found) => found,
        // Without a store only what comes with the program is there.
        Err(_) if place.store.is_none() && place.config.is_none() => return Ok(None),
        Err(failed) => return Err(failed),
    };
    if place.store.is_none() && !dir.is_dir() {
        return Ok(None);
    }
    let store = SessionStore::open_existing(&dir).or_exit(Exit::NoInput)?;
    Ok(Some(JobShelf::open(&store)))
}

fn known_shelf(place: &Place) -> Result<JobShelf, Failed> {
    let (_, dir) = config::of_place(place)?;
    Ok(JobShelf::open(&SessionStore::open_existing(&dir).or_exit(Exit::NoInput)?))
}

/// An imported job.
pub fn imported(shelf: &JobShelf, id: &str) -> Result<StoredJob, Failed> {
    let job = JobId::new(id).or_exit(Exit::Usage)?;
    let unknown = || anyhow!("job {id:?} is not imported: `halfopen jobs list` lists those there are");
    shelf.get(&job)?.ok_or_else(unknown).or_exit(Exit::Usage)
}

/// A job by its id: an imported one, or one that comes with the program.
pub fn find(place: &Place, id: &str) -> Result<JobDefinition, Failed> {
    if let (Some(shelf), Ok(job)) = (shelf(place)?, JobId::new(id))
        && let Some(found) = shelf.get(&job)?
    {
        return Ok(found.definition);
    }
    let own = everything(&prefix(&config::read(place.config.as_deref())?)?);
    let unknown = || anyhow!("unknown job {id:?}: `halfopen jobs list` lists those there are");
    own.into_iter().find(|job| job.id.as_str() == id).ok_or_else(unknown).or_exit(Exit::Usage)
}

fn list(place: &Place) -> Result<Exit, Failed> {
    let own = everything(&prefix(&config::read(place.config.as_deref())?)?);
    let imported = shelf(place)?.map(|shelf| shelf.list()).transpose()?.unwrap_or_default();
    let ids = own.iter().map(|job| &job.id).chain(imported.iter().map(|job| &job.definition.id));
    let width = ids.map(|id| id.as_str().len()).max().unwrap_or(0);
    let line = |job: &JobDefinition, state: &str| {
        let about = job.description.clone().unwrap_or_default();
        format!("{:width$}  {state}{about}\n", job.id.as_str())
    };
    let mut text: String = own.iter().map(|job| line(job, "")).collect();
    for job in &imported {
        let state = match (job.switches.enabled, &job.life.error) {
            (false, _) => "[disabled] ",
            (true, Some(_)) => "[failed] ",
            (true, None) => "[imported] ",
        };
        text.push_str(&line(&job.definition, state));
    }
    output::print(&text)
}

/// Jobs by their ids; without any, the eight or all that come with the program.
fn chosen(place: &Place, ids: &[String], all: bool) -> Result<Vec<JobDefinition>, Failed> {
    if !ids.is_empty() {
        return ids.iter().map(|id| find(place, id)).collect();
    }
    let prefix = prefix(&config::read(place.config.as_deref())?)?;
    Ok(if all { everything(&prefix) } else { catalogue(&prefix) })
}

fn export(
    jobs: &[JobDefinition],
    schema: Option<Schema>,
    perspective: Option<Perspective>,
    out: &Path,
) -> Result<Exit, Failed> {
    std::fs::create_dir_all(out)
        .with_context(|| format!("failed to create {}", out.display()))
        .or_exit(Exit::CannotCreate)?;
    let wanted = jobs.iter().filter(|job| {
        schema.is_none_or(|schema| job.schema() == Some(schema))
            && perspective.is_none_or(|perspective| job.perspective() == Some(perspective))
    });
    for job in wanted {
        let path = out.join(job.file_name());
        std::fs::write(&path, job.file())
            .with_context(|| format!("failed to write {}", path.display()))
            .or_exit(Exit::CannotCreate)?;
    }
    Ok(Exit::Ok)
}

/// The JSON of a job file.
pub fn document(path: &Path) -> Result<serde_json::Value, Failed> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("failed to read {}", path.display()))
        .or_exit(Exit::NoInput)?;
    if text.len() > ::jobs::definition::LONGEST {
        return Err(anyhow!("{} is longer than {} bytes", path.display(), ::jobs::definition::LONGEST))
            .or_exit(Exit::Data);
    }
    serde_json::Value::from_str(&text).with_context(|| format!("{}: no valid json", path.display())).or_exit(Exit::Data)
}

fn validate(files: &[PathBuf], place: &Place) -> Result<Exit, Failed> {
    // Without a store, an empty one stands for it: only lists of values come from there.
    let nowhere = tempdir()?;
    let shelf = match shelf(place)? {
        Some(shelf) => shelf,
        None => JobShelf::open(&SessionStore::open(&nowhere.0)?),
    };
    each(files, &shelf, false)
}

fn take_in(files: &[PathBuf], place: &Place) -> Result<Exit, Failed> {
    let (_, dir) = config::of_place(place)?;
    let store = SessionStore::open(&dir).or_exit(Exit::CannotCreate)?;
    each(files, &JobShelf::open(&store), true)
}

fn each(files: &[PathBuf], shelf: &JobShelf, keep: bool) -> Result<Exit, Failed> {
    let (mut text, mut exit) = (String::new(), Exit::Ok);
    let complain = |path: &Path, problem: &dyn std::fmt::Display| {
        let line = format!("halfopen: {}: {problem}\n", path.display());
        std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()).ok();
    };
    for path in files {
        let found = match document(path) {
            Ok(document) => import(shelf, &document, clock::now(), keep),
            Err(Failed { exit: Exit::Data, error }) => {
                complain(path, &format!("{error:#}"));
                exit = exit.worse(Exit::Data);
                continue;
            }
            Err(failed) => return Err(failed),
        };
        let imported = match found {
            Ok(imported) => imported,
            Err(ImportError::Content(refusal)) => {
                complain(path, &refusal);
                exit = exit.worse(Exit::Data);
                continue;
            }
            Err(error) => return Err(error).or_exit(Exit::CannotCreate),
        };
        for job in imported {
            match job.outcome {
                Ok(changed) => {
                    let what = match (keep, changed) {
                        (false, _) => "can be run",
                        (true, true) => "imported",
                        (true, false) => "known already",
                    };
                    text.push_str(&format!("{}: {what}\n", job.id));
                    job.notes.iter().for_each(|note| text.push_str(&format!("{}: note: {note}\n", job.id)));
                }
                Err(refused) => {
                    refused.0.iter().for_each(|refusal| complain(path, &format!("{}: {refusal}", job.id)));
                    exit = exit.worse(Exit::Data);
                }
            }
        }
    }
    output::print(&text)?;
    Ok(exit)
}

/// Does something to an imported job.
fn on(job: &OneJob, act: impl Fn(&JobShelf, &JobId) -> analytics::jobs::ShelfResult<bool>) -> Result<Exit, Failed> {
    let shelf = known_shelf(&job.place)?;
    let id = imported(&shelf, &job.id)?.definition.id;
    act(&shelf, &id).or_exit(Exit::CannotCreate)?;
    Ok(Exit::Ok)
}

fn list_snapshots(job: &OneJob) -> Result<Exit, Failed> {
    let shelf = known_shelf(&job.place)?;
    let id = imported(&shelf, &job.id)?.definition.id;
    let line =
        |end: i64| DateTime::from_timestamp(end, 0).map(|time| format!("{}\n", time.format("%Y-%m-%dT%H:%M:%SZ")));
    output::print(&snapshots(&shelf, &id).into_iter().filter_map(line).collect::<String>())
}

fn revert(job: &OneJob, snapshot: &str, delete_results: bool) -> Result<Exit, Failed> {
    let shelf = known_shelf(&job.place)?;
    let id = imported(&shelf, &job.id)?.definition.id;
    let snapshot = time::parse(snapshot).or_exit(Exit::Usage)?.div_euclid(1_000_000);
    if !snapshots(&shelf, &id).contains(&snapshot) {
        return Err(anyhow!("job {id} has no such snapshot: `halfopen jobs snapshots {id}` lists them"))
            .or_exit(Exit::Usage);
    }
    shelf.order(&id, &Order::Revert { snapshot, delete_results }).or_exit(Exit::CannotCreate)?;
    Ok(Exit::Ok)
}

/// A folder that goes with the value.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn tempdir() -> Result<Temporary, Failed> {
    let path = std::env::temp_dir().join(format!("halfopen-validate-{}", std::process::id()));
    std::fs::create_dir_all(&path).with_context(|| format!("failed to create {}", path.display()))?;
    Ok(Temporary(path))
}

impl From<SchemaName> for Schema {
    fn from(name: SchemaName) -> Self {
        match name {
            SchemaName::Ecs => Self::Ecs,
            SchemaName::Codex => Self::Codex,
        }
    }
}

impl From<PerspectiveName> for Perspective {
    fn from(name: PerspectiveName) -> Self {
        match name {
            PerspectiveName::Edge => Self::Edge,
            PerspectiveName::Inbound => Self::Inbound,
            PerspectiveName::Outbound => Self::Outbound,
            PerspectiveName::Private => Self::Private,
        }
    }
}
