//! `halfopen jobs`: list, show, export.

use std::path::Path;

use ::jobs::{JobDefinition, Prefix, Schema, catalogue};
use anyhow::{Context as _, anyhow};
use tracker::Perspective;

use super::args::{Jobs, PerspectiveName, SchemaName};
use super::exit::{Exit, Failed, OrExit};
use super::{config, output};

/// Runs `halfopen jobs ...`.
pub fn run(command: &Jobs) -> Result<Exit, Failed> {
    match command {
        Jobs::List { config } => list(&definitions(config.as_deref())?),
        Jobs::Show { id, config } => show(&definitions(config.as_deref())?, id),
        Jobs::Export { schema, perspective, out, config } => {
            export(&definitions(config.as_deref())?, schema.map(Schema::from), perspective.map(Perspective::from), out)
        }
    }
}

fn definitions(file: Option<&Path>) -> Result<Vec<JobDefinition>, Failed> {
    Ok(catalogue(&prefix(&config::read(file)?)?))
}

/// What job ids begin with.
pub fn prefix(config: &crate::config::Config) -> Result<Prefix, Failed> {
    Prefix::new(&config.jobs.prefix).or_exit(Exit::Config)
}

fn list(jobs: &[JobDefinition]) -> Result<Exit, Failed> {
    let width = jobs.iter().map(|job| job.id.as_str().len()).max().unwrap_or(0);
    let about = |job: &JobDefinition| job.description.clone().unwrap_or_default();
    let lines: Vec<_> = jobs.iter().map(|job| format!("{:width$}  {}\n", job.id.as_str(), about(job))).collect();
    output::print(&lines.concat())
}

fn show(jobs: &[JobDefinition], id: &str) -> Result<Exit, Failed> {
    let unknown = || anyhow!("unknown job {id:?}: `halfopen jobs list` lists those there are");
    let job = jobs.iter().find(|job| job.id.as_str() == id).ok_or_else(unknown).or_exit(Exit::Usage)?;
    output::print(&job.file())
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
