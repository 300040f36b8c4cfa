//! Roll-ups say what the sessions say, also after late data, merging and a restart.

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use tracker::{Outcome, SessionRecord};

use super::rows::{Sums, Who};
use super::*;
use crate::QueryEngine;
use crate::testing::{SECOND, T0, noise, put, session, store, wait};

fn hour(number: i64) -> Vec<SessionRecord> {
    let one = |n: i64| {
        let place = number.cast_unsigned() * 1_000 + n.cast_unsigned();
        let outcome = if noise(place, 4) == 0 { Outcome::Refused } else { Outcome::Closed };
        let client = format!("10.1.0.{}", noise(place, 9) + 1);
        session(place, T0 + (number * 3_600 + n * 60) * SECOND, &client, "10.0.0.1", 443, outcome)
    };
    (0..40).map(one).collect()
}

fn ask(store: &SessionStore, sql: &str) -> Vec<i64> {
    let batches: Vec<_> = wait(async {
        let (_, stream) = QueryEngine::new(store).sql(sql).await.unwrap();
        stream.try_collect().await.unwrap()
    });
    let values = |batch: &arrow::record_batch::RecordBatch| -> Vec<i64> {
        batch
            .columns()
            .iter()
            .flat_map(|column| {
                let column = arrow::compute::cast(column, &arrow::datatypes::DataType::Int64).unwrap();
                column.as_primitive::<Int64Type>().values().to_vec()
            })
            .collect()
    };
    batches.iter().flat_map(values).collect()
}

fn agree(store: &SessionStore, table: &str) {
    let of = |sum: &str, table: &str| {
        let per = format!(
            "SELECT {sum} AS n FROM {table} WHERE client_ip IS NOT NULL GROUP BY client_ip, outcome ORDER BY client_ip, outcome"
        );
        ask(store, &per)
    };
    assert_eq!(of("sum(sessions)", table), of("count(*)", "sessions"), "{table}");
}

#[test]
fn roll_ups_say_what_the_sessions_say() {
    let (_folder, store) = store();
    for number in 0..48 {
        put(&store, "a", &hour(number));
    }
    let end = T0 + 48 * HOUR;
    let mut rollups = Rollups::open(&store).unwrap();
    assert_eq!(wait(rollups.update(end - 1)).unwrap(), 47 + 1, "the last hour and its day are not over");
    assert_eq!(wait(rollups.update(end)).unwrap(), 1 + 1);
    agree(&store, "sessions_hourly");
    agree(&store, "sessions_daily");
    assert_eq!(
        ask(
            &store,
            "SELECT count(DISTINCT time) FROM sessions_hourly WHERE time >= '2025-11-03T10:00:00Z' AND time < '2025-11-03T12:00:00Z'"
        ),
        [2]
    );
    // Again with nothing new, and with late data.
    let mut rollups = Rollups::open(&store).unwrap();
    assert_eq!(wait(rollups.update(end)).unwrap(), 0);
    put(&store, "late", &[session(999_999, T0 + 5 * HOUR + 7, "10.1.0.1", "10.0.0.1", 443, Outcome::Refused)]);
    assert_eq!(wait(rollups.update(end)).unwrap(), 2, "its hour and its day");
    agree(&store, "sessions_hourly");
    agree(&store, "sessions_daily");
    let files = std::fs::read_dir(store.root().join(HOURS)).unwrap().count();
    assert_eq!(files, 2, "one file for each day");
}

#[test]
fn what_is_beyond_the_limit_is_summed() {
    let who = |n: u8, class: &str| Who {
        perspective: "private".to_owned(),
        proto: 6,
        server: "10.0.0.1".parse().ok(),
        port: Some(u16::from(n)),
        client: None,
        class: class.to_owned(),
        outcome: class.to_owned(),
    };
    let sums = |sessions| Sums { sessions, client_bytes: 1, server_bytes: 2 };
    let part: Part =
        (0..9).map(|n| (who(n, "failed"), sums(u64::from(n)))).chain([(who(0, "established"), sums(1))]).collect();
    let total = |part: &Part| part.values().map(|sums| sums.sessions).sum::<u64>();
    let pooled = pool(part.clone(), 3);
    assert_eq!((total(&pooled), pooled.len()), (total(&part), 5));
    let rest = Who { server: None, port: None, ..who(0, "failed") };
    assert_eq!(pooled[&rest], Sums { sessions: 15, client_bytes: 6, server_bytes: 12 });
}
