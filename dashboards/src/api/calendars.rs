//! `/calendars` and `/annotations`: planned events, and what people note.

use analytics::jobs::{Annotation, JobCalendar};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use jobs::id::is_id;

use super::App;
use super::imported::work;
use crate::guard::{Change, Ours, Removal};
use crate::params::{NoParams, Params};
use crate::problem::{Problem, ProblemDocument};
use crate::wire::calendar::{AnnotationItem, AnnotationList, CalendarItem, CalendarList};

/// Longest calendar, bytes.
pub const LARGEST: usize = 2 << 20;
/// Most events of a calendar, and most annotations.
const MOST: usize = 10_000;

/// Calendars of planned events, such as maintenance: jobs make no results of their buckets and learn nothing of them.
#[utoipa::path(get, path = "/api/v1/calendars", tag = "jobs", responses((status = 200, body = CalendarList)))]
pub async fn calendars(State(app): App, Params(NoParams {}): Params<NoParams>) -> Result<Json<CalendarList>, Problem> {
    let known = work(&app, |shelf| Ok(shelf.calendars()?)).await?;
    Ok(Json(CalendarList { items: known.into_iter().map(CalendarItem::from).collect() }))
}

/// Adds a calendar or replaces the one of this id. Requests of pages of another origin are refused.
#[utoipa::path(put, path = "/api/v1/calendars/{id}", tag = "jobs", params(("id" = String, Path, description = "calendar id")),
    request_body(content = CalendarItem, content_type = "application/json"),
    responses(
        (status = 200, body = CalendarItem),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 415, body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub async fn put_calendar(
    State(app): App,
    Path(id): Path<String>,
    Params(NoParams {}): Params<NoParams>,
    Change(item): Change<CalendarItem>,
) -> Result<Json<CalendarItem>, Problem> {
    let calendar = JobCalendar { calendar_id: id.clone(), ..item.into() };
    if !is_id(&id) || id.len() > 64 {
        return Err(Problem::bad_request("an id is lower-case letters, digits, '-' and '_', 64 at most"));
    }
    if calendar.events.len() > MOST {
        return Err(Problem::bad_request(format!("a calendar has {MOST} events at most")));
    }
    if let Some(event) = calendar.events.iter().find(|event| event.end_time <= event.start_time) {
        return Err(Problem::bad_request(format!("event {:?} ends before it starts", event.description)));
    }
    let kept = calendar.clone();
    work(&app, move |shelf| Ok(shelf.set_calendar(&id, Some(kept))?)).await?;
    Ok(Json(calendar.into()))
}

/// Removes a calendar. Requests of pages of another origin are refused.
#[utoipa::path(delete, path = "/api/v1/calendars/{id}", tag = "jobs", params(("id" = String, Path, description = "calendar id")),
    responses(Removal),
)]
pub async fn remove_calendar(
    State(app): App,
    _: Ours,
    Path(id): Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<StatusCode, Problem> {
    work(&app, move |shelf| {
        if !shelf.calendars()?.iter().any(|calendar| calendar.calendar_id == id) {
            return Err(Problem::not_found(format!("there is no calendar {id:?}")));
        }
        Ok(shelf.set_calendar(&id, None)?)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What people noted, by time.
#[utoipa::path(get, path = "/api/v1/annotations", tag = "jobs", responses((status = 200, body = AnnotationList)))]
pub async fn annotations(
    State(app): App,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Json<AnnotationList>, Problem> {
    let known = work(&app, |shelf| Ok(shelf.annotations()?)).await?;
    Ok(Json(AnnotationList { items: known.into_iter().map(AnnotationItem::from).collect() }))
}

/// Notes something. Requests of pages of another origin are refused.
#[utoipa::path(post, path = "/api/v1/annotations", tag = "jobs",
    request_body(content = AnnotationItem, content_type = "application/json"),
    responses(
        (status = 201, body = AnnotationItem),
        (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 403, body = ProblemDocument, content_type = "application/problem+json"),
        (status = 415, body = ProblemDocument, content_type = "application/problem+json"),
    ),
)]
pub async fn annotate(
    State(app): App,
    Params(NoParams {}): Params<NoParams>,
    Change(item): Change<AnnotationItem>,
) -> Result<Response, Problem> {
    if item.annotation.trim().is_empty() || item.annotation.len() > 10_000 {
        return Err(Problem::bad_request("an annotation has 1 to 10,000 characters"));
    }
    let annotation = Annotation { id: format!("a{:x}", app.now()), ..item.into() };
    let kept = annotation.clone();
    work(&app, move |shelf| {
        let added = shelf.change_annotations(|known| {
            let room = known.len() < MOST;
            if room {
                known.retain(|other| other.id != kept.id);
                known.push(kept);
            }
            room
        })?;
        let full = || Problem::bad_request(format!("there are {MOST} annotations already"));
        added.then_some(()).ok_or_else(full)
    })
    .await?;
    Ok((StatusCode::CREATED, Json(AnnotationItem::from(annotation))).into_response())
}

/// Removes an annotation. Requests of pages of another origin are refused.
#[utoipa::path(delete, path = "/api/v1/annotations/{id}", tag = "jobs", params(("id" = String, Path, description = "annotation id")),
    responses(Removal),
)]
pub async fn remove_annotation(
    State(app): App,
    _: Ours,
    Path(id): Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<StatusCode, Problem> {
    work(&app, move |shelf| {
        let removed = shelf.change_annotations(|known| {
            let before = known.len();
            known.retain(|annotation| annotation.id != id);
            known.len() < before
        })?;
        removed.then_some(()).ok_or_else(|| Problem::not_found(format!("there is no annotation {id:?}")))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}
