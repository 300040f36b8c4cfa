//! SQL over the store.

use std::net::{IpAddr, Ipv4Addr};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use ipnet::IpNet;
use proptest::prelude::*;
use tracker::Outcome;

use super::*;
use crate::testing::{SECOND, T0, put, session, store, wait};

fn count(store: &SessionStore, sql: &str) -> i64 {
    let batches: Vec<_> = wait(async {
        let (_, stream) = QueryEngine::new(store).sql(sql).await.unwrap();
        stream.try_collect().await.unwrap()
    });
    batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

#[test]
fn addresses_are_text_and_times_choose_files() {
    let (_folder, store) = store();
    let records: Vec<_> = (0..8)
        .map(|n| session(n, T0 + n.cast_signed() * 3_600 * SECOND, "10.0.0.7", "2001:db8::1", 443, Outcome::Refused))
        .collect();
    put(&store, "q", &records);
    assert_eq!(
        count(&store, "SELECT count(*) FROM sessions WHERE client_ip = '10.0.0.7' AND server_ip = '2001:db8:0::1'"),
        8
    );
    assert_eq!(
        count(&store, "SELECT count(*) FROM sessions WHERE client_ip LIKE '10.%' AND client_ip <> '10.0.0.8'"),
        8
    );
    assert_eq!(
        count(&store, "SELECT count(*) FROM sessions WHERE client_ip IN ('1.1.1.1', '10.0.0.7') AND service = 'https'"),
        8
    );
    assert_eq!(
        count(
            &store,
            r#"SELECT count(*) FROM sessions WHERE "end" >= '2025-11-03T02:00:00Z' AND "end" < '2025-11-03T04:00:00Z'"#
        ),
        2
    );
    assert_eq!(count(&store, "SELECT count(*) FROM sessions WHERE NOT cidr_match(client_ip, '10.0.0.0/8')"), 0);
    assert_eq!(
        count(
            &store,
            "SELECT count(*) FROM sessions a JOIN sessions b ON a.client_ip = b.client_ip WHERE cidr_match(a.server_ip, '2001:db8::/32')"
        ),
        64
    );
    let grouped = "SELECT server_ip, outcome, count(*) AS n FROM sessions WHERE outcome_class = 'failed' GROUP BY 1, 2 \
                   ORDER BY n DESC LIMIT 20";
    assert_eq!(count(&store, &format!("SELECT count(*) FROM ({grouped})")), 1);
    assert_eq!(count(&store, &format!("SELECT n FROM ({grouped})")), 8);
    assert_eq!(count(&store, "SELECT count(*) FROM results WHERE result_type = 'record'"), 0);
}

#[test]
fn nothing_can_be_changed() {
    let (_folder, store) = store();
    for sql in [
        "CREATE TABLE t (a INT)",
        "INSERT INTO sessions SELECT * FROM sessions",
        "DROP TABLE sessions",
        "COPY sessions TO '/tmp/x.csv'",
        "SET datafusion.execution.batch_size = 1",
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
    ] {
        assert!(wait(QueryEngine::new(&store).sql(sql)).is_err(), "{sql}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn prefix_filters_equal_filtering_in_memory(
        clients in proptest::collection::vec(any::<u32>(), 1..60),
        network in any::<u32>(),
        length in 0u8..=32,
        near in any::<bool>(),
    ) {
        let (_folder, store) = store();
        let clients: Vec<Ipv4Addr> = clients.iter().map(|n| Ipv4Addr::from(if near { network ^ (n >> 20) } else { *n })).collect();
        let records: Vec<_> = clients
            .iter()
            .zip(0u64..)
            .map(|(ip, n)| session(n, T0 + n.cast_signed() * SECOND, &ip.to_string(), "10.0.0.1", 80, Outcome::Closed))
            .collect();
        put(&store, "c", &records);
        let network = IpNet::new(IpAddr::V4(Ipv4Addr::from(network)), length).unwrap();
        let expected = clients.iter().filter(|ip| network.contains(&IpAddr::V4(**ip))).count();
        let sql = format!("SELECT count(*) FROM sessions WHERE cidr_match(client_ip, '{network}')");
        prop_assert_eq!(count(&store, &sql), i64::try_from(expected).unwrap());
        // The same test on text, which cannot be pushed down.
        let sql = format!("SELECT count(*) FROM sessions WHERE cidr_match(concat(client_ip, ''), '{network}')");
        prop_assert_eq!(count(&store, &sql), i64::try_from(expected).unwrap());
    }
}

#[test]
fn pushed_filters_reach_the_parquet_reader() {
    let (_folder, store) = store();
    put(&store, "e", &[session(1, T0, "10.0.0.7", "10.0.0.8", 443, Outcome::Closed)]);
    let plan = wait(async {
        let (_, stream) = QueryEngine::new(&store)
            .sql("EXPLAIN SELECT session_id FROM sessions WHERE cidr_match(client_ip, '10.0.0.0/8')")
            .await
            .unwrap();
        stream.try_collect::<Vec<_>>().await.unwrap()
    });
    let text = arrow::util::pretty::pretty_format_batches(&plan).unwrap().to_string();
    assert!(text.contains("client_ip@4 >= ") || text.contains("predicate=client_ip"), "{text}");
    assert!(!text.contains("cidr_match(ip_text"), "{text}");
}
