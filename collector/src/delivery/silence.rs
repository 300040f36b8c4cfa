//! Silences: for whom, and until when, nobody is told.
//!
//! Owns the file that the server and the command line share, and who is meant. A silence stops messages, never results.

use std::fs::{self, File};
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use analytics::Finder;
use dashboards::{NewSilence, Silence};
use ipnet::IpNet;
use jobs::{Prefix, Schema, Subject};
use serde::{Deserialize, Serialize};
use tracker::Perspective;
use ulid::Ulid;

/// At most so many are kept; nobody reads more.
const MOST: usize = 1_000;
/// Silences that ended are shown for this long, ms.
const REMEMBERED: i64 = 7 * 86_400_000;

/// Why a silence is refused.
#[derive(Debug, thiserror::Error)]
pub enum SilenceError {
    /// Something in it is not right.
    #[error("{field}: {why}")]
    Wrong {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The file cannot be read or written.
    #[error("failed to keep silences in {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The silences of a store.
#[derive(Debug, Clone)]
pub struct Silences {
    path: PathBuf,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Kept {
    silences: Vec<Silence>,
}

impl Silences {
    /// Those of the store in this directory.
    pub fn of_store(store: &Path) -> Self {
        Self { path: super::dir(store).join("silences.json") }
    }

    fn io(&self) -> impl FnOnce(io::Error) -> SilenceError {
        let path = self.path.clone();
        move |source| SilenceError::Io { path, source }
    }

    /// Silences that have not ended, and those that ended lately, the newest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn list(&self, now: i64) -> Result<Vec<Silence>, SilenceError> {
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.io()(error)),
        };
        let mut kept: Kept = serde_json::from_slice(&text).map_err(|error| self.io()(error.into()))?;
        kept.silences.retain(|silence| silence.until > now - REMEMBERED);
        for silence in &mut kept.silences {
            silence.active = silence.until > now;
        }
        kept.silences.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| b.id.cmp(&a.id)));
        Ok(kept.silences)
    }

    /// Adds a silence and returns it.
    ///
    /// # Errors
    /// It is wrong, or the file cannot be written.
    pub fn add(&self, new: NewSilence, now: i64) -> Result<Silence, SilenceError> {
        check(&new, now)?;
        let id = Ulid::from_parts(u64::try_from(now).unwrap_or(0), rand::random()).to_string().to_lowercase();
        let silence = Silence {
            id,
            created: now,
            active: true,
            until: new.until,
            matching: new.matching,
            comment: new.comment,
            author: new.author,
        };
        self.change(now, |silences| {
            if silences.iter().filter(|silence| silence.active).count() >= MOST {
                return Err(SilenceError::Wrong { field: "until", why: format!("there are {MOST} silences already") });
            }
            silences.push(silence.clone());
            Ok(())
        })?;
        Ok(silence)
    }

    /// Ends a silence now. Returns whether there is one of that id.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn remove(&self, id: &str, now: i64) -> Result<bool, SilenceError> {
        let mut found = false;
        self.change(now, |silences| {
            for silence in silences.iter_mut().filter(|silence| silence.id == id) {
                found = true;
                silence.until = silence.until.min(now);
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Changes the file as a whole; others who do so meanwhile wait.
    fn change(
        &self,
        now: i64,
        change: impl FnOnce(&mut Vec<Silence>) -> Result<(), SilenceError>,
    ) -> Result<(), SilenceError> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(self.io())?;
        }
        let lock = File::create(self.path.with_extension("lock")).map_err(self.io())?;
        lock.lock().map_err(self.io())?;
        let mut silences = self.list(now)?;
        change(&mut silences)?;
        let text = serde_json::to_vec_pretty(&Kept { silences }).map_err(|error| self.io()(error.into()))?;
        super::write_whole(&self.path, &text).map_err(self.io())
    }
}

fn check(new: &NewSilence, now: i64) -> Result<(), SilenceError> {
    let wrong = |field, why: &str| Err(SilenceError::Wrong { field, why: why.to_owned() });
    let matching = &new.matching;
    if new.until <= now {
        return wrong("until", "it would be over before it begins");
    }
    if new.until > now + 366 * 86_400_000 {
        return wrong("until", "a silence lasts a year at most");
    }
    for (field, value) in [("server", &matching.server), ("client", &matching.client)] {
        if value.as_ref().is_some_and(|value| network(value).is_none()) {
            return wrong(field, "expected an address or a prefix");
        }
    }
    if matching.perspective.as_ref().is_some_and(|name| Perspective::from_str(name).is_err()) {
        return wrong("perspective", "expected edge, inbound, outbound or private");
    }
    for (field, text) in [("comment", &new.comment), ("author", &new.author)] {
        if text.chars().count() > 1_000 {
            return wrong(field, "longer than 1000 characters");
        }
    }
    for (field, text) in [("rule", &matching.rule), ("job_id", &matching.job_id)] {
        if text.as_ref().is_some_and(|text| text.is_empty() || text.len() > 64) {
            return wrong(field, "expected 1 to 64 characters");
        }
    }
    Ok(())
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

/// Whether the silence means this rule's message about something that a job found about these parties. Everything that
/// the silence names must fit; one that names nothing means all.
pub fn means(silence: &Silence, rule: &str, finder: &Finder, prefix: &Prefix, subject: Subject) -> bool {
    let matching = &silence.matching;
    let within = |wanted: &Option<String>, address: Option<IpAddr>| match wanted {
        None => true,
        Some(wanted) => network(wanted).zip(address).is_some_and(|(network, address)| network.contains(&address)),
    };
    let job = |wanted: &String| Schema::ALL.iter().any(|schema| finder.job(prefix, *schema).as_str() == wanted);
    silence.active
        && matching.rule.as_ref().is_none_or(|wanted| wanted == rule)
        && matching.job_id.as_ref().is_none_or(job)
        && matching.perspective.as_ref().is_none_or(|w| finder.perspective().is_some_and(|p| w == p.as_str()))
        && within(&matching.server, subject.server)
        && within(&matching.client, subject.client)
        && matching.port.is_none_or(|port| subject.port == Some(port))
}

#[cfg(test)]
mod tests;
