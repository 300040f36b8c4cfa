//! Databases in `MaxMind`'s format: which autonomous system and place an address belongs to.
//!
//! Owns reading them, and reading them again when they are replaced; must not know sessions. Understands the fields of
//! `GeoIP2` and `GeoLite2` (City, Country, ASN, ISP, Enterprise) and those of the flat databases of other makers.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use maxminddb::{LookupResult, PathElement, Reader, path};
use serde::Deserialize;

/// How often to look whether a database was replaced.
const LOOK: Duration = Duration::from_secs(30);

/// Why a database cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("failed to read the address database {path}: {why}")]
pub struct GeoError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub why: String,
}

/// What databases know of an address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    /// Autonomous system number.
    pub asn: Option<u32>,
    /// Autonomous system organisation.
    pub as_org: Option<Arc<str>>,
    /// ISO 3166-1 alpha-2 country code.
    pub country: Option<Arc<str>>,
    /// City, in English.
    pub city: Option<Arc<str>>,
}

impl Place {
    /// Fills what is not known yet.
    fn fill(&mut self, other: Self) {
        if self.asn.is_none() && self.as_org.is_none() {
            (self.asn, self.as_org) = (other.asn, other.as_org);
        }
        if self.country.is_none() && self.city.is_none() {
            (self.country, self.city) = (other.country, other.city);
        }
    }
}

#[derive(Debug)]
struct Database {
    path: PathBuf,
    reader: Reader<Vec<u8>>,
    stamp: Option<(SystemTime, u64)>,
}

/// When a file was changed, and its length.
fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

impl Database {
    fn open(path: &Path) -> Result<Self, GeoError> {
        let error = |why: String| GeoError { path: path.to_owned(), why };
        let stamp = stamp(path);
        let bytes = fs::read(path).map_err(|failed| error(failed.to_string()))?;
        let reader = Reader::from_source(bytes).map_err(|failed| error(failed.to_string()))?;
        Ok(Self { path: path.to_owned(), reader, stamp })
    }

    fn place(&self, address: IpAddr) -> Place {
        let Ok(found) = self.reader.lookup(address) else { return Place::default() };
        if !found.has_data() {
            return Place::default();
        }
        let shared = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(Arc::from);
        let asn = number(&found, &path!["autonomous_system_number"])
            .or_else(|| number(&found, &path!["traits", "autonomous_system_number"]))
            .or_else(|| number(&found, &path!["asn"]))
            .or_else(|| text(&found, &path!["asn"])?.trim_start_matches("AS").parse().ok());
        let as_org = text(&found, &path!["autonomous_system_organization"])
            .or_else(|| text(&found, &path!["traits", "autonomous_system_organization"]))
            .or_else(|| text(&found, &path!["as_name"]))
            .or_else(|| text(&found, &path!["name"]));
        let country = text(&found, &path!["country", "iso_code"])
            .or_else(|| text(&found, &path!["country_code"]))
            .or_else(|| text(&found, &path!["country"]))
            .filter(|code| code.len() == 2);
        let city = text(&found, &path!["city", "names", "en"]).or_else(|| text(&found, &path!["city"]));
        Place { asn: asn.filter(|&asn| asn != 0), as_org: shared(as_org), country: shared(country), city: shared(city) }
    }
}

fn number(found: &LookupResult<'_, Vec<u8>>, path: &[PathElement<'_>]) -> Option<u32> {
    value(found, path)
}

fn text<'a>(found: &LookupResult<'a, Vec<u8>>, path: &[PathElement<'_>]) -> Option<&'a str> {
    value(found, path)
}

/// A field; `None` also where it is of another type, as makers differ.
fn value<'a, T: Deserialize<'a>>(found: &LookupResult<'a, Vec<u8>>, path: &[PathElement<'_>]) -> Option<T> {
    found.decode_path(path).ok().flatten()
}

/// All databases. The first that knows something of an address tells it.
#[derive(Debug, Default)]
pub struct Geo {
    databases: Vec<Database>,
    looked: Option<Instant>,
}

impl Geo {
    /// Opens databases.
    ///
    /// # Errors
    /// The first that cannot be read.
    pub fn open(paths: &[PathBuf]) -> Result<Self, GeoError> {
        let databases = paths.iter().map(|path| Database::open(path)).collect::<Result<_, _>>()?;
        Ok(Self { databases, looked: Some(Instant::now()) })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.databases.is_empty()
    }

    /// What is known of an address.
    pub fn place(&self, address: IpAddr) -> Place {
        let mut place = Place::default();
        for database in &self.databases {
            place.fill(database.place(address));
        }
        place
    }

    /// Looks, from time to time, whether a database was replaced, and reads it again; whether any was. One that cannot
    /// be read is used as it was.
    pub fn renew(&mut self) -> bool {
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return false;
        }
        self.looked = Some(Instant::now());
        self.read_again()
    }

    fn read_again(&mut self) -> bool {
        let mut renewed = false;
        for database in &mut self.databases {
            let newer = stamp(&database.path);
            if newer.is_none() || newer == database.stamp {
                continue;
            }
            match Database::open(&database.path) {
                Ok(opened) => {
                    tracing::info!(path = %database.path.display(), "address database read again");
                    *database = opened;
                    renewed = true;
                }
                Err(error) => {
                    tracing::warn!(%error, "the former one is used");
                    database.stamp = newer;
                }
            }
        }
        renewed
    }
}

#[cfg(test)]
pub(super) mod tests;
