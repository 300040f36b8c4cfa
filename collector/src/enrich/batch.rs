//! Filling the columns of session batches with what is known of their addresses, observers and interfaces.
//!
//! Owns which knowledge wins: what the record itself tells, then databases, then names; must not know where that comes
//! from.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{Array, ArrayRef, AsArray, StringBuilder, UInt32Builder};
use arrow::datatypes::UInt32Type;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use hashbrown::HashMap;
use tracker::locality::address_of;

use super::dns::ReverseDns;
use super::geo::{Geo, GeoError, Place};
use super::names::{GivenNames, InterfaceNames};

/// Places that are remembered.
const REMEMBERED: usize = 65_536;

/// What there is to know.
pub struct EnrichSettings {
    /// Databases in `MaxMind`'s format.
    pub databases: Vec<PathBuf>,
    /// Names that people gave.
    pub given: GivenNames,
    /// Names that exporters tell.
    pub told: Arc<InterfaceNames>,
    /// Where names of hosts come from.
    pub dns: Option<ReverseDns>,
}

/// Fills session batches.
pub struct Enricher {
    places: Mutex<Places>,
    given: GivenNames,
    told: Arc<InterfaceNames>,
    dns: Option<ReverseDns>,
}

#[derive(Default)]
struct Places {
    geo: Geo,
    known: HashMap<u128, Place>,
}

impl Enricher {
    /// Opens the databases.
    ///
    /// # Errors
    /// One that cannot be read.
    pub fn open(settings: EnrichSettings) -> Result<Self, GeoError> {
        let geo = Geo::open(&settings.databases)?;
        let places = Mutex::new(Places { geo, known: HashMap::new() });
        Ok(Self { places, given: settings.given, told: settings.told, dns: settings.dns })
    }

    /// The name that people gave an exporter.
    pub fn exporter_name(&self, exporter: &str) -> Option<Arc<str>> {
        self.given.exporter(exporter).cloned()
    }

    /// The batch with everything filled in that is known and that it does not tell itself.
    ///
    /// # Errors
    /// The columns are not those of sessions.
    pub fn enrich(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let mut filled = Filled { columns: batch.columns().to_vec(), batch };
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.geo.renew() {
            places.known.clear();
        }
        for side in Side::BOTH {
            if !places.geo.is_empty() {
                places.fill(&side, &mut filled)?;
            }
            if let Some(dns) = &self.dns {
                let hosts: Vec<_> =
                    addresses(batch, side.ip)?.map(|address| address.and_then(|(_, ip)| dns.name(ip))).collect();
                filled.text(side.host, &hosts)?;
            }
        }
        drop(places);
        self.names(batch, &mut filled)?;
        RecordBatch::try_new(batch.schema(), filled.columns)
    }

    /// Names of observers and their interfaces.
    fn names(&self, batch: &RecordBatch, filled: &mut Filled<'_>) -> Result<(), ArrowError> {
        if self.given.is_empty() && self.told.is_empty() {
            return Ok(());
        }
        let observers = column(batch, "observer")?;
        let observers = observers.as_string_opt::<i32>().ok_or_else(|| unfit("observer"))?;
        let of = |row: usize| observers.is_valid(row).then(|| observers.value(row));
        let rows = 0..batch.num_rows();
        let given: Vec<_> = rows.clone().map(|row| self.given.exporter(of(row)?).cloned()).collect();
        filled.text("observer_name", &given)?;
        for (index, name) in
            [("input_interface", "input_interface_name"), ("output_interface", "output_interface_name")]
        {
            let indices = column(batch, index)?.as_primitive_opt::<UInt32Type>().ok_or_else(|| unfit(index))?;
            let mut known: HashMap<(&str, u32), Option<Arc<str>>> = HashMap::new();
            let named = |row: usize| {
                let key = (of(row)?, indices.is_valid(row).then(|| indices.value(row))?);
                let find = || self.given.interface(key.0, key.1).cloned().or_else(|| self.told.get(key.0, key.1));
                known.entry(key).or_insert_with(find).clone()
            };
            let names: Vec<_> = rows.clone().map(named).collect();
            filled.text(name, &names)?;
        }
        Ok(())
    }
}

