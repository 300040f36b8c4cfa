//! Problems: every refusal and failure as an RFC 9457 problem document.
//!
//! Handlers return a [`Problem`]; the outermost layer writes it out, because only there the request's id and path
//! are known.

use analytics::StoreError;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// Media type of a problem document (RFC 9457 section 3).
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A refusal or failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Status of the response.
    pub status: StatusCode,
    /// What happened this time, for people.
    pub detail: String,
}

/// A problem document (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemDocument {
    /// Kind of problem; `about:blank` says that the status tells it.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The status in words.
    pub title: &'static str,
    /// Status of the response.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// Path of the request.
    pub instance: String,
    /// Id of the request, as in the `x-request-id` header and the log.
    pub request_id: String,
}

impl Problem {
    /// A problem with this status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }

    /// The request cannot be understood.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// There is nothing of that name.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// Something went wrong here.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    /// What a response without a problem of its own says by its status alone.
    pub fn of_status(status: StatusCode) -> Self {
        let detail = match status {
            StatusCode::NOT_FOUND => "there is nothing at this path",
            StatusCode::METHOD_NOT_ALLOWED => "this path does not take this method",
            StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => "the request took too long",
            StatusCode::PAYLOAD_TOO_LARGE => "the request is too large",
            StatusCode::INTERNAL_SERVER_ERROR => "something went wrong while answering",
            _ => "the request was refused",
        };
        Self::new(status, detail)
    }

    /// The problem as a response.
    pub fn document(&self, instance: &str, request_id: &str) -> Response {
        let document = ProblemDocument {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Problem"),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            instance: instance.to_owned(),
            request_id: request_id.to_owned(),
        };
        let body = serde_json::to_string(&document).unwrap_or_default();
        let kind = HeaderValue::from_static(MEDIA_TYPE);
        (self.status, [(header::CONTENT_TYPE, kind)], body).into_response()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if let StoreError::Cursor(_) = error {
            Self::bad_request(format!("query parameter \"cursor\": {error}"))
        } else if error.is_out_of_memory() {
            Self::bad_request(
                "this takes more memory than `query.memory` allows: ask for a shorter time or with a filter",
            )
        } else {
            tracing::error!(%error, "answering a request failed");
            Self::internal("the store could not be read; the log says why")
        }
    }
}
