//! What people keep beside jobs: lists of values, calendars of planned events, annotations.
//!
//! `jobs/lists.json`, `jobs/calendars.json`, `jobs/annotations.json`; each is written whole or not at all.

use std::collections::BTreeMap;
use std::fs::File;

use jobs::JobDefinition;
use serde::{Deserialize, Serialize};

use super::plan::{Plan, Refused};
use super::rules::{Lists, PlannedEvent};
use super::shelf::JobShelf;
use super::whole::{read_setting, write_setting};
use crate::error::{Result, StoreError};

/// A calendar of planned events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobCalendar {
    /// Id.
    pub calendar_id: String,
    /// Description.
    #[serde(default)]
    pub description: String,
    /// Jobs and groups that it is for; `_all` or none for every job.
    #[serde(default)]
    pub job_ids: Vec<String>,
    /// The events.
    #[serde(default)]
    pub events: Vec<PlannedEvent>,
}

/// A note of the user at a stretch of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Annotation {
    /// Id, given by the program.
    #[serde(default)]
    pub id: String,
    /// What is noted.
    pub annotation: String,
    /// Start, ms since the epoch.
    pub timestamp: i64,
    /// End, ms since the epoch.
    #[serde(default)]
    pub end_timestamp: Option<i64>,
    /// The job, `None` for all.
    #[serde(default)]
    pub job_id: Option<String>,
}

impl JobCalendar {
    /// Whether its events are planned for this job.
    pub(crate) fn concerns(&self, definition: &JobDefinition) -> bool {
        self.job_ids.is_empty()
            || self.job_ids.iter().any(|id| {
                id == "_all" || id == definition.id.as_str() || definition.groups.iter().any(|group| group == id)
            })
    }
}

impl JobShelf {
    /// The lists that rules refer to.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn lists(&self) -> Result<Lists> {
        Ok(read_setting(&self.root().join("lists.json"))?.unwrap_or_default())
    }

    /// Replaces the lists.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set_lists(&self, lists: &Lists) -> Result<()> {
        write_setting(&self.root().join("lists.json"), lists)
    }

    /// The calendars, by id.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn calendars(&self) -> Result<Vec<JobCalendar>> {
        let known: BTreeMap<String, JobCalendar> =
            read_setting(&self.root().join("calendars.json"))?.unwrap_or_default();
        Ok(known.into_values().collect())
    }

    /// Adds or replaces a calendar, or removes the one of this id.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn set_calendar(&self, id: &str, calendar: Option<JobCalendar>) -> Result<()> {
        let _lock = self.lock()?;
        let mut known: BTreeMap<String, JobCalendar> =
            self.calendars()?.into_iter().map(|calendar| (calendar.calendar_id.clone(), calendar)).collect();
        match calendar {
            Some(calendar) => known.insert(id.to_owned(), calendar),
            None => known.remove(id),
        };
        write_setting(&self.root().join("calendars.json"), &known)
    }

    /// The planned events of a job.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn events(&self, definition: &JobDefinition) -> Result<Vec<PlannedEvent>> {
        let own = self.calendars()?.into_iter().filter(|calendar| calendar.concerns(definition));
        Ok(own.flat_map(|calendar| calendar.events).collect())
    }

    /// The annotations, by time.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn annotations(&self) -> Result<Vec<Annotation>> {
        Ok(read_setting(&self.root().join("annotations.json"))?.unwrap_or_default())
    }

    /// Changes the annotations as a whole; others who do so meanwhile wait.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn change_annotations<T>(&self, change: impl FnOnce(&mut Vec<Annotation>) -> T) -> Result<T> {
        let _lock = self.lock()?;
        let mut annotations = self.annotations()?;
        let done = change(&mut annotations);
        annotations.sort_by_key(|annotation| annotation.timestamp);
        write_setting(&self.root().join("annotations.json"), &annotations)?;
        Ok(done)
    }

    /// Keeps others who change these files waiting, in this process and others, until it is dropped.
    fn lock(&self) -> Result<File> {
        let path = self.root().join("agenda.lock");
        std::fs::create_dir_all(self.root()).map_err(StoreError::io("create", &self.root()))?;
        let file = File::create(&path).map_err(StoreError::io("create", &path))?;
        file.lock().map_err(StoreError::io("lock", &path))?;
        Ok(file)
    }

    /// Makes a job ready to run on this store: its plan, once every list that its rules refer to is there.
    ///
    /// # Errors
    /// Why it cannot be run, by JSON path.
    pub fn plan(&self, definition: &JobDefinition) -> std::result::Result<Plan, Refused> {
        let plan = Plan::new(definition)?;
        let lists = self.lists().unwrap_or_default();
        let mut refusals = super::enriched::missing(self.store(), &plan);
        for (index, detector) in definition.analysis.detectors.iter().enumerate() {
            for (at, rule) in detector.rules.iter().enumerate() {
                for (field, filter) in &rule.scope {
                    if !lists.contains_key(&filter.filter_id) {
                        let path = format!("$.job.analysis_config.detectors[{index}].custom_rules[{at}].scope");
                        let problem =
                            format!("there is no list {:?}, which field {field:?} is looked up in", filter.filter_id);
                        refusals.push(jobs::json::ReadError { path, problem });
                    }
                }
            }
        }
        if refusals.is_empty() { Ok(plan) } else { Err(Refused(refusals)) }
    }
}
