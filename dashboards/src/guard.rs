//! Who may change something: requests of our own pages, and of programs; never those that a stranger's page makes a
//! browser send.
//!
//! There is no log-in whose cookie could be misused, but a browser reaches addresses that a stranger does not, loopback
//! above all. What changes something must be JSON, which pages of another origin cannot send without asking first, and
//! must not say that it comes from elsewhere (`Sec-Fetch-Site`, `Origin`).

use axum::http::{HeaderMap, StatusCode, header};

use crate::problem::Problem;

/// Refuses requests that come from another origin. `json`: the request has a body, which must be JSON.
///
/// # Errors
/// A 403 for another origin, a 415 for another type.
pub fn same_origin(headers: &HeaderMap, json: bool) -> Result<(), Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let forbidden = || Problem::new(StatusCode::FORBIDDEN, "pages of another origin may not change anything here");
    if !matches!(text("sec-fetch-site"), None | Some("same-origin" | "none")) {
        return Err(forbidden());
    }
    if let Some(origin) = headers.get(header::ORIGIN) {
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
