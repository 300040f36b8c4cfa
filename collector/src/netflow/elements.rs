//! Information elements: what each is called and what kind of value it holds.
//!
//! Owns the IANA registry (RFC 7012) and the enterprise elements we name; must not know templates or records.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use netflow_parser::FieldDataType;
use netflow_parser::variable_versions::ipfix::lookup::IPFixField;

/// Enterprise number under which reverse elements of a biflow are exported (RFC 5103 section 6.1).
pub const REVERSE_PEN: u32 = 29305;
/// CERT, the vendor of YAF.
pub const CERT_PEN: u32 = 6871;
/// CERT marks the reverse direction of its own elements by this bit of the id.
pub const CERT_REVERSE_BIT: u16 = 0x4000;

/// ntop, the vendor of nProbe.
const NTOP_PEN: u32 = 35632;
const NTOP_V9_OFFSET: u16 = 57_472;

/// Abstract data type of an element, as far as reading it goes (RFC 7011 section 6.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Unsigned number of any width up to eight octets.
    Unsigned,
    /// Signed number of any width up to eight octets.
    Signed,
    /// IEEE 754 number of four or eight octets.
    Float,
    /// RFC 7011 boolean: 1 true, 2 false.
    Boolean,
    /// IPv4 address.
    Ipv4,
    /// IPv6 address.
    Ipv6,
    /// Six octets.
    Mac,
    /// UTF-8 text.
    Text,
    /// Octets without further meaning.
    Octets,
    /// Classification engine and selector (RFC 6759 section 4).
    Application,
    /// Seconds since 1970.
    Seconds,
    /// Milliseconds since 1970.
    Millis,
    /// NTP time stamp, microsecond precision.
    NtpMicros,
    /// NTP time stamp, nanosecond precision.
    NtpNanos,
    /// Structured data (RFC 6313).
    List,
    /// Nothing is known of it.
    Unknown,
}

impl Kind {
    fn of_letter(letter: &str) -> Self {
        match letter {
            "u" => Self::Unsigned,
            "i" => Self::Signed,
            "f" => Self::Float,
            "b" => Self::Boolean,
            "4" => Self::Ipv4,
            "6" => Self::Ipv6,
            "m" => Self::Mac,
            "s" => Self::Text,
            "o" => Self::Octets,
            "a" => Self::Application,
            "S" => Self::Seconds,
            "M" => Self::Millis,
            "U" => Self::NtpMicros,
            "N" => Self::NtpNanos,
            "l" => Self::List,
            _ => Self::Unknown,
        }
    }

    fn of_dictionary(kind: FieldDataType) -> Self {
        match kind {
            FieldDataType::String => Self::Text,
            FieldDataType::SignedDataNumber => Self::Signed,
            FieldDataType::UnsignedDataNumber => Self::Unsigned,
            FieldDataType::Float64 => Self::Float,
            FieldDataType::Ip4Addr => Self::Ipv4,
            FieldDataType::Ip6Addr => Self::Ipv6,
            FieldDataType::MacAddr => Self::Mac,
            FieldDataType::Vec => Self::Octets,
            _ => Self::Unknown,
        }
    }
}

/// Name and kind of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    /// Name in the registry's spelling.
    pub name: &'static str,
    /// Kind of its values.
    pub kind: Kind,
}

static ELEMENTS: LazyLock<HashMap<(u32, u16), Element>> = LazyLock::new(|| {
    let iana = include_str!("elements.tsv").lines().filter_map(|line| {
        let mut columns = line.split('\t');
        let id = columns.next()?.parse().ok()?;
        Some(((0, id), Element { name: columns.next()?, kind: Kind::of_letter(columns.next()?) }))
    });
    let enterprise = include_str!("enterprise.tsv").lines().filter_map(|line| {
        let mut columns = line.split('\t');
        let key = (columns.next()?.parse().ok()?, columns.next()?.parse().ok()?);
        Some((key, Element { name: columns.next()?, kind: Kind::of_letter(columns.next()?) }))
    });
    iana.chain(enterprise).collect()
});

/// The element with this number; enterprise 0 is IANA. `None` where we do not name it.
pub fn element(enterprise: u32, id: u16) -> Option<Element> {
    ELEMENTS.get(&(enterprise, id)).copied()
}

