//! Query parameters: typed, strict, and refused by name.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::Uri;
use axum::http::request::Parts;
use jobs::Level;
use serde::Deserialize;
use serde::de::value::Error;
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, Visitor};
use tracker::Perspective;
use utoipa::IntoParams;

use crate::api::Shared;
use crate::format::Format;
use crate::problem::Problem;
use crate::state::JobSettings;
use crate::time::{TimeRange, When, ZoneName};

/// The query parameters of a request; unknown ones and values that do not fit are a 400 that names them.
pub struct Params<T>(pub T);

impl<T: Part, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut given = Given::of(&parts.uri);
        let params = T::of(&mut given)?;
        given.used_up()?;
        Ok(Self(params))
    }
}

/// What every question about a time range has, and the parameters that only this one has.
pub struct Asked<T> {
    /// The range; the last 24 hours when absent.
    pub range: TimeRange,
    /// The only perspective that is asked for.
    pub perspective: Option<Perspective>,
    /// The form of the answer.
    pub format: Format,
    /// The others.
    pub params: T,
}

/// Parameters of every question about a time range.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RangeParams {
    /// Start of the range; 24 hours before its end when absent.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    from: Option<When>,
    /// End of the range; now when absent.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    to: Option<When>,
    /// Only this perspective: edge, inbound, outbound or private.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    perspective: Option<Perspective>,
    /// json, csv or ndjson; else by `Accept`.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    format: Option<Format>,
}

impl<T: Part> FromRequestParts<Arc<Shared>> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let mut given = Given::of(&parts.uri);
        let RangeParams { from, to, perspective, format } = given.take()?;
        let params = T::of(&mut given)?;
        given.used_up()?;
        let range = TimeRange::new(from, to, shared.now())?;
        Ok(Self { range, perspective, format: Format::of(format, &parts.headers), params })
    }
}

/// The zone in which sentences of the answer tell days and times.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ZoneParams {
    /// Zone of the days and times in sentences, an IANA name such as `Europe/Berlin`; that of detection when absent.
    #[serde(default, deserialize_with = "text")]
    #[param(value_type = Option<String>)]
    timezone: Option<ZoneName>,
}

impl ZoneParams {
    /// The settings of this answer.
    pub fn over(&self, settings: &JobSettings) -> JobSettings {
        JobSettings { time_zone: self.timezone.map_or(settings.time_zone, |zone| zone.0), ..settings.clone() }
    }
}

/// A part of a request's parameters: a struct, or two of them beside each other.
pub trait Part: Sized {
    /// Takes its own out of what was given.
    fn of(given: &mut Given) -> Result<Self, Problem>;
}

impl<T: DeserializeOwned> Part for T {
    fn of(given: &mut Given) -> Result<Self, Problem> {
        given.take()
    }
}

/// Two structs of parameters, where questions share one of them.
pub struct Both<A, B>(pub A, pub B);

impl<A: DeserializeOwned, B: DeserializeOwned> Part for Both<A, B> {
    fn of(given: &mut Given) -> Result<Self, Problem> {
        Ok(Self(given.take()?, given.take()?))
    }
}

/// The parameters of a request that nothing has taken yet.
pub struct Given {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl Given {
    fn of(uri: &Uri) -> Self {
        let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        Self { pairs, known: Vec::new() }
    }

    /// Takes the parameters that are named as this struct's fields.
    fn take<T: DeserializeOwned>(&mut self) -> Result<T, Problem> {
        T::deserialize(self).map_err(|error| Problem::bad_request(format!("query parameter {error}")))
    }

