//! `halfopen sessions`: the sessions of packet captures, as the live tracker would tell them.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use arrow::array::{
    ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray, UInt8Array, UInt16Array, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Fields, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use tracker::community::{community_of, icmp_ports};
use tracker::packet::proto;
use tracker::parse::{ParseSettings, Parser};
use tracker::pcap::{PcapError, PcapReader};
use tracker::replay::replay;
use tracker::{SessionBatchBuilder, SessionRecord, SessionTable, TableSettings};

use super::args::{SessionFormat, Sessions, TableFormat, TimeoutProfile};
use super::exit::{Exit, Failed, OrExit};
use super::output;
use super::query::{Printer, table};

/// Sessions that are put into one batch.
const BATCH: usize = 65_536;

/// Follows the packets of every file and prints the sessions, file by file, by time of their end.
pub fn run(args: &Sessions) -> Result<Exit, Failed> {
    let mut exit = Exit::Ok;
    let mut sessions = Vec::new();
    for path in &args.files {
        exit = exit.worse(follow(path, args, &mut sessions)?);
    }
    if args.timeouts == TimeoutProfile::Zeek {
        // Zeek leaves the payload of a connection without duration unset.
        for session in sessions.iter_mut().filter(|session| session.end == session.start) {
            (session.client_payload, session.server_payload) = (None, None);
        }
    }
    match args.format {
        SessionFormat::Parquet => write_parquet(args.output.as_deref().unwrap_or(Path::new("")), &sessions)?,
        SessionFormat::Table => {
            let batch = rows(&sessions)?;
            let text = table(&batch.schema(), &[batch])?;
            match &args.output {
                Some(path) => create(path)?.write_all(text.as_bytes()).or_exit(Exit::CannotCreate)?,
                None => return output::print(&text).map(|_| exit),
            }
        }
        SessionFormat::Csv | SessionFormat::Ndjson => {
            let format = if args.format == SessionFormat::Csv { TableFormat::Csv } else { TableFormat::Ndjson };
            let schema = rows(&[])?.schema();
            let out: Box<dyn Write> = match &args.output {
                Some(path) => Box::new(create(path)?),
                None => Box::new(output::stdout()),
            };
            let mut printer = Printer::to(out, format, schema);
            for part in sessions.chunks(BATCH) {
                let written = printer.write(&rows(part)?);
                if written.is_err() {
                    return output::finish(written, exit);
                }
            }
            return output::finish(printer.finish(), exit);
        }
    }
    Ok(exit)
}

/// Adds the sessions of one file. Damage ends the file, not the command.
fn follow(path: &Path, args: &Sessions, sessions: &mut Vec<SessionRecord>) -> Result<Exit, Failed> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("failed to read {name}")).or_exit(Exit::NoInput)?;
    let (mut parsing, settings) = match args.timeouts {
        TimeoutProfile::Default => (ParseSettings::default(), TableSettings::default()),
        TimeoutProfile::Zeek => (ParseSettings::zeek(), TableSettings::zeek()),
    };
    parsing.checksums = !args.ignore_checksums;
    let mut parser = Parser::new(parsing);
    let mut table = SessionTable::new(TableSettings { observer: Arc::from(name.to_string()), ..settings });
    let followed = PcapReader::new(BufReader::new(file)).and_then(|mut reader| {
        replay(&mut reader, &mut parser, &mut table, sessions)?;
        Ok(reader.is_truncated())
    });
    table.finish(sessions);
    Ok(match followed {
        Ok(false) => Exit::Ok,
        Ok(true) => {
            tracing::error!("{name} ends in the middle of a packet");
            Exit::Data
        }
        Err(PcapError::Io(error)) => {
            tracing::error!("failed to read {name}: {error}");
            Exit::NoInput
        }
        Err(error) => {
            tracing::error!("{name}: {error}");
            Exit::Data
        }
    })
}

fn create(path: &Path) -> Result<File, Failed> {
    File::create(path).with_context(|| format!("failed to create {}", path.display())).or_exit(Exit::CannotCreate)
}

