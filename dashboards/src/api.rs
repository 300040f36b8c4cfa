//! The routes, what they share, and their description.

mod alerts;
mod anomalies;
mod buckets;
mod calendars;
mod events;
mod exporters;
mod filter;
mod flows;
mod forecast;
mod imported;
mod influencers;
mod jobs;
mod live;
mod overview;
mod reference;
mod results;
mod root;
mod series;
mod sessions;
mod silences;
mod sinks;
mod summary;
mod swimlane;
#[cfg(test)]
mod tests;
mod version;

use std::sync::Arc;

use analytics::jobs::JobShelf;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, delete, get, post, put};
use prometheus_client::registry::Registry;
use tracker::Micros;
use utoipa::OpenApi;

use crate::events::Hub;
use crate::layers;
use crate::problem::{Problem, ProblemDocument};
use crate::source::{Source, Stored};
use crate::state::{AppState, Clock, DeliverySource, ExporterSource, Info, JobSettings, LiveSource, StatusSource};
use crate::ui;
use crate::wire::reference::Reference;

/// What handlers share.
pub struct Shared {
    pub source: Arc<dyn Source>,
    pub status: Arc<dyn StatusSource>,
    pub exporters: Arc<dyn ExporterSource>,
    pub delivery: Arc<dyn DeliverySource>,
    pub live: Arc<dyn LiveSource>,
    pub metrics: Arc<Registry>,
    pub hub: Arc<Hub>,
    pub clock: Clock,
    pub info: Info,
    pub settings: JobSettings,
    pub reference: Reference,
    /// Imported jobs, where the service keeps any.
    pub shelf: Option<JobShelf>,
}

impl Shared {
    /// The time now.
    pub fn now(&self) -> Micros {
        (self.clock)()
    }
}

/// Largest body of requests that say nothing else, bytes.
const USUAL_BODY: usize = 16 * 1024;

type App = axum::extract::State<Arc<Shared>>;

/// The whole service: API, health, metrics and UI.
///
/// Live events are forwarded by a task on the current tokio runtime; outside of one there are none. Event streams end
/// when the last sender of `state.events` is dropped; the router itself keeps none.
pub fn router(state: AppState) -> Router {
    let hub = Hub::new((state.clock)());
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn(Arc::clone(&hub).run(state.events.subscribe()));
    }
    let shelf = Some(JobShelf::open(&state.store));
    routes(Shared {
        shelf,
        source: Arc::new(Stored { store: state.store, results: state.results, forecaster: state.forecaster }),
        status: state.status,
        exporters: state.exporters,
        delivery: state.delivery,
        live: state.live,
        metrics: state.metrics,
        hub,
        clock: state.clock,
        info: state.info,
        settings: state.job_settings,
        reference: state.reference,
    })
}

/// The service over what handlers share.
pub(crate) fn routes(shared: Shared) -> Router {
    let v1 = Router::new()
        .route("/summary", get(summary::summary))
        .route("/anomalies", get(anomalies::anomalies))
        .route("/buckets", get(buckets::buckets))
        .route("/swimlane", get(swimlane::swimlane))
        .route("/influencers", get(influencers::influencers))
        .route("/series", get(series::series))
        .route("/series/worst", get(series::worst))
        .route("/forecast", get(forecast::forecast))
        .route("/sessions", get(sessions::sessions))
        .route("/sessions/summary", get(overview::overview))
        .route("/flows", get(flows::flows))
        .route("/filter", get(filter::filter))
        .route("/sessions/live", get(live::live))
        .route("/exporters", get(exporters::exporters))
        .route("/jobs", get(jobs::jobs))
        .route("/jobs/{schema}/{perspective}", get(jobs::job_file))
        .route("/jobs/catalogue", get(jobs::job_catalogue))
        .route("/jobs/catalogue/{id}", get(jobs::catalogue_file))
        .route("/jobs/import", post(imported::import_jobs).layer(DefaultBodyLimit::max(imported::LARGEST)))
        .route("/jobs/imported/{id}", get(imported::job).delete(imported::remove))
        .route("/jobs/imported/{id}/definition", get(imported::definition))
        .route("/jobs/imported/{id}/results", get(results::job_results))
        .route("/jobs/imported/{id}/snapshots", get(imported::job_snapshots))
        .route("/jobs/imported/{id}/{action}", post(imported::act))
        .route("/calendars", get(calendars::calendars))
        .route(
            "/calendars/{id}",
            put(calendars::put_calendar)
                .delete(calendars::remove_calendar)
                .layer(DefaultBodyLimit::max(calendars::LARGEST)),
        )
        .route("/annotations", get(calendars::annotations).post(calendars::annotate))
        .route("/annotations/{id}", delete(calendars::remove_annotation))
        .route("/results", get(results::results))
        .route("/sinks", get(sinks::sinks))
        .route("/alerts", get(alerts::alerts))
        .route("/silences", get(silences::silences).post(silences::add_silence))
        .route("/silences/{id}", delete(silences::end_silence))
        .route("/events", get(events::events))
        .route("/reference", get(reference::reference))
        .route("/version", get(version::version))
        .route("/openapi.json", get(version::openapi_json))
        .layer(DefaultBodyLimit::max(USUAL_BODY));
    let started = shared.now();
    let service = Router::new()
        .nest("/api/v1", v1)
        .route("/api", any(unknown))
        .route("/api/{*path}", any(unknown))
        .route("/metrics", get(root::metrics))
        .route("/health/livez", get(root::livez))
        .route("/health/readyz", get(root::readyz))
        .fallback(ui::serve)
        .with_state(Arc::new(shared));
    layers::wrap(service, started)
}

async fn unknown() -> Problem {
    Problem::not_found("there is no such path in the api; /api/v1/openapi.json lists them")
}

/// The description of the API: pretty-printed JSON with a final line feed.
pub fn openapi() -> String {
    let text = serde_json::to_string_pretty(&Description::openapi()).unwrap_or_default();
    format!("{text}\n")
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "halfopen",
        description = "Failed TCP sessions: where, for whom, since when, and how unusual. Times in answers are \
                       milliseconds since the epoch; `from` and `to` also take RFC 3339 and relative forms such as \
                       `now-24h`. Every refusal is an RFC 9457 problem document.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        summary::summary,
        anomalies::anomalies,
        buckets::buckets,
        swimlane::swimlane,
        influencers::influencers,
        series::series,
        series::worst,
        forecast::forecast,
        sessions::sessions,
        overview::overview,
        flows::flows,
        filter::filter,
        live::live,
        exporters::exporters,
        jobs::jobs,
        jobs::job_file,
        jobs::job_catalogue,
        jobs::catalogue_file,
        imported::import_jobs,
        imported::job,
        imported::definition,
        imported::remove,
        imported::act,
        imported::job_snapshots,
        calendars::calendars,
        calendars::put_calendar,
        calendars::remove_calendar,
        calendars::annotations,
        calendars::annotate,
        calendars::remove_annotation,
        results::results,
        results::job_results,
        sinks::sinks,
        alerts::alerts,
        silences::silences,
        silences::add_silence,
        silences::end_silence,
        events::events,
        reference::reference,
        version::version,
        version::openapi_json,
        root::metrics,
        root::livez,
        root::readyz,
    ),
    components(schemas(ProblemDocument)),
    tags(
        (name = "results", description = "What detection found"),
        (name = "sessions", description = "The sessions themselves, and who reports them"),
        (name = "jobs", description = "Job definitions and result documents for other programs"),
        (name = "delivery", description = "Where results go, who is told, and silences"),
        (name = "service", description = "The service itself"),
    ),
)]
struct Description;
