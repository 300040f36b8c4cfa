//! What every response passes: request ids, problem documents, security headers, compression, limits.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::CompressionLevel;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;
use tracker::Micros;

use crate::problem::{MEDIA_TYPE, Problem};

/// How long a request may take until its answer begins.
const PATIENCE: Duration = Duration::from_secs(30);
/// The largest body that any request may have; routes allow less.
const LARGEST_BODY: usize = 8 * 1024 * 1024;
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Everything comes from here, no script and no style is inline, and nobody may frame it.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; base-uri 'self'; form-action 'none'; \
     frame-ancestors 'none'; img-src 'self' data:; object-src 'none'";

const SECURITY: [(HeaderName, &str); 7] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
];

/// Wraps the service. `started` makes the ids of requests differ from those of an earlier run.
pub fn wrap(service: Router, started: Micros) -> Router {
    let ids = Arc::new(Ids { run: started.max(0) as u64, next: AtomicU64::new(1) });
    service
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, PATIENCE))
        .layer(RequestBodyLimitLayer::new(LARGEST_BODY))
        .layer(CatchPanicLayer::custom(|panic: Box<dyn Any + Send>| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("unknown");
            tracing::error!(panic = text, "a request handler panicked");
            Problem::internal("something went wrong while answering; the log says what").into_response()
        }))
        // What is asked for is made anew each time: in the time that a higher level takes, a network has carried the difference.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(from_fn_with_state(ids, finish))
}

/// Numbers requests.
struct Ids {
    run: u64,
    next: AtomicU64,
}

impl Ids {
    /// The id that the request came with, if it is fit to be shown; else a new one.
    fn of(&self, headers: &HeaderMap) -> String {
        let fit = |id: &&str| {
            (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
        };
        let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(fit);
        given.map_or_else(|| format!("{:x}-{}", self.run, self.next.fetch_add(1, Ordering::Relaxed)), str::to_owned)
    }
}

/// Gives the request its id, writes problems out, and adds what every response has.
async fn finish(State(ids): State<Arc<Ids>>, request: Request, next: Next) -> Response {
    let id = ids.of(request.headers());
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).await;
    let status = response.status();
    let written = response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind == MEDIA_TYPE);
    if (status.is_client_error() || status.is_server_error()) && !written {
        let problem = response.extensions_mut().remove::<Problem>().unwrap_or_else(|| Problem::of_status(status));
        if status.is_server_error() {
            tracing::warn!(request_id = id, path, status = status.as_u16(), detail = problem.detail, "request failed");
        }
        let allow = response.headers_mut().remove(header::ALLOW);
        response = problem.document(&path, &id);
        if let Some(allow) = allow {
            response.headers_mut().insert(header::ALLOW, allow);
        }
    }
    let headers = response.headers_mut();
    for (name, value) in SECURITY {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}
