//! Lists: JSON, CSV, NDJSON and Arrow; pages.

use tracker::Perspective;

use crate::testing::*;

fn many() -> Fake {
    // Scores repeat, so that pages have to break ties.
    Fake { records: (0..25).map(|n| record(n, f64::from(n / 5) * 20.0, i64::from(n))).collect(), ..Fake::default() }
}

#[tokio::test]
async fn an_anomaly_has_every_field() {
    let answer = get(Fake { records: vec![record(7, 91.0, 0)], ..Fake::default() }, "/api/v1/anomalies").await;
    let page = answer.json();
    assert_eq!((&page["total"], &page["next_cursor"]), (&1.into(), &serde_json::Value::Null));
    let item = &page["items"][0];
    assert_eq!(item["job"], "elastiflow_ecs_avail_tcp_sess_fails_in");
    assert_eq!(item["severity"], "critical");
    assert_eq!(item["level"], "server_port");
    assert_eq!(
        item["explanation"],
        "10.2.0.7:443 refused 412 of 430 connection attempts from 38 clients; usual for Tuesday 14:00: 9"
    );
    assert_eq!(item["series"], "perspective=inbound&level=server_port&server=10.2.0.7&port=443");
    assert_eq!(item["details"]["type"], "spike");
    assert!(
        item["id"].as_str().unwrap().starts_with("elastiflow_ecs_avail_tcp_sess_fails_in_record_1773151200000_900_0_")
    );
    for (key, value) in item.as_object().unwrap() {
        assert!(!value.is_null() || ["client", "cause"].contains(&key.as_str()), "{key}");
    }
    let keys: Vec<&str> = item.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys.len(), 29, "{keys:?}");
}

#[tokio::test]
async fn sentences_tell_times_in_the_zone_asked_for() {
    let (router, _) = service(Fake { records: vec![record(7, 91.0, 0)], ..Fake::default() });
    let explanation = |zone: &'static str| {
        let router = router.clone();
        async move {
            let page = ask(&router, &format!("/api/v1/anomalies?timezone={zone}"), &[]).await.json();
            page["items"][0]["explanation"].as_str().unwrap().to_owned()
        }
    };
    assert!(explanation("").await.ends_with("usual for Tuesday 14:00: 9"));
    assert!(explanation("Europe/Berlin").await.ends_with("usual for Tuesday 15:00: 9"));
    assert!(explanation("Pacific/Auckland").await.ends_with("usual for Wednesday 03:00: 9"));
    let summary = ask(&router, "/api/v1/summary?timezone=Asia/Kolkata", &[]).await.json();
    assert!(summary["worst"]["explanation"].as_str().unwrap().ends_with("usual for Tuesday 19:30: 9"));
    for path in ["anomalies", "summary", "events"] {
        let refused = ask(&router, &format!("/api/v1/{path}?timezone=Europe/Atlantis"), &[]).await;
        assert_eq!(refused.status, 400, "{path}");
        assert!(refused.text().contains("expected an IANA time zone"), "{}", refused.text());
    }
}

#[tokio::test]
async fn pages_give_everything_once() {
    for sort in ["score", "time"] {
        let (router, _) = service(many());
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = format!("/api/v1/anomalies?limit=4&sort={sort}&cursor={cursor}");
            let page = ask(&router, &path, &[]).await.json();
            assert_eq!(page["total"], 25);
            let items = page["items"].as_array().unwrap();
            seen.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
            match page["next_cursor"].as_str() {
                Some(next) => next.clone_into(&mut cursor),
                None => break,
            }
        }
        assert_eq!(seen.len(), 25);
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 25);
    }
}

