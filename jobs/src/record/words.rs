//! A job's anomaly in words, and in whom it concerns.
//!
//! Must not know pages and messages.

use std::fmt::Write as _;
use std::net::IpAddr;

use chrono::DateTime;
use chrono_tz::Tz;

use super::{JobRecord, Split};
use crate::id::JobId;
use crate::schema::{Concept, Schema};
use crate::sentence::quantity;

/// Causes that are named.
const NAMED: usize = 3;

/// The parties that an anomaly concerns, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Subject {
    /// Server address.
    pub server: Option<IpAddr>,
    /// Server port.
    pub port: Option<u16>,
    /// Client address.
    pub client: Option<IpAddr>,
}

impl JobRecord {
    /// The fields that set the record's series apart: partition, by and over.
    fn splits(&self) -> impl Iterator<Item = &Split> {
        [&self.partition, &self.by, &self.over].into_iter().flatten()
    }

    /// Whom the record concerns, by what the fields that set it apart mean.
    pub fn subject(&self) -> Subject {
        let mut subject = Subject::default();
        for split in self.splits() {
            let Some(value) = split.value.as_deref() else { continue };
            match Schema::concept_of(&split.field) {
                Some(Concept::ServerAddress) => subject.server = value.parse().ok(),
                Some(Concept::ClientAddress) => subject.client = value.parse().ok(),
                Some(Concept::ServerPort) => subject.port = value.parse().ok(),
                Some(Concept::ServerPortName) => {
                    subject.port = value.parse().ok().or_else(|| port_named(value));
                }
                _ => {}
            }
        }
        subject
    }

    /// The series in words: `high_count of server.ip 10.2.0.9, server.port 443`.
    pub fn label(&self) -> String {
        let mut text = self.function.clone();
        if let Some(field) = &self.field_name {
            let _ = write!(text, "({field})");
        }
        for (place, split) in self.splits().enumerate() {
            let word = if place == 0 { " of" } else { "," };
            let _ = write!(text, "{word} {} {}", split.field, split.value.as_deref().unwrap_or("(none)"));
        }
        text
    }

    /// The anomaly in one sentence, without a full stop; days and times are those of `zone`.
    ///
    /// `refused: high_count of server.ip 10.2.0.9 was 60 on Tuesday 22:00, usual: 3`
    pub fn sentence(&self, job: &JobId, zone: Tz) -> String {
        let when = DateTime::from_timestamp_millis(self.timestamp).unwrap_or_default().with_timezone(&zone);
        let mut text = format!("{job}: {}", self.label());
        let _ = match self.function_description.as_str() {
            "rare" | "freq_rare" => write!(text, ", rarely seen, showed {} times", quantity(self.actual)),
            _ => write!(text, " was {}", signed(self.actual)),
        };
        let _ = write!(text, " on {}", when.format("%A %H:%M"));
        if !self.function_description.ends_with("rare") {
            let _ = write!(text, ", usual: {}", signed(self.typical));
        }
        for (place, cause) in self.causes.iter().take(NAMED).enumerate() {
            let word = if place == 0 { "; most of it" } else { "," };
            let value = cause.over.value.as_deref().unwrap_or("(none)");
            let _ = write!(text, "{word} {} {value} ({})", cause.over.field, signed(cause.actual));
        }
        text
    }
}

/// The lowest TCP port whose service has this name.
fn port_named(name: &str) -> Option<u16> {
    const TCP: u8 = 6;
    (1..=u16::MAX).find(|port| tracker::service::service_name(TCP, *port) == Some(name))
}

/// A number for reading; real-valued functions may be negative.
fn signed(value: f64) -> String {
    if value < 0.0 { format!("-{}", quantity(-value)) } else { quantity(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::JobCause;
    use crate::testing::job_record;

    #[test]
    fn a_record_says_what_happened_and_whom_it_concerns() {
        // 2026-03-03 22:00 UTC, a Tuesday.
        let mut record = job_record(9, 91.0, 1_772_575_200_000);
        record.by = Some(Split { field: "flow.server.l4.port.name".to_owned(), value: Some("https".to_owned()) });
        let job = JobId::new("refused").unwrap();
        assert_eq!(
            record.sentence(&job, Tz::UTC),
            "refused: high_count of server.ip 10.2.0.9, flow.server.l4.port.name https was 60 on Tuesday 22:00, usual: 3"
        );
        let subject = Subject { server: Some(IpAddr::from([10, 2, 0, 9])), port: Some(443), client: None };
        assert_eq!(record.subject(), subject);

        record.function = "low_mean".to_owned();
        record.function_description = "mean".to_owned();
        record.field_name = Some("client.bytes".to_owned());
        (record.by, record.partition, record.actual) = (None, None, -1.5);
        let over = Split { field: "client.ip".to_owned(), value: Some("10.1.0.4".to_owned()) };
        record.causes = vec![JobCause { over, actual: 12.0, typical: 1.0, probability: 0.01 }];
        assert_eq!(
            record.sentence(&job, chrono_tz::Europe::Berlin),
            "refused: low_mean(client.bytes) was -1.5 on Tuesday 23:00, usual: 3; most of it client.ip 10.1.0.4 (12)"
        );
        assert_eq!(record.subject(), Subject::default());

        record.function_description = "rare".to_owned();
        record.causes.clear();
        (record.function, record.field_name, record.actual) = ("rare".to_owned(), None, 1.0);
        record.by = Some(Split { field: "server.port".to_owned(), value: Some("31337".to_owned()) });
        assert_eq!(
            record.sentence(&job, Tz::UTC),
            "refused: rare of server.port 31337, rarely seen, showed 1 times on Tuesday 22:00"
        );
        assert_eq!(record.subject().port, Some(31_337));
    }
}
