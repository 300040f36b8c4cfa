//! Webhooks: one POST for each document, its body made from a template and signed.
//!
//! The signature is that of Standard Webhooks (standardwebhooks.com): HMAC-SHA256 over `id.timestamp.body`. The id is
//! the document's and stays the same when it is sent again, so that a receiver can tell.

pub mod body;
#[cfg(test)]
mod tests;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::{Client, StatusCode};
use sha2::Sha256;
use tracker::Micros;

use super::http::{Answered, client, explain};
use super::item::Item;
use super::target::{Answer, Target, Verdict};
use crate::config::Sink;
use body::Body;

/// A receiver of webhooks.
pub struct Webhook {
    client: Client,
    url: String,
    body: Body,
    key: Option<Vec<u8>>,
    clock: fn() -> Micros,
}

impl Webhook {
    /// The receiver of this sink. Nothing is sent.
    ///
    /// # Errors
    /// A secret or the template is not there or not right.
    pub fn new(sink: &Sink, clock: fn() -> Micros) -> anyhow::Result<Self> {
        let key = sink.signing_key.reveal()?;
        let key = match key.strip_prefix("whsec_") {
            Some(coded) => STANDARD.decode(coded).context("signing_key: what follows whsec_ is not base64")?,
            None => key.into_bytes(),
        };
        Ok(Self {
            client: client(sink)?,
            url: sink.urls.first().cloned().unwrap_or_default(),
            body: Body::new(sink)?,
            key: (!key.is_empty()).then_some(key),
            clock,
        })
    }

    async fn post(&self, item: &Item) -> (Verdict, Option<std::time::Duration>) {
        let body = match self.body.render(item) {
            Ok(body) => body,
            Err(error) => return (Verdict::Never(format!("{error:#}")), None),
        };
        let time = (self.clock)().div_euclid(1_000_000).to_string();
        let mut request = self.client.post(&self.url).header("content-type", self.body.content_type());
        request = request.header("webhook-id", &item.id).header("webhook-timestamp", &time);
        if let Some(key) = &self.key {
            request = request.header("webhook-signature", format!("v1,{}", signature(key, &item.id, &time, &body)));
        }
        let answered = match request.body(body).send().await {
            Ok(response) => Answered::read(response).await.map_err(|error| format!("{error:#}")),
            Err(error) => Err(explain(&error)),
        };
        match answered {
            Ok(answered) => (verdict(&answered), answered.wait),
            Err(reason) => (Verdict::Later { reason, blame: false }, None),
        }
    }
}

/// The signature of a request, base64.
fn signature(key: &[u8], id: &str, time: &str, body: &str) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    for part in [id, ".", time, ".", body] {
        mac.update(part.as_bytes());
    }
    STANDARD.encode(mac.finalize().into_bytes())
}

fn verdict(answered: &Answered) -> Verdict {
    match answered.status {
        status if status.is_success() => Verdict::Taken,
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
            Verdict::Never(answered.reason())
        }
        // Of a server that fails it is not known for whose sake; of everything else it is: not for the document's.
        status => Verdict::Later { reason: answered.reason(), blame: status == StatusCode::INTERNAL_SERVER_ERROR },
    }
}

impl Target for Webhook {
    fn send<'a>(&'a mut self, items: &'a [Item]) -> BoxFuture<'a, Answer> {
        async move {
            let mut answer = Answer::taken(0);
            for item in items {
                let (verdict, wait) = self.post(item).await;
                let stop = matches!(&verdict, Verdict::Later { blame: false, .. });
                answer = answer.and(Answer { verdicts: vec![verdict.clone()], wait });
                if stop {
                    // The receiver takes nothing now: the others wait with it, and in their order.
                    answer.verdicts.resize(items.len(), verdict);
                    break;
                }
            }
            answer
        }
        .boxed()
    }
}