/// The name and kind of any element: ours, a reverse element (RFC 5103), or what the parser's vendor dictionaries know.
///
/// An element that nobody names is `<enterprise>/<id>` (or its bare number) with unknown kind.
pub fn describe(enterprise: u32, id: u16) -> (Cow<'static, str>, Kind) {
    if let Some(element) = element(enterprise, id) {
        return (Cow::Borrowed(element.name), element.kind);
    }
    let reversed = match enterprise {
        REVERSE_PEN => element(0, id),
        CERT_PEN => (id & CERT_REVERSE_BIT != 0).then(|| element(CERT_PEN, id & !CERT_REVERSE_BIT)).flatten(),
        _ => None,
    };
    if let Some(forward) = reversed {
        return (Cow::Owned(reverse_name(forward.name)), forward.kind);
    }
    if enterprise == 0 {
        // nProbe writes its elements into v9, which has no enterprise numbers, with this offset.
        let ntop = id.checked_sub(NTOP_V9_OFFSET).and_then(|id| element(NTOP_PEN, id));
        return ntop.map_or_else(
            || (Cow::Owned(id.to_string()), Kind::Unknown),
            |element| (Cow::Borrowed(element.name), element.kind),
        );
    }
    let field = IPFixField::new(id, Some(enterprise));
    let kind = Kind::of_dictionary(field.into());
    (Cow::Owned(dictionary_name(field).unwrap_or_else(|| format!("{enterprise}/{id}"))), kind)
}

/// RFC 5103 section 6.1: "reverse" before the capitalised forward name.
fn reverse_name(forward: &str) -> String {
    let mut rest = forward.chars();
    let first = rest.next().map(|c| c.to_ascii_uppercase()).into_iter();
    "reverse".chars().chain(first).chain(rest).collect()
}

/// The vendor dictionary's name in camel case, `None` for what it does not really name either.
fn dictionary_name(field: IPFixField) -> Option<String> {
    if matches!(field, IPFixField::Enterprise { .. } | IPFixField::IANA(_)) {
        return None;
    }
    let text = format!("{field:?}");
    let inner = text.split_once('(')?.1.strip_suffix(')')?;
    if inner.contains("Unknown") || inner.is_empty() {
        return None;
    }
    let mut rest = inner.chars();
    let first = rest.next()?.to_ascii_lowercase();
    Some(std::iter::once(first).chain(rest).collect())
}

/// Scope of a v9 options record (RFC 3954 section 6.1).
pub fn v9_scope_name(id: u16) -> Option<&'static str> {
    Some(match id {
        1 => "scopeSystem",
        2 => "scopeInterface",
        3 => "scopeLineCard",
        4 => "scopeCache",
        5 => "scopeTemplate",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_is_complete_and_unambiguous() {
        let iana: Vec<_> = ELEMENTS.iter().filter(|((pen, id), _)| *pen == 0 && *id < 32768).collect();
        assert!(iana.len() >= 465, "{}", iana.len());
        let names: std::collections::HashSet<_> = iana.iter().map(|(_, element)| element.name).collect();
        assert_eq!(names.len(), iana.len());
        assert!(ELEMENTS.values().all(|element| element.kind != Kind::Unknown));
    }

    #[test]
    fn names() {
        assert_eq!(describe(0, 8).0, "sourceIPv4Address");
        assert_eq!(describe(0, 57).0, "postDestinationMacAddress");
        assert_eq!(describe(0, 154), ("flowStartMicroseconds".into(), Kind::NtpMicros));
        assert_eq!(describe(REVERSE_PEN, 1).0, "reverseOctetDeltaCount");
        assert_eq!(describe(CERT_PEN, 0x0e | CERT_REVERSE_BIT).0, "reverseInitialTCPFlags");
        assert_eq!(describe(5951, 128).0, "netscalerRoundTripTime");
        assert_eq!(describe(5951, 514).0, "5951/514");
        assert_eq!(describe(99999, 7), ("99999/7".into(), Kind::Unknown));
        assert_eq!(describe(35632, 118).0, "l7Proto");
        assert_eq!(describe(0, 57_590), describe(35632, 118));
        assert_eq!(describe(0, 32000).0, "32000");
    }
}
