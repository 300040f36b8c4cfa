//! Which of several records that say the same is the one to show.
//!
//! A server of which several ports rise is shown instead of the ports; a port that explains its server instead of the
//! server; a client that fails at many targets instead of the targets. Every record stays, marked or not.

use std::net::IpAddr;

use jobs::{AnomalyRecord, Level};

use crate::results::rows::StoredRecord;

/// Share of a roll-up's excess from which one of its parts says the same more precisely.
const SAME: f64 = 0.8;

/// Marks the telling records of one bucket and puts them first, each group by falling score.
pub fn choose(records: Vec<AnomalyRecord>) -> Vec<StoredRecord> {
    let mut telling = vec![true; records.len()];
    for (parent, record) in records.iter().enumerate() {
        let level = record.series.level;
        if !matches!(level, Level::Server | Level::Port) {
            continue;
        }
        let parts: Vec<usize> = (0..records.len()).filter(|&part| is_part(&records[part], record)).collect();
        if parts.iter().any(|&part| excess(&records[part]) >= SAME * excess(record)) {
            telling[parent] = false;
        } else if parts.len() > 1 {
            // Ports of a server beat servers of a port: an outage of a host is the commoner story.
            let absorbed = level == Level::Server || !parts.iter().any(|&part| !telling[part]);
            if absorbed {
                parts.iter().for_each(|&part| telling[part] = false);
            }
        } else if parts.len() == 1 && record.record_score.value() <= records[parts[0]].record_score.value() {
            telling[parent] = false;
        }
    }
    for (index, record) in records.iter().enumerate() {
        if record.series.level != Level::Client {
            continue;
        }
        let targets: Vec<usize> =
            (0..records.len()).filter(|&other| is_due_to(&records[other], record.series.client)).collect();
        let endpoints = targets.iter().filter(|&&other| records[other].series.level == Level::ServerPort).count();
        let one_target = targets.iter().any(|&other| {
            records[other].series.level == Level::ServerPort && excess(&records[other]) >= SAME * excess(record)
        });
        if one_target {
            telling[index] = false;
        } else if endpoints != 1 {
            targets.iter().for_each(|&other| telling[other] = false);
        }
    }
    for (index, record) in records.iter().enumerate() {
        if record.series.level == Level::Perspective {
            let others = (0..records.len()).filter(|&other| other != index && telling[other]);
            let (count, sum) = others.fold((0, 0.0), |(count, sum), other| (count + 1, sum + excess(&records[other])));
            telling[index] = count == 0 || (sum < 0.5 * excess(record) && record.record_score.value() >= 25.0);
        }
    }
    if !telling.iter().any(|telling| *telling)
        && let Some(first) = telling.first_mut()
    {
        *first = true;
    }
    let mut stored: Vec<StoredRecord> =
        records.into_iter().zip(telling).map(|(record, primary)| StoredRecord { record, primary }).collect();
    stored.sort_by(|a, b| {
        let score = b.record.record_score.value().total_cmp(&a.record.record_score.value());
        b.primary.cmp(&a.primary).then(score).then_with(|| a.record.series.cmp(&b.record.series))
    });
    stored
}

fn excess(record: &AnomalyRecord) -> f64 {
    record.actual - record.expected.typical
}

fn is_part(part: &AnomalyRecord, of: &AnomalyRecord) -> bool {
    part.series.level == Level::ServerPort
        && match of.series.level {
            Level::Server => part.series.server == of.series.server,
            Level::Port => part.series.port == of.series.port,
            _ => false,
        }
}

/// Whether the record names this client as the one behind most of it.
fn is_due_to(record: &AnomalyRecord, client: Option<IpAddr>) -> bool {
    matches!(record.series.level, Level::ServerPort | Level::Server | Level::Port)
        && record.influencers.iter().any(|influencer| {
            influencer.field == "client_ip" && influencer.share >= 0.5 && influencer.value.parse().ok() == client
        })
}
