//! Columns that only a `GeoIP` database fills: whether the sessions of a store have them.

use std::collections::BTreeSet;
use std::fs::File;

use jobs::Concept;
use jobs::json::ReadError;
use jobs::schema::Schema;
use parquet::file::metadata::ParquetMetaDataReader;

use super::plan::Plan;
use crate::store::SessionStore;
use crate::store::layout::LATEST;

/// Columns, and the concepts that need them.
const COLUMNS: [(&str, Concept); 6] = [
    ("client_asn", Concept::ClientAsNumber),
    ("server_asn", Concept::ServerAsNumber),
    ("client_country", Concept::ClientCountry),
    ("server_country", Concept::ServerCountry),
    ("client_city", Concept::ClientCity),
    ("server_city", Concept::ServerCity),
];
/// Newest files that are looked at.
const FILES: usize = 30;

/// What a plan needs and no newer session of the store has. Of an empty store nothing is known.
pub(crate) fn missing(store: &SessionStore, plan: &Plan) -> Vec<ReadError> {
    let used = plan.columns();
    let needed: Vec<_> = COLUMNS.iter().filter(|(column, _)| used.contains(*column)).collect();
    if needed.is_empty() {
        return Vec::new();
    }
    let Some(filled) = filled(store) else { return Vec::new() };
    let text = plan.definition.to_json().to_string();
    let refusal = |(_, concept): &&(&str, Concept)| {
        let names = Schema::ALL.map(|schema| concept.field(schema));
        let field = names.into_iter().find(|name| text.contains(name)).unwrap_or(names[0]);
        let problem = format!("field {field:?} needs a GeoIP database: no session of this store has it");
        ReadError { path: "$".to_owned(), problem }
    };
    needed.iter().filter(|(column, _)| !filled.contains(*column)).map(refusal).collect()
}

/// The columns that have a value in one of the newest files; `None` for an empty store.
fn filled(store: &SessionStore) -> Option<BTreeSet<&'static str>> {
    let hours = store.hours(0, LATEST).ok()?;
    let (mut found, mut seen) = (BTreeSet::new(), 0);
    for hour in hours.into_iter().rev() {
        for file in store.hour(hour).ok()? {
            if seen == FILES {
                return Some(found);
            }
            let Ok(open) = File::open(&file.path) else { continue };
            let Ok(metadata) = ParquetMetaDataReader::new().parse_and_finish(&open) else { continue };
            seen += 1;
            for group in metadata.row_groups() {
                for part in group.columns() {
                    let name = part.column_path().string();
                    let known = COLUMNS.iter().find(|(column, _)| *column == name);
                    let nulls = part.statistics().and_then(parquet::file::statistics::Statistics::null_count_opt);
                    let any = nulls.is_none_or(|nulls| nulls < group.num_rows() as u64);
                    found.extend(known.filter(|_| any).map(|(column, _)| *column));
                }
            }
        }
    }
    (seen > 0).then_some(found)
}