fn write_parquet(path: &Path, sessions: &[SessionRecord]) -> Result<(), Failed> {
    let level = ZstdLevel::try_new(3)?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(level)).build();
    let stored = tracker::session_schema();
    let field = Arc::new(Field::new("community_id", DataType::Utf8, false));
    let fields: Fields = stored.fields().iter().cloned().chain([field]).collect();
    let schema = Arc::new(Schema::new_with_metadata(fields, stored.metadata().clone()));
    let mut writer = ArrowWriter::try_new(create(path)?, Arc::clone(&schema), Some(properties))?;
    let mut builder = SessionBatchBuilder::default();
    for part in sessions.chunks(BATCH) {
        part.iter().for_each(|session| builder.push(session));
        let mut columns = builder.finish()?.columns().to_vec();
        columns.push(Arc::new(StringArray::from_iter_values(part.iter().map(community))));
        writer.write(&RecordBatch::try_new(Arc::clone(&schema), columns)?).or_exit(Exit::CannotCreate)?;
    }
    writer.close().or_exit(Exit::CannotCreate)?;
    Ok(())
}

fn community(session: &SessionRecord) -> String {
    community_of(session.proto, session.client, session.server)
}

/// Ports as Zeek has them: for ICMP the type, and the type of the answer or the code.
fn ports(session: &SessionRecord) -> (u16, u16) {
    let [kind, code] = session.server.port.to_be_bytes();
    match session.proto {
        proto::ICMP | proto::ICMP6 => icmp_ports(session.proto, kind, code),
        _ => (session.client.port, session.server.port),
    }
}

/// The sessions as rows with the names of Zeek's connection log, where it has one.
fn rows(sessions: &[SessionRecord]) -> anyhow::Result<RecordBatch> {
    let text = |value: &dyn Fn(&SessionRecord) -> Option<String>| -> ArrayRef {
        Arc::new(sessions.iter().map(value).collect::<StringArray>())
    };
    let count = |value: &dyn Fn(&SessionRecord) -> Option<u64>| -> ArrayRef {
        Arc::new(sessions.iter().map(value).collect::<UInt64Array>())
    };
    let port = |value: &dyn Fn(&SessionRecord) -> u16| -> ArrayRef {
        Arc::new(sessions.iter().map(|session| Some(value(session))).collect::<UInt16Array>())
    };
    let time = |value: &dyn Fn(&SessionRecord) -> i64| -> ArrayRef {
        let times = sessions.iter().map(|session| Some(value(session))).collect::<TimestampMicrosecondArray>();
        Arc::new(times.with_timezone("UTC"))
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("start", time(&|session| session.start)),
        ("end", time(&|session| session.end)),
        ("orig_h", text(&|session| Some(session.client.ip.to_string()))),
        ("orig_p", port(&|session| ports(session).0)),
        ("resp_h", text(&|session| Some(session.server.ip.to_string()))),
        ("resp_p", port(&|session| ports(session).1)),
        ("proto", Arc::new(sessions.iter().map(|session| Some(session.proto)).collect::<UInt8Array>())),
        ("conn_state", text(&|session| session.conn_state.map(str::to_owned))),
        ("history", text(&|session| session.history.clone())),
        ("outcome", text(&|session| Some(session.outcome.to_string()))),
        ("outcome_class", text(&|session| Some(session.outcome.class().to_string()))),
        ("end_reason", text(&|session| Some(session.end_reason.to_string()))),
        ("orig_pkts", count(&|session| Some(session.sent.packets))),
        ("resp_pkts", count(&|session| Some(session.received.packets))),
        ("orig_bytes", count(&|session| session.client_payload)),
        ("resp_bytes", count(&|session| session.server_payload)),
        ("orig_ip_bytes", count(&|session| Some(session.sent.bytes))),
        ("resp_ip_bytes", count(&|session| Some(session.received.bytes))),
        ("syn_count", count(&|session| Some(u64::from(session.syn_count)))),
        ("vlan", text(&|session| session.vlan.map(|vlan| vlan.to_string()))),
        ("tunnel", text(&|session| session.tunnel.map(|tunnel| tunnel.to_string()))),
        ("icmp", text(&|session| session.icmp.map(|icmp| format!("{}/{}", icmp.kind, icmp.code)))),
        ("community_id", text(&|session| Some(community(session)))),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, values)| (name, values, true)))?)
}
