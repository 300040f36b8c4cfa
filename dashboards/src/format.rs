//! One answer, several forms: JSON, NDJSON, CSV, and Arrow where there is a table behind it.

use std::str::FromStr;

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use jobs::document::csv::csv_text;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::problem::Problem;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON document.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// RFC 4180.
    Csv,
    /// Arrow IPC stream.
    Arrow,
}

impl Format {
    const TYPES: [(&'static str, Self); 5] = [
        ("application/json", Self::Json),
        ("application/x-ndjson", Self::Ndjson),
        ("application/ndjson", Self::Ndjson),
        ("text/csv", Self::Csv),
        ("application/vnd.apache.arrow.stream", Self::Arrow),
    ];

    /// The form asked for: by the parameter, else by the first type in `Accept` that is known, else JSON.
    pub fn of(given: Option<Self>, headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let first = accepted.flat_map(|list| list.split(',')).find_map(|item| {
            let kind = item.split(';').next().unwrap_or_default().trim();
            Self::TYPES.iter().find(|(name, _)| name.eq_ignore_ascii_case(kind)).map(|(_, format)| *format)
        });
        given.or(first).unwrap_or(Self::Json)
    }
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, &'static str> {
        match name {
            "json" => Ok(Self::Json),
            "ndjson" => Ok(Self::Ndjson),
            "csv" => Ok(Self::Csv),
            "arrow" => Ok(Self::Arrow),
            _ => Err("expected json, ndjson, csv or arrow"),
        }
    }
}

/// The answer in this form: `whole` for JSON, else its `rows`, as a download of this name.
pub fn respond<W: Serialize, R: Serialize>(
    format: Format,
    name: &str,
    whole: &W,
    rows: &[R],
) -> Result<Response, Problem> {
    match format {
        Format::Json => Ok(Json(whole).into_response()),
        Format::Ndjson => {
            let lines: String = objects(rows)?.into_iter().map(|row| Value::Object(row).to_string() + "\n").collect();
            Ok(download(lines, "application/x-ndjson", &format!("{name}.ndjson")))
        }
        Format::Csv => {
            let lines = csv_text(objects(rows)?).map_err(|_| Problem::internal("a row could not be written"))?;
            Ok(download(lines, "text/csv; charset=utf-8", &format!("{name}.csv")))
        }
        Format::Arrow => Err(Problem::bad_request(format!("query parameter \"format\": {name} do not come as arrow"))),
    }
}

/// A body of this type, to be saved under this name.
pub fn download(body: impl Into<axum::body::Body>, kind: &'static str, file_name: &str) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{file_name}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// Names the next page in a `Link` header (RFC 8288), for forms that have no room for a cursor.
pub fn link_next(mut response: Response, next: Option<&str>) -> Response {
    let link = next.and_then(|cursor| HeaderValue::from_str(&format!("<?cursor={cursor}>; rel=\"next\"")).ok());
    if let Some(link) = link {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}

fn objects<R: Serialize>(rows: &[R]) -> Result<Vec<Map<String, Value>>, Problem> {
    let object = |row| match serde_json::to_value(row) {
        Ok(Value::Object(map)) => Ok(map),
        _ => Err(Problem::internal("a row could not be written")),
    };
    rows.iter().map(object).collect()
}
