//! From the vocabularies' fields to stored columns.
//!
//! Owns which column carries which concept, and why a field has none. Must not know queries or jobs.

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::functions::core::expr_fn::{coalesce, nullif};
use datafusion::functions::string::expr_fn::concat;
use datafusion::logical_expr::{Expr, Operator, binary_expr, cast, ident, lit, when};
use jobs::{Concept, Schema};
use tracker::session_schema;

use crate::query::community::community_id;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Flag,
    /// An address as 16 bytes.
    Address,
    /// An address as text.
    AddressText,
    /// A moment, µs since the epoch.
    Time,
}

impl Kind {
    /// The kind in words.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "a number",
            Self::Flag => "true or false",
            Self::Address | Self::AddressText => "an address",
            Self::Time => "a time",
        }
    }
}

/// A column of the sessions table, stored or computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// How it is computed.
    pub expr: Expr,
    /// What it holds.
    pub kind: Kind,
    /// Some sessions may have no value.
    pub nullable: bool,
}

/// Why a field has no column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// Neither vocabulary has it.
    Unknown,
    /// The vocabularies have it, and no session carries it, for this reason.
    Absent(&'static str),
}

impl Missing {
    /// The refusal of the field.
    pub fn refusal(&self, field: &str) -> String {
        match self {
            Self::Unknown => format!("field {field:?} is neither in the ECS nor in the CODEX vocabulary of sessions"),
            Self::Absent(reason) => format!("field {field:?} {reason}"),
        }
    }
}

const GEO: &str = "needs a GeoIP database: sessions are stored without it";
const CLOUD: &str = "needs a list of cloud providers' addresses, which no session carries";
const THREAT: &str = "needs a list of known threats, which no session carries";
const TAGS: &str = "is a list, which sessions do not carry: use \"tcp.flags.bits\"";

