//! Templates: what the records of a set look like (RFC 7011 section 3.4, RFC 3954 sections 5.2 and 6.1).
//!
//! Owns reading and checking template records; must not know how values are used.

use serde::{Deserialize, Serialize};

use super::layout::Layout;
use super::plan::Plan;
use super::wire::{is_padding, u16_at, u32_at};

/// Length that marks a variable-length field (RFC 7011 section 7).
pub const VARIABLE: u16 = 65535;

/// One field of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FieldSpec {
    /// Enterprise number, 0 for IANA.
    pub enterprise: u32,
    /// Element id without the enterprise bit. Scopes of v9 options are numbered by RFC 3954.
    pub id: u16,
    /// Octets, or [`VARIABLE`].
    pub length: u16,
}

/// Shape of a data set's records.
#[derive(Debug, Clone)]
pub struct Template {
    /// Template id, 256 or above (0 for the fixed layouts of v5 and v7).
    pub id: u16,
    /// Fields in order, scope fields first.
    pub fields: Vec<FieldSpec>,
    /// Number of scope fields; more than none makes it an options template.
    pub scopes: usize,
    /// Whether the scope fields are numbered as in v9.
    pub v9_scopes: bool,
    /// Shortest possible record.
    pub min_length: usize,
    /// Where fields lie.
    pub(crate) layout: Layout,
    /// What ingest takes of a record; nothing of options data.
    pub(crate) plan: Plan,
}

impl Template {
    /// A template of these fields; `None` when no record could be read by it.
    pub fn new(id: u16, fields: Vec<FieldSpec>, scopes: usize, v9_scopes: bool) -> Option<Self> {
        let min_length: usize =
            fields.iter().map(|field| if field.length == VARIABLE { 1 } else { usize::from(field.length) }).sum();
        if fields.is_empty() || min_length == 0 || min_length > 65535 {
            return None;
        }
        let plan = if scopes == 0 { Plan::compile(&fields) } else { Plan::empty() };
        let layout = Layout::of(&fields);
        Some(Self { id, fields, scopes, v9_scopes, min_length, layout, plan })
    }

    /// Whether its records are options data.
    pub fn is_options(&self) -> bool {
        self.scopes > 0
    }

    /// Whether two templates describe the same records.
    pub fn same_shape(&self, other: &Self) -> bool {
        self.fields == other.fields && self.scopes == other.scopes
    }
}

/// How template records of a set are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// v9 template.
    V9,
    /// v9 options template.
    V9Options,
    /// IPFIX template.
    Ipfix,
    /// IPFIX options template.
    IpfixOptions,
}

/// What a template record says.
#[derive(Debug)]
pub(crate) enum Definition {
    /// A new or repeated template.
    Learned(Template),
    /// Forget this template (IPFIX, field count 0).
    Withdrawn(u16),
    /// Forget all templates, or all options templates.
    AllWithdrawn {
        /// Which kind.
        options: bool,
    },
    /// Cannot describe records; its id, and whether a limit is the reason.
    Invalid {
        /// More fields than allowed.
        limit: bool,
    },
}

/// Reads the template record at the start of `bytes`: what it says, and its length. `None`: the rest is padding.
///
/// # Errors
/// `Err(())` when the rest of the set cannot be read.
#[allow(clippy::result_unit_err)]
pub(crate) fn read(bytes: &[u8], dialect: Dialect, max_fields: usize) -> Result<Option<(Definition, usize)>, ()> {
    if is_padding(bytes) {
        return Ok(None);
    }
    let id = u16_at(bytes, 0).ok_or(())?;
    let count = u16_at(bytes, 2).ok_or(())?;
    if count == 0 && matches!(dialect, Dialect::Ipfix | Dialect::IpfixOptions) {
        let definition = match id {
            2 | 3 => Definition::AllWithdrawn { options: id == 3 },
            256.. => Definition::Withdrawn(id),
            _ => return Err(()),
        };
        return Ok(Some((definition, 4)));
    }
    let (mut at, total, scopes) = match dialect {
        Dialect::V9 | Dialect::Ipfix => (4, usize::from(count), 0),
        Dialect::IpfixOptions => (6, usize::from(count), usize::from(u16_at(bytes, 4).ok_or(())?)),
        Dialect::V9Options => {
            let option_length = u16_at(bytes, 4).ok_or(())?;
            if count % 4 != 0 || option_length % 4 != 0 {
                return Err(());
            }
            (6, usize::from(count / 4) + usize::from(option_length / 4), usize::from(count / 4))
        }
    };
    let is_options = matches!(dialect, Dialect::V9Options | Dialect::IpfixOptions);
    let enterprise_bit = matches!(dialect, Dialect::Ipfix | Dialect::IpfixOptions);
    let mut fields = Vec::with_capacity(total.min(max_fields));
    for _ in 0..total {
        let raw = u16_at(bytes, at).ok_or(())?;
        let length = u16_at(bytes, at + 2).ok_or(())?;
        at += 4;
        let mut field = FieldSpec { enterprise: 0, id: raw, length };
        if enterprise_bit && raw & 0x8000 != 0 {
            field.enterprise = u32_at(bytes, at).ok_or(())?;
            field.id = raw & 0x7fff;
            at += 4;
        }
        if fields.len() < max_fields {
            fields.push(field);
        }
    }
    if total > max_fields {
        return Ok(Some((Definition::Invalid { limit: true }, at)));
    }
    let scopes_valid = if is_options { scopes <= total && (scopes > 0 || dialect == Dialect::V9Options) } else { true };
    let template = (id >= 256 && scopes_valid)
        .then(|| {
            Template::new(
                id,
                fields,
                if is_options { scopes.max(1).min(total) } else { 0 },
                scopes > 0 && dialect == Dialect::V9Options,
            )
        })
        .flatten();
    Ok(Some((template.map_or(Definition::Invalid { limit: false }, Definition::Learned), at)))
}
