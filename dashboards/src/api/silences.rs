//! `/silences`: for whom, and until when, nobody is told.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::App;
use crate::guard::{Change, Ours, Removal};
use crate::params::{NoParams, Params};
use crate::problem::{Problem, ProblemDocument};
use crate::state::{DeliverySource, Refusal};
use crate::wire::silences::{NewSilence, Silence, SilenceList};

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Wrong(why) => Self::bad_request(why),
            Refusal::Failed(why) => {
                tracing::error!(why, "silences cannot be kept");
                Self::internal("silences could not be read or written; the log says why")
            }
        }
    }
}

/// Asks something that reads or writes files, away from the threads that serve requests.
async fn ask<T: Send + 'static>(
    delivery: &Arc<dyn DeliverySource>,
    question: impl FnOnce(&dyn DeliverySource) -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Problem> {
    let delivery = Arc::clone(delivery);
    match tokio::task::spawn_blocking(move || question(delivery.as_ref())).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Problem::internal("the request could not be completed")),
    }
}

/// Silences that have not ended, and those of the last week, the newest first.
#[utoipa::path(get, path = "/api/v1/silences", tag = "delivery", responses(
    (status = 200, body = SilenceList),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn silences(State(app): App, Params(NoParams {}): Params<NoParams>) -> Result<Json<SilenceList>, Problem> {
    let items = ask(&app.delivery, |delivery| delivery.silences()).await?;
    Ok(Json(SilenceList { items }))
}

/// Makes a silence. Requests of pages of another origin are refused.
#[utoipa::path(post, path = "/api/v1/silences", tag = "delivery", request_body = NewSilence, responses(
    (status = 201, body = Silence),
    (status = 400, body = ProblemDocument, content_type = "application/problem+json"),
    (status = 403, body = ProblemDocument, content_type = "application/problem+json"),
    (status = 413, body = ProblemDocument, content_type = "application/problem+json"),
    (status = 415, body = ProblemDocument, content_type = "application/problem+json"),
))]
pub async fn add_silence(
    State(app): App,
    Params(NoParams {}): Params<NoParams>,
    Change(new): Change<NewSilence>,
) -> Result<(StatusCode, Json<Silence>), Problem> {
    let silence = ask(&app.delivery, move |delivery| delivery.add_silence(new)).await?;
    Ok((StatusCode::CREATED, Json(silence)))
}

/// Ends a silence now. Requests of pages of another origin are refused.
#[utoipa::path(delete, path = "/api/v1/silences/{id}", tag = "delivery",
    params(("id" = String, Path, description = "Id of the silence")),
    responses(Removal),
)]
pub async fn end_silence(
    State(app): App,
    _: Ours,
    Path(id): Path<String>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<StatusCode, Problem> {
    let wanted = id.clone();
    if ask(&app.delivery, move |delivery| delivery.end_silence(&wanted)).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found(format!("there is no silence {id:?}")))
    }
}
