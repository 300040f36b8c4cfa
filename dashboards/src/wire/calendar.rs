//! Calendars and annotations as the API takes and shows them.

use analytics::jobs::{Annotation, JobCalendar, PlannedEvent};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A calendar of planned events.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CalendarItem {
    /// Id; that of the path where it is put.
    #[serde(default)]
    pub calendar_id: String,
    /// Description.
    #[serde(default)]
    pub description: String,
    /// Jobs and groups that it is for; none or `_all` for every job.
    #[serde(default)]
    pub job_ids: Vec<String>,
    /// The events.
    #[serde(default)]
    pub events: Vec<EventItem>,
}

/// A planned event.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EventItem {
    /// What is planned.
    pub description: String,
    /// Start, ms since the epoch.
    pub start_time: i64,
    /// End, ms since the epoch.
    pub end_time: i64,
    /// No results are made of its buckets; so unless told otherwise.
    #[serde(default = "yes")]
    pub skip_result: bool,
    /// Nothing is learnt of its buckets; so unless told otherwise.
    #[serde(default = "yes")]
    pub skip_model_update: bool,
}

const fn yes() -> bool {
    true
}

/// All calendars.
#[derive(Debug, Serialize, ToSchema)]
pub struct CalendarList {
    /// By id.
    pub items: Vec<CalendarItem>,
}

/// A note at a stretch of time.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AnnotationItem {
    /// Id, given by the service.
    #[serde(default)]
    pub id: String,
    /// What is noted.
    pub annotation: String,
    /// Start, ms since the epoch.
    pub timestamp: i64,
    /// End, ms since the epoch.
    #[serde(default)]
    pub end_timestamp: Option<i64>,
    /// The job that it is about; absent for all.
    #[serde(default)]
    pub job_id: Option<String>,
}

/// All annotations.
#[derive(Debug, Serialize, ToSchema)]
pub struct AnnotationList {
    /// By time.
    pub items: Vec<AnnotationItem>,
}

impl From<JobCalendar> for CalendarItem {
    fn from(calendar: JobCalendar) -> Self {
        let JobCalendar { calendar_id, description, job_ids, events } = calendar;
        let event = |event: PlannedEvent| EventItem {
            description: event.description,
            start_time: event.start_time,
            end_time: event.end_time,
            skip_result: event.skip_result,
            skip_model_update: event.skip_model_update,
        };
        Self { calendar_id, description, job_ids, events: events.into_iter().map(event).collect() }
    }
}

impl From<CalendarItem> for JobCalendar {
    fn from(item: CalendarItem) -> Self {
        let CalendarItem { calendar_id, description, job_ids, events } = item;
        let event = |event: EventItem| PlannedEvent {
            description: event.description,
            start_time: event.start_time,
            end_time: event.end_time,
            skip_result: event.skip_result,
            skip_model_update: event.skip_model_update,
        };
        Self { calendar_id, description, job_ids, events: events.into_iter().map(event).collect() }
    }
}

impl From<Annotation> for AnnotationItem {
    fn from(annotation: Annotation) -> Self {
        let Annotation { id, annotation, timestamp, end_timestamp, job_id } = annotation;
        Self { id, annotation, timestamp, end_timestamp, job_id }
    }
}

impl From<AnnotationItem> for Annotation {
    fn from(item: AnnotationItem) -> Self {
        let AnnotationItem { id, annotation, timestamp, end_timestamp, job_id } = item;
        Self { id, annotation, timestamp, end_timestamp, job_id }
    }
}
