//! Who may change something: requests of our own pages, and of programs; never those that a stranger's page makes a
//! browser send.
//!
//! There is no log-in whose cookie could be misused, but a browser reaches addresses that a stranger does not, loopback
//! above all. What changes something must be JSON, which pages of another origin cannot send without asking first, and
//! must not say that it comes from elsewhere (`Sec-Fetch-Site`, `Origin`).

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use utoipa::IntoResponses;

use crate::problem::{Problem, ProblemDocument};

/// The request may change something, and has no body.
pub struct Ours;

impl<S: Send + Sync> FromRequestParts<S> for Ours {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        same_origin(&parts.headers, false).map(|()| Self)
    }
}

/// The request may change something: its JSON body.
pub struct Change<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Change<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        same_origin(request.headers(), true)?;
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|rejection| Problem::of_status(rejection.status()))?;
        let read = serde_json::from_slice(&body);
        read.map(Self).map_err(|error| Problem::bad_request(format!("the body is not what is expected: {error}")))
    }
}

/// What is answered to a request that removes something.
#[derive(IntoResponses)]
#[allow(dead_code, reason = "the description of the API reads it")]
pub enum Removal {
    /// It is gone.
    #[response(status = 204)]
    Done,
    /// A query parameter is unknown.
    #[response(status = 400, content_type = "application/problem+json")]
    Wrong(ProblemDocument),
    /// The request comes from a page of another origin.
    #[response(status = 403, content_type = "application/problem+json")]
    Foreign(ProblemDocument),
    /// There is none of that name.
    #[response(status = 404, content_type = "application/problem+json")]
    Unknown(ProblemDocument),
}

/// Refuses requests that come from another origin. `json`: the request has a body, which must be JSON.
///
/// # Errors
/// A 403 for another origin, a 415 for another type.
fn same_origin(headers: &HeaderMap, json: bool) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let forbidden = || Problem::new(StatusCode::FORBIDDEN, "pages of another origin may not change anything here");
    // Browsers say so themselves, and no page can make them lie; behind a proxy that changes the host, nothing else tells.
    let ours = match text("sec-fetch-site") {
        Some("same-origin") => true,
        None | Some("none") => false,
        Some(_) => return Err(forbidden()),
    };
    if let Some(origin) = headers.get(header::ORIGIN).filter(|_| !ours) {
        let host = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
        // Behind a proxy the host is the one that the browser asked for.
        let asked = [text("host"), text("x-forwarded-host")];
        if host.is_none_or(|host| !asked.iter().flatten().any(|asked| asked.eq_ignore_ascii_case(host))) {
            return Err(forbidden());
        }
    }
    let kind = text("content-type").map(|kind| kind.split(';').next().unwrap_or_default().trim());
    if json && !kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json")) {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/json"));
    }
    Ok(())
}
