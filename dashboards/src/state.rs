//! What the API is built over, and what it asks of the program that it runs in.

use std::sync::Arc;

use analytics::{Forecaster, JobStatus, ResultStore, SessionStore};
use chrono_tz::Tz;
use jobs::{JobId, Prefix, Schema};
use prometheus_client::registry::Registry;
use serde::Serialize;
use tokio::sync::broadcast;
use tracker::table::{Position, SessionView, TableQuery};
use tracker::{Micros, Perspective};
use utoipa::ToSchema;

use crate::events::Event;
use crate::wire::alerts::ActiveAlert;
use crate::wire::exporter::ExporterStatus;
use crate::wire::live::TableStatus;
use crate::wire::reference::Reference;
use crate::wire::silences::{NewSilence, Silence};
use crate::wire::sinks::SinkStatus;

/// Tells the time: microseconds since the epoch.
pub type Clock = Arc<dyn Fn() -> Micros + Send + Sync>;

/// Everything that the API answers from.
#[derive(Clone)]
pub struct AppState {
    /// The sessions.
    pub store: SessionStore,
    /// The results of detection over them.
    pub results: ResultStore,
    /// The models of detection, for forecasts; `None` where nothing detects.
    pub forecaster: Option<Arc<Forecaster>>,
    /// How the jobs are doing.
    pub status: Arc<dyn StatusSource>,
    /// Who sends flow records.
    pub exporters: Arc<dyn ExporterSource>,
    /// Where results go, and who is told.
    pub delivery: Arc<dyn DeliverySource>,
    /// The sessions that are being followed.
    pub live: Arc<dyn LiveSource>,
    /// Counters for `/metrics`.
    pub metrics: Arc<Registry>,
    /// What happens, for those who listen on `/api/v1/events`.
    pub events: broadcast::Sender<Event>,
    /// The time.
    pub clock: Clock,
    /// What is said of the program.
    pub info: Info,
    /// How jobs are named and times told.
    pub job_settings: JobSettings,
    /// The settings and the metrics of the program.
    pub reference: Reference,
}

/// What is said of the program.
#[derive(Debug, Clone)]
pub struct Info {
    /// Version of the program.
    pub version: String,
    /// The store holds invented sessions.
    pub demo: bool,
    /// Where flow records are received, for people to point exporters at.
    pub listen: Vec<Listener>,
    /// When the program started.
    pub started: Micros,
}

/// An address on which flow records are received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Listener {
    /// What is spoken there: `netflow` (any version, over UDP), `ipfix-tcp` or `ipfix-tls`.
    pub protocol: String,
    /// Address and port, or an interface name.
    pub address: String,
}

/// How jobs are named, and in which zone times are told.
#[derive(Debug, Clone)]
pub struct JobSettings {
    /// What job ids begin with.
    pub prefix: Prefix,
    /// Zone of the days and times in sentences, where a request names none.
    pub time_zone: Tz,
}

impl Default for JobSettings {
    fn default() -> Self {
        Self { prefix: Prefix::default(), time_zone: Tz::UTC }
    }
}

impl JobSettings {
    /// The id under which a perspective's job is known in this program: the ECS form.
    pub(crate) fn job_id(&self, perspective: Perspective) -> JobId {
        JobId::of(&self.prefix, Schema::Ecs, perspective)
    }
}

/// Knows who sends flow records.
pub trait ExporterSource: Send + Sync {
    /// Everyone that has sent something, in a stable order.
    fn exporters(&self) -> Vec<ExporterStatus>;
}

/// Knows the sessions that are being followed on captured interfaces.
pub trait LiveSource: Send + Sync {
    /// Answers from the tables of this interface, or of all. May take a moment: it waits for the capture threads.
    fn sessions(&self, query: &TableQuery, interface: Option<&str>) -> LiveAnswer;
}

/// What the session tables say.
#[derive(Debug, Clone, Default)]
pub struct LiveAnswer {
    /// One page of sessions, in the order asked for.
    pub items: Vec<SessionView>,
    /// Where the next page begins.
    pub next: Option<Position>,
    /// Sessions that the filter accepts, on all pages.
    pub matched: u64,
    /// Sessions looked at.
    pub total: u64,
    /// Whether every capture thread answered in time.
    pub complete: bool,
    /// The tables, one per interface.
    pub tables: Vec<TableStatus>,
}

/// Knows how the jobs are doing.
pub trait StatusSource: Send + Sync {
    /// One status per perspective.
    fn jobs(&self) -> Vec<JobStatus>;
    /// Whether requests can be answered usefully.
    fn ready(&self) -> bool;
}

/// Why a change was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// What was asked for is wrong.
    Wrong(String),
    /// It could not be done.
    Failed(String),
}

/// Knows where results go and who is told, and keeps silences. Silences may read and write files.
pub trait DeliverySource: Send + Sync {
    /// The sinks, in a stable order.
    fn sinks(&self) -> Vec<SinkStatus>;
    /// What is going on, the worst first.
    fn alerts(&self) -> Vec<ActiveAlert>;
    /// Silences, the newest first.
    ///
    /// # Errors
    /// They cannot be read.
    fn silences(&self) -> Result<Vec<Silence>, Refusal>;
    /// Makes a silence.
    ///
    /// # Errors
    /// It is wrong, or cannot be kept.
    fn add_silence(&self, new: NewSilence) -> Result<Silence, Refusal>;
    /// Ends a silence now; whether there is one of that id.
    ///
    /// # Errors
    /// It cannot be kept.
    fn end_silence(&self, id: &str) -> Result<bool, Refusal>;
}
