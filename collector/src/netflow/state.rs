//! What a decoder knows of exporters, in a form that outlives the process: templates, samplers, names.
//!
//! Owns the form and its version; must not know files. What cannot be read is refused as a whole, never half believed.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tracker::Micros;

use super::flow::ExporterKey;
use super::options::ExporterOptions;
use super::source::Source;
use super::template::{FieldSpec, Template};
use super::templates::Known;

/// Begins every stored state; the number changes with the form.
const MAGIC: &[u8] = b"halfopen exporters 1\n";

/// Why a stored state was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Another version's, or no state at all.
    #[error("it is of another version")]
    Version,
    /// Cut or changed.
    #[error("it is damaged")]
    Damaged,
}

/// What is known of one exporter and domain.
#[derive(Debug, Clone)]
pub struct SourceState {
    pub(crate) key: ExporterKey,
    pub(crate) domain: u32,
    pub(crate) first_seen: Micros,
    pub(crate) last_seen: Micros,
    pub(crate) sampling: u32,
    pub(crate) templates: Vec<(bool, Known)>,
    pub(crate) options: ExporterOptions,
}

impl SourceState {
    pub(crate) fn of(source: &Source) -> Self {
        Self {
            key: source.key,
            domain: source.domain,
            first_seen: source.first_seen,
            last_seen: source.last_seen,
            sampling: source.sampling,
            templates: source.templates.iter().map(|(ipfix, known)| (ipfix, known.clone())).collect(),
            options: source.options.clone(),
        }
    }

    /// Who it is.
    pub fn exporter(&self) -> ExporterKey {
        self.key
    }
}

#[derive(Serialize, Deserialize)]
struct StoredTemplate<'a> {
    ipfix: bool,
    id: u16,
    scopes: u16,
    v9_scopes: bool,
    refreshed: Micros,
    fields: Cow<'a, [FieldSpec]>,
}

#[derive(Serialize, Deserialize)]
struct StoredSource<'a> {
    key: ExporterKey,
    domain: u32,
    first_seen: Micros,
    last_seen: Micros,
    sampling: u32,
    templates: Vec<StoredTemplate<'a>>,
    options: Cow<'a, ExporterOptions>,
}

/// The states as octets.
///
/// # Errors
/// None in practice: every part can be written.
pub fn encode<'a>(states: impl IntoIterator<Item = &'a SourceState>) -> Result<Vec<u8>, postcard::Error> {
    let stored: Vec<StoredSource<'a>> = states.into_iter().map(stored).collect();
    let body = postcard::to_stdvec(&stored)?;
    Ok([MAGIC, &checksum(&body).to_be_bytes(), &body].concat())
}

fn stored(state: &SourceState) -> StoredSource<'_> {
    let templates = state.templates.iter().map(|(ipfix, known)| StoredTemplate {
        ipfix: *ipfix,
        id: known.template.id,
        scopes: known.template.scopes as u16,
        v9_scopes: known.template.v9_scopes,
        refreshed: known.refreshed,
        fields: Cow::Borrowed(&known.template.fields),
    });
    StoredSource {
        key: state.key,
        domain: state.domain,
        first_seen: state.first_seen,
        last_seen: state.last_seen,
        sampling: state.sampling,
        templates: templates.collect(),
        options: Cow::Borrowed(&state.options),
    }
}

/// The states that these octets hold.
///
/// # Errors
/// They are of another version, or damaged.
pub fn decode(bytes: &[u8]) -> Result<Vec<SourceState>, StateError> {
    let rest = bytes.strip_prefix(MAGIC).ok_or(StateError::Version)?;
    let (sum, body) = rest.split_first_chunk::<8>().ok_or(StateError::Damaged)?;
    if u64::from_be_bytes(*sum) != checksum(body) {
        return Err(StateError::Damaged);
    }
    let stored: Vec<StoredSource<'_>> = postcard::from_bytes(body).map_err(|_| StateError::Damaged)?;
    stored.into_iter().map(restored).collect()
}

fn restored(stored: StoredSource<'_>) -> Result<SourceState, StateError> {
    let template = |stored: StoredTemplate<'_>| {
        let fields = stored.fields.into_owned();
        let scopes = usize::from(stored.scopes);
        if scopes > fields.len() || stored.id < 256 {
            return Err(StateError::Damaged);
        }
        let template = Template::new(stored.id, fields, scopes, stored.v9_scopes).ok_or(StateError::Damaged)?;
        Ok((stored.ipfix, Known { template: Arc::new(template), refreshed: stored.refreshed }))
    };
    Ok(SourceState {
        key: stored.key,
        domain: stored.domain,
        first_seen: stored.first_seen,
        last_seen: stored.last_seen,
        sampling: stored.sampling,
        templates: stored.templates.into_iter().map(template).collect::<Result<_, _>>()?,
        options: stored.options.into_owned(),
    })
}

/// FNV-1a, 64 bits: tells accidents from what was written.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