/// The columns of one side of a session.
struct Side {
    ip: &'static str,
    asn: &'static str,
    as_org: &'static str,
    country: &'static str,
    city: &'static str,
    host: &'static str,
}

impl Side {
    const BOTH: [Self; 2] = [
        Self {
            ip: "client_ip",
            asn: "client_asn",
            as_org: "client_as_org",
            country: "client_country",
            city: "client_city",
            host: "client_host",
        },
        Self {
            ip: "server_ip",
            asn: "server_asn",
            as_org: "server_as_org",
            country: "server_country",
            city: "server_city",
            host: "server_host",
        },
    ];
}

impl Places {
    fn place(&mut self, key: u128, address: IpAddr) -> Place {
        if let Some(place) = self.known.get(&key) {
            return place.clone();
        }
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        let place = self.geo.place(address);
        self.known.insert(key, place.clone());
        place
    }

    fn fill(&mut self, side: &Side, filled: &mut Filled<'_>) -> Result<(), ArrowError> {
        let batch = filled.batch;
        let place = |address: Option<(u128, IpAddr)>| address.map(|(key, ip)| self.place(key, ip)).unwrap_or_default();
        let places: Vec<Place> = addresses(batch, side.ip)?.map(place).collect();
        let told = column(batch, side.asn)?.as_primitive_opt::<UInt32Type>().ok_or_else(|| unfit(side.asn))?;
        let mut numbers = UInt32Builder::with_capacity(places.len());
        let mut organisations = Vec::with_capacity(places.len());
        for (row, place) in places.iter().enumerate() {
            // The exporter knows its routes; the name of another system would contradict it.
            let own = told.is_valid(row).then(|| told.value(row));
            numbers.append_option(own.or(place.asn));
            organisations.push(place.as_org.clone().filter(|_| own.is_none() || own == place.asn));
        }
        filled.set(side.asn, Arc::new(numbers.finish()))?;
        filled.text(side.as_org, &organisations)?;
        filled.text(side.country, &places.iter().map(|place| place.country.clone()).collect::<Vec<_>>())?;
        filled.text(side.city, &places.iter().map(|place| place.city.clone()).collect::<Vec<_>>())
    }
}

/// Columns under construction.
struct Filled<'a> {
    columns: Vec<ArrayRef>,
    batch: &'a RecordBatch,
}

impl Filled<'_> {
    fn set(&mut self, name: &str, column: ArrayRef) -> Result<(), ArrowError> {
        let index = self.batch.schema_ref().index_of(name)?;
        self.columns[index] = column;
        Ok(())
    }

    /// Fills a text column where it says nothing.
    fn text(&mut self, name: &'static str, values: &[Option<Arc<str>>]) -> Result<(), ArrowError> {
        if values.iter().all(Option::is_none) {
            return Ok(());
        }
        let told = column(self.batch, name)?.as_string_opt::<i32>().ok_or_else(|| unfit(name))?;
        let mut builder = StringBuilder::new();
        for (row, value) in values.iter().enumerate() {
            let own = told.is_valid(row).then(|| told.value(row));
            builder.append_option(own.or(value.as_deref()));
        }
        self.set(name, Arc::new(builder.finish()))
    }
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, ArrowError> {
    batch.column_by_name(name).ok_or_else(|| unfit(name))
}

fn unfit(name: &str) -> ArrowError {
    ArrowError::SchemaError(format!("column {name:?} is missing or has another type"))
}

/// The addresses of a column, in their stored and usual form.
fn addresses<'a>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<impl Iterator<Item = Option<(u128, IpAddr)>> + 'a, ArrowError> {
    let column = column(batch, name)?.as_binary_opt::<i32>().ok_or_else(|| unfit(name))?;
    Ok(column.iter().map(|bytes| {
        let key = u128::from_be_bytes(bytes?.try_into().ok()?);
        Some((key, address_of(key)))
    }))
}

#[cfg(test)]
mod tests;
