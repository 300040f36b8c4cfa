//! Batches before and after.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tracker::record::{Endpoint, SessionRecord};
use tracker::{SessionBatchBuilder, read_batch};

use super::*;

fn session(client: &str, server: &str) -> SessionRecord {
    let endpoint = |ip: &str| Endpoint { ip: ip.parse().unwrap(), port: 9 };
    let mut session = SessionRecord::new(1, 0, 6, endpoint(client), endpoint(server));
    session.observer = Arc::from("192.0.2.1");
    session
}

fn enriched(enricher: &Enricher, sessions: &[SessionRecord]) -> Vec<SessionRecord> {
    let mut builder = SessionBatchBuilder::default();
    sessions.iter().for_each(|session| builder.push(session));
    read_batch(&enricher.enrich(&builder.finish().unwrap()).unwrap()).unwrap()
}

fn nothing() -> EnrichSettings {
    EnrichSettings { databases: Vec::new(), given: GivenNames::default(), told: Arc::default(), dns: None }
}

#[test]
fn without_knowledge_nothing_changes() {
    let sessions = [session("198.51.100.1", "2001:db8::1")];
    assert_eq!(enriched(&Enricher::open(nothing()).unwrap(), &sessions), sessions);
    assert!(enriched(&Enricher::open(nothing()).unwrap(), &[]).is_empty());
}

#[test]
fn places_are_filled_and_what_the_exporter_told_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("asn.mmdb");
    std::fs::write(&path, crate::enrich::geo::tests::carriers()).unwrap();
    let enricher = Enricher::open(EnrichSettings { databases: vec![path], ..nothing() }).unwrap();
    let mut told = session("198.51.100.1", "198.51.100.2");
    told.client_info.asn = Some(7);
    told.server_info.asn = Some(64_496);
    let found = enriched(&enricher, &[told, session("198.51.100.1", "192.0.2.9")]);
    let of = |info: &tracker::record::HostInfo| (info.asn, info.as_org.as_deref().map(str::to_owned));
    assert_eq!(of(&found[0].client_info), (Some(7), None), "the organisation of another system is not put beside it");
    assert_eq!(of(&found[0].server_info), (Some(64_496), Some("Example Carrier".to_owned())));
    assert_eq!(of(&found[1].client_info), (Some(64_496), Some("Example Carrier".to_owned())));
    assert_eq!(of(&found[1].server_info), (None, None));
}

#[test]
fn given_names_go_before_told_ones() {
    let map = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, name)| ((*key).to_owned(), (*name).to_owned())).collect()
    };
    let told = Arc::<InterfaceNames>::default();
    told.learn([("192.0.2.1".to_owned(), 1, "Gi0/1"), ("192.0.2.1".to_owned(), 2, "Gi0/2")]);
    let given = GivenNames::new(&map(&[("192.0.2.1", "core")]), &map(&[("192.0.2.1#2", "uplink")])).unwrap();
    let enricher = Enricher::open(EnrichSettings { given, told, ..nothing() }).unwrap();
    let mut one = session("10.0.0.1", "10.0.0.2");
    (one.input_interface, one.output_interface) = (Some(1), Some(2));
    let mut other = one.clone();
    other.observer = Arc::from("192.0.2.2");
    let found = enriched(&enricher, &[one, other]);
    let names = |session: &SessionRecord| {
        [&session.observer_name, &session.input_interface_name, &session.output_interface_name]
            .map(|name| name.as_deref().map(str::to_owned))
    };
    assert_eq!(names(&found[0]), ["core", "Gi0/1", "uplink"].map(|name| Some(name.to_owned())));
    assert_eq!(names(&found[1]), [None, None, None]);
}

#[test]
fn names_of_hosts_come_with_a_later_batch() {
    let dns = ReverseDns::with(Arc::new(|address| Some(format!("h.{address}.example")))).unwrap();
    let enricher = Enricher::open(EnrichSettings { dns: Some(dns), ..nothing() }).unwrap();
    let sessions = [session("10.0.0.1", "10.0.0.2")];
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let found = enriched(&enricher, &sessions);
        if let (Some(client), Some(server)) = (&found[0].client_info.host, &found[0].server_info.host) {
            assert_eq!((&**client, &**server), ("h.10.0.0.1.example", "h.10.0.0.2.example"));
            return;
        }
        assert!(Instant::now() < end);
        std::thread::sleep(Duration::from_millis(5));
    }
}