/// Protocol numbers with the names that ECS has for them (IANA keywords in lower case).
const PROTOCOLS: [(u8, &str); 13] = [
    (1, "icmp"),
    (2, "igmp"),
    (4, "ipv4"),
    (6, "tcp"),
    (17, "udp"),
    (33, "dccp"),
    (41, "ipv6"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (58, "ipv6-icmp"),
    (89, "ospf"),
    (132, "sctp"),
];

/// The column of a field, in either vocabulary.
///
/// # Errors
/// Why there is none.
pub fn column(field: &str) -> Result<Column, Missing> {
    let concept = Schema::concept_of(field).ok_or(Missing::Unknown)?;
    let upper = Schema::Codex.concept(field.strip_suffix(".keyword").unwrap_or(field)) == Some(concept)
        && concept == Concept::Transport;
    of_concept(concept, upper)
}

fn of_concept(concept: Concept, upper: bool) -> Result<Column, Missing> {
    let column = match concept {
        Concept::Time => Column { expr: ident("end"), kind: Kind::Time, nullable: false },
        Concept::ClientAddress | Concept::SourceAddress => address("client_ip"),
        Concept::ServerAddress | Concept::DestinationAddress => address("server_ip"),
        Concept::ClientPort | Concept::SourcePort => stored("client_port", Kind::Number, Missing::Unknown)?,
        Concept::ServerPort | Concept::DestinationPort => stored("server_port", Kind::Number, Missing::Unknown)?,
        Concept::ServerPortName => {
            text(coalesce(vec![ident("service"), cast(ident("server_port"), DataType::Utf8)]), false)
        }
        Concept::ClientHost => stored("client_host", Kind::Text, Missing::Absent("needs host names"))?,
        Concept::ServerHost => stored("server_host", Kind::Text, Missing::Absent("needs host names"))?,
        Concept::ClientAsOrg => private_or(&["outbound", "private"], ident("client_as_org")),
        Concept::ServerAsOrg => private_or(&["inbound", "private"], ident("server_as_org")),
        Concept::ClientAsLabel => private_or(&["outbound", "private"], as_label("client")),
        Concept::ServerAsLabel => private_or(&["inbound", "private"], as_label("server")),
        Concept::ClientAsNumber => stored("client_asn", Kind::Number, Missing::Absent(GEO))?,
        Concept::ServerAsNumber => stored("server_asn", Kind::Number, Missing::Absent(GEO))?,
        Concept::ClientCountry => stored("client_country", Kind::Text, Missing::Absent(GEO))?,
        Concept::ServerCountry => stored("server_country", Kind::Text, Missing::Absent(GEO))?,
        Concept::ClientCity => stored("client_city", Kind::Text, Missing::Absent(GEO))?,
        Concept::ServerCity => stored("server_city", Kind::Text, Missing::Absent(GEO))?,
        Concept::ClientCloudProvider
        | Concept::ServerCloudProvider
        | Concept::ClientCloudService
        | Concept::ServerCloudService => return Err(Missing::Absent(CLOUD)),
        Concept::ThreatName => return Err(Missing::Absent(THREAT)),
        Concept::TcpFlagTags => return Err(Missing::Absent(TAGS)),
        Concept::Transport => text(transport(upper), false),
        Concept::ProtocolNumber => number(ident("proto"), false),
        Concept::Established => {
            let of = |class: &str| ident("outcome_class").eq(lit(class));
            let known = when(of("established"), lit(true)).when(of("failed"), lit(false)).end();
            Column { expr: known.unwrap_or_else(|_| lit(false)), kind: Kind::Flag, nullable: true }
        }
        Concept::Outcome => text(ident("outcome"), false),
        Concept::OutcomeClass => text(ident("outcome_class"), false),
        Concept::Perspective => text(ident("perspective"), false),
        Concept::Locality => {
            let private = ident("perspective").eq(lit("private"));
            text(when(private, lit("private")).otherwise(lit("public")).unwrap_or_else(|_| lit("public")), false)
        }
        Concept::Direction => {
            let of = |name: &str| ident("perspective").eq(lit(name));
            let named = when(of("edge"), lit("external")).when(of("private"), lit("internal"));
            text(named.clone().otherwise(ident("perspective")).unwrap_or_else(|_| lit("external")), false)
        }
        Concept::ExportType => text(ident("export_type"), false),
        Concept::Exporter => text(coalesce(vec![ident("observer_name"), ident("observer")]), false),
        Concept::ExporterAddress => Column { expr: ident("observer"), kind: Kind::AddressText, nullable: false },
        Concept::Bytes => number(sum("client_bytes", "server_bytes"), false),
        Concept::Packets => number(sum("client_packets", "server_packets"), false),
        Concept::ClientBytes | Concept::SourceBytes => number(ident("client_bytes"), false),
        Concept::ServerBytes | Concept::DestinationBytes => number(ident("server_bytes"), false),
        Concept::ClientPackets | Concept::SourcePackets => number(ident("client_packets"), false),
        Concept::ServerPackets | Concept::DestinationPackets => number(ident("server_packets"), false),
        Concept::SynCount => number(ident("syn_count"), false),
        Concept::Duration => {
            let micros = |name: &str| cast(ident(name), DataType::Int64);
            number((micros("end") - micros("start")) * lit(1_000_i64), false)
        }
        Concept::TcpFlagBits => {
            let flags = |name: &str| cast(ident(name), DataType::Int64);
            let either = |name: &str| coalesce(vec![flags(name), lit(0_i64)]);
            let both = binary_expr(either("client_tcp_flags"), Operator::BitwiseOr, either("server_tcp_flags"));
            // Sessions of exporters without flags have none.
            let known = coalesce(vec![flags("client_tcp_flags"), flags("server_tcp_flags")]);
            let seen = when(known.is_not_null(), both).end();
            number(seen.unwrap_or_else(|_| lit(0_i64)), true)
        }
        Concept::IngressInterface => interface("input"),
        Concept::EgressInterface => interface("output"),
        Concept::CommunityId => text(community_id(), true),
    };
    Ok(column)
}

fn text(expr: Expr, nullable: bool) -> Column {
    Column { expr, kind: Kind::Text, nullable }
}

fn number(expr: Expr, nullable: bool) -> Column {
    Column { expr, kind: Kind::Number, nullable }
}

fn address(name: &str) -> Column {
    Column { expr: ident(name), kind: Kind::Address, nullable: false }
}

/// A stored column, where this version's sessions have it.
fn stored(name: &str, kind: Kind, without: Missing) -> Result<Column, Missing> {
    let schema = session_schema();
    let field = schema.field_with_name(name).map_err(|_| without)?;
    Ok(Column { expr: ident(name), kind, nullable: field.is_nullable() })
}

/// The name of an interface, its number where it has none.
fn interface(side: &str) -> Column {
    let number = cast(ident(format!("{side}_interface")), DataType::Utf8);
    text(coalesce(vec![ident(format!("{side}_interface_name")), number]), true)
}

fn sum(one: &str, other: &str) -> Expr {
    cast(ident(one), DataType::Int64) + cast(ident(other), DataType::Int64)
}

/// `PRIVATE` for the private side of these perspectives, else what is known.
fn private_or(private: &[&str], otherwise: Expr) -> Column {
    let inside = ident("perspective").in_list(private.iter().map(|name| lit(*name)).collect(), false);
    let expr = when(inside, lit("PRIVATE")).otherwise(otherwise);
    text(expr.unwrap_or_else(|_| lit(ScalarValue::Utf8(None))), true)
}

/// Organisation and number, as in `EXAMPLE (64500)`.
fn as_label(side: &str) -> Expr {
    let number = cast(ident(format!("{side}_asn")), DataType::Utf8);
    let organisation = ident(format!("{side}_as_org"));
    let label = concat(vec![coalesce(vec![organisation, lit("AS")]), lit(" ("), number.clone(), lit(")")]);
    let known = when(number.is_not_null(), label).end();
    known.unwrap_or_else(|_| nullif(lit(""), lit("")))
}

fn transport(upper: bool) -> Expr {
    let name = |text: &str| if upper { text.to_uppercase() } else { text.to_owned() };
    let proto = || ident("proto");
    let mut cases = when(proto().eq(lit(PROTOCOLS[3].0)), lit(name(PROTOCOLS[3].1)));
    for (number, text) in PROTOCOLS {
        cases = cases.when(proto().eq(lit(number)), lit(name(text)));
    }
    cases.otherwise(cast(proto(), DataType::Utf8)).unwrap_or_else(|_| cast(proto(), DataType::Utf8))
}