    /// Refuses what is left.
    fn used_up(self) -> Result<(), Problem> {
        let Some((name, _)) = self.pairs.first() else { return Ok(()) };
        let known: Vec<String> = self.known.iter().map(|name| format!("{name:?}")).collect();
        let expected =
            if known.is_empty() { "none is expected".to_owned() } else { format!("expected {}", known.join(", ")) };
        Err(Problem::bad_request(format!("query parameter {name:?} is unknown: {expected}")))
    }
}

impl<'de> Deserializer<'de> for &mut Given {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let all = std::mem::take(&mut self.pairs);
        let (ours, others) = all.into_iter().partition(|(name, _)| fields.contains(&name.as_str()));
        self.pairs = others;
        self.known.extend(fields);
        visitor.visit_map(Pairs { rest: Vec::into_iter(ours), value: None })
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("parameters are read into a struct"))
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct seq
        tuple tuple_struct map enum identifier ignored_any
    }
}

/// Parameters as fields; what is wrong with a value is told with its name.
struct Pairs {
    rest: std::vec::IntoIter<(String, String)>,
    value: Option<(String, String)>,
}

impl<'de> MapAccess<'de> for Pairs {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((name, value)) = self.rest.next() else { return Ok(None) };
        let key = seed.deserialize(name.as_str().into_deserializer()).map(Some);
        self.value = Some((name, value));
        key
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let (name, value) = self.value.take().unwrap_or_default();
        seed.deserialize(Text(value)).map_err(|error: Error| Error::custom(format!("{name:?}: {error}")))
    }
}

macro_rules! parsed {
    ($($from:ident => $to:ident,)+) => {
        $(fn $from<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            let value = self.0.parse().map_err(|error| Error::custom(format!("{:?}: {error}", self.0)))?;
            visitor.$to(value)
        })+
    };
}

/// The value of a parameter: a text, which is there.
struct Text(String);

impl<'de> Deserializer<'de> for Text {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    parsed! {
        deserialize_u8 => visit_u8, deserialize_u16 => visit_u16, deserialize_u32 => visit_u32, deserialize_u64 => visit_u64,
        deserialize_i8 => visit_i8, deserialize_i16 => visit_i16, deserialize_i32 => visit_i32, deserialize_i64 => visit_i64,
        deserialize_f32 => visit_f32, deserialize_f64 => visit_f64, deserialize_bool => visit_bool,
    }

    serde::forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct newtype_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// No parameters.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct NoParams {}

/// Reads a value by [`FromStr`]; an empty one counts as absent.
pub fn text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr,
    T::Err: Display,
{
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|error| D::Error::custom(format!("{text:?}: {error}")))
}

/// A flag: `1`, `true` or no value at all is true.
pub fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "" | "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        other => Err(D::Error::custom(format!("{other:?}: expected 1 or 0"))),
    }
}

/// Something that requests choose by name.
pub trait Choice: Copy + 'static {
    /// Every name, and what it stands for.
    const NAMES: &'static [(&'static str, Self)];
}

/// What a request chose.
#[derive(Debug, Clone, Copy)]
pub struct Chosen<T>(pub T);

impl<T: Choice> FromStr for Chosen<T> {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = T::NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| Self(*value)).ok_or_else(|| {
            let names: Vec<&str> = T::NAMES.iter().map(|(name, _)| *name).collect();
            match names.split_last() {
                Some((last, [])) => format!("expected {last}"),
                Some((last, others)) => format!("expected {} or {last}", others.join(", ")),
                None => "nothing can be chosen".to_owned(),
            }
        })
    }
}

impl Choice for Level {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("server_port", Self::ServerPort),
        ("server", Self::Server),
        ("port", Self::Port),
        ("client", Self::Client),
        ("perspective", Self::Perspective),
    ];
}

/// How many items, capped.
pub fn limit(given: Option<usize>, usual: usize, most: usize) -> Result<usize, Problem> {
    match given {
        None => Ok(usual.min(most)),
        Some(limit) if (1..=most).contains(&limit) => Ok(limit),
        Some(limit) => {
            Err(Problem::bad_request(format!("query parameter \"limit\": {limit} is not within 1 to {most}")))
        }
    }
}

#[cfg(test)]
mod tests;
