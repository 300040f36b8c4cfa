//! The web UI: files built into the program, and the page that says how to build them.
//!
//! Files lie there gzipped as well, as the build of the UI made them, so that nothing is compressed for each request.
//! Every path that is no file and no API is answered by the UI's one page, which reads the path itself. The page
//! addresses its files relatively, so that it works below any path that a proxy puts it under.

#[cfg(test)]
mod tests;

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::problem::Problem;

#[derive(RustEmbed)]
#[folder = "ui/dist"]
#[allow_missing = true]
struct Dist;

const INDEX: &str = "index.html";
const FOREVER: &str = "public, max-age=31536000, immutable";
const CHECK: &str = "no-cache";
/// Shown when the program was built before its UI.
const NO_UI: &str = include_str!("ui/missing.html");

/// A file of the UI, or its page.
pub async fn serve(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        let mut response = Problem::of_status(StatusCode::METHOD_NOT_ALLOWED).into_response();
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let path = uri.path().trim_start_matches('/');
    if path != INDEX
        && let Some(file) = Dist::get(path)
    {
        // Names below assets/ carry a hash of their content.
        let keep = if path.starts_with("assets/") { FOREVER } else { CHECK };
        let small = if takes_gzip(&headers) { Dist::get(&format!("{path}.gz")) } else { None };
        return file_response(file, small, keep, &headers);
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    if name.contains('.') && path != INDEX {
        return Problem::not_found("there is no such file").into_response();
    }
    let built = Dist::get(INDEX).map(|file| String::from_utf8_lossy(&file.data).into_owned());
    page(built.as_deref(), path)
}

/// The page for this path.
fn page(built: Option<&str>, path: &str) -> Response {
    let body = built.map_or_else(|| NO_UI.to_owned(), |html| with_base(html, path));
    let kind = HeaderValue::from_static("text/html; charset=utf-8");
    let keep = HeaderValue::from_static(CHECK);
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, keep)], body).into_response()
}

/// The page with the way back to where its files are, for paths more than one level deep.
fn with_base(html: &str, path: &str) -> String {
    let up = "../".repeat(path.matches('/').count());
    if up.is_empty() { html.to_owned() } else { html.replacen("<head>", &format!("<head><base href=\"{up}\">"), 1) }
}

/// Whether the request takes gzip: it is named, and not with a weight of zero (RFC 9110 section 12.5.3).
fn takes_gzip(headers: &HeaderMap) -> bool {
    let given = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    given.flat_map(|list| list.split(',')).any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        let weight = weight.trim().strip_prefix("q=").map(str::parse::<f32>);
        let refused = matches!(weight, Some(Ok(weight)) if weight <= 0.0);
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

/// The file, in its small form where there is one.
fn file_response(file: EmbeddedFile, small: Option<EmbeddedFile>, keep: &'static str, headers: &HeaderMap) -> Response {
    use std::fmt::Write as _;
    let kind = file.metadata.mimetype().to_owned();
    let gzipped = small.is_some();
    let file = small.unwrap_or(file);
    let mut tag = String::from("\"");
    for byte in &file.metadata.sha256_hash()[..16] {
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let same = known.flat_map(|list| list.split(',')).any(|item| item.trim().trim_start_matches("W/") == tag);
    let mut response = if same {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, kind)], file.data.into_owned()).into_response()
    };
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    if gzipped {
        if !same {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}