#[tokio::test]
async fn a_cursor_outlives_its_anomaly() {
    let (before, _) = service(many());
    let page = ask(&before, "/api/v1/anomalies?limit=4", &[]).await.json();
    let cursor = page["next_cursor"].as_str().unwrap();
    let mut fewer = many();
    let last = page["items"][3]["server"].as_str().unwrap().to_owned();
    fewer.records.retain(|record| record.series.server.unwrap().to_string() != last);
    let page = ask(&service(fewer).0, &format!("/api/v1/anomalies?limit=4&cursor={cursor}"), &[]).await.json();
    assert!(!page["items"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn filters_are_passed_on() {
    let (router, _) = service(many());
    for (path, count) in [
        ("/api/v1/anomalies?min_score=75", 5),
        ("/api/v1/anomalies?server=10.2.0.3", 1),
        ("/api/v1/anomalies?perspective=edge", 0),
        ("/api/v1/anomalies?level=client", 0),
        ("/api/v1/anomalies?from=now-30m", 2),
        ("/api/v1/anomalies?perspective=", 25),
    ] {
        assert_eq!(ask(&router, path, &[]).await.json()["total"], count, "{path}");
    }
}

#[tokio::test]
async fn tables_come_as_csv_and_ndjson() {
    let fake = Fake {
        records: vec![record(7, 91.0, 0), record(8, 30.0, 1)],
        buckets: vec![bucket(Perspective::Inbound, 91.0, 0), bucket(Perspective::Edge, 0.0, 0)],
        sessions: vec![session(1, 1), session(2, 2)],
        ..Fake::default()
    };
    let (router, _) = service(fake);
    let lists = [
        ("anomalies", "id,job,perspective,level,server,port", 2),
        ("buckets", "perspective,timestamp,bucket_span,score", 2),
        ("sessions", "session_id,start,end,proto,proto_name,client_ip", 2),
        ("series?perspective=inbound", "t,actual,attempts,typical", 2),
        ("exporters", "address,name,domain,protocols", 1),
    ];
    for (path, header, rows) in lists {
        let path = format!("/api/v1/{path}");
        let csv = ask(&router, &path, &[("accept", "text/csv")]).await;
        assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
        assert!(csv.header("content-disposition").starts_with("attachment; filename=\""));
        let lines: Vec<&str> = csv.text().split_terminator("\r\n").collect();
        assert!(lines[0].starts_with(header), "{}", lines[0]);
        assert_eq!(lines.len(), rows + 1, "{path}");
        let separator = if path.contains('?') { '&' } else { '?' };
        let lines = ask(&router, &format!("{path}{separator}format=ndjson"), &[]).await;
        assert_eq!(lines.header("content-type"), "application/x-ndjson");
        assert_eq!(lines.text().lines().count(), rows);
        for line in lines.text().lines() {
            assert!(serde_json::from_str::<serde_json::Value>(line).unwrap().is_object());
        }
    }
}

#[tokio::test]
async fn sessions_in_pages_and_as_arrow() {
    let (router, _) = service(Fake { sessions: (0..5).map(|n| session(n, 1)).collect(), ..Fake::default() });
    let page = ask(&router, "/api/v1/sessions?limit=3", &[]).await.json();
    assert_eq!(page["next_cursor"], "3");
    let item = &page["items"][2];
    assert_eq!(item["session_id"], "0000000000000002");
    assert_eq!((&item["client_tcp_flags"], &item["server_tcp_flags"]), (&"S".into(), &"AR".into()));
    assert_eq!((&item["proto_name"], &item["service"]), (&"tcp".into(), &"https".into()));
    assert_eq!((&item["outcome"], &item["outcome_class"]), (&"refused".into(), &"failed".into()));
    let rest = ask(&router, "/api/v1/sessions?limit=3&cursor=3", &[]).await.json();
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next_cursor"]), (2, &serde_json::Value::Null));
    let csv = ask(&router, "/api/v1/sessions?limit=3&format=csv", &[]).await;
    assert_eq!(csv.header("link"), "<?cursor=3>; rel=\"next\"");
    let accept = [("accept", "application/vnd.apache.arrow.stream")];
    let stream = ask(&router, "/api/v1/sessions", &accept).await;
    let mut reader = arrow::ipc::reader::StreamReader::try_new(stream.body.as_slice(), None).unwrap();
    let batch = reader.next().unwrap().unwrap();
    assert_eq!(tracker::read_batch(&batch).unwrap(), (0..5).map(|n| session(n, 1)).collect::<Vec<_>>());
}

#[tokio::test]
async fn the_catalogue_says_what_to_do_and_has_every_file() {
    let answer = get(Fake::default(), "/api/v1/jobs/catalogue").await.json();
    let topics = answer["items"].as_array().unwrap();
    assert_eq!(topics[0]["topic"], "avail_tcp_sess_fails");
    assert_eq!(topics.iter().map(|topic| topic["built_in"] == true).collect::<Vec<_>>()[..2], [true, false]);
    let mut count = 0;
    for topic in topics {
        assert!(
            !topic["causes"].as_array().unwrap().is_empty() && !topic["first_steps"].as_array().unwrap().is_empty()
        );
        assert!(topic["detectors"][0].as_str().is_some_and(|text| text.contains("count") || text.contains("mean")));
        let jobs = topic["jobs"].as_array().unwrap();
        let schemas: Vec<&str> = jobs.iter().map(|job| job["schema"].as_str().unwrap()).collect();
        assert!(schemas.is_sorted_by(|a, b| a >= b), "ECS first: {schemas:?}");
        for job in jobs {
            let file = get(Fake::default(), job["href"].as_str().unwrap()).await;
            assert_eq!(file.json()[0]["job"]["job_id"], job["job_id"]);
            assert!(file.headers["content-disposition"].to_str().unwrap().contains(job["filename"].as_str().unwrap()));
            count += 1;
        }
    }
    assert_eq!(count, jobs::everything(&jobs::Prefix::default()).len());
    assert_eq!(get(Fake::default(), "/api/v1/jobs/catalogue/none").await.status, 404);
}
