//! The live session table: entries, order, pages, filters, refusals.

use serde_json::Value;

use crate::testing::*;

async fn ports(path: &str) -> Vec<u64> {
    let page = get(Fake::default(), &format!("/api/v1/sessions/live{path}")).await.json();
    page["items"].as_array().unwrap().iter().map(|item| item["client_port"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn a_session_shows_both_directions_its_state_and_the_time_left() {
    let page = get(Fake::default(), "/api/v1/sessions/live?port=443").await.json();
    assert_eq!((&page["matched"], &page["total"], &page["complete"]), (&1.into(), &3.into(), &true.into()));
    let item = &page["items"][0];
    assert_eq!((&item["state"], &item["timeout"]), (&"established".into(), &"tcp_established".into()));
    assert_eq!(item["time_left"], 3_600_000 - 4998);
    assert_eq!((&item["interface"], &item["outcome"]), (&"eth0".into(), &"open".into()));
    let (forward, reverse) = (&item["forward"], &item["reverse"]);
    assert_eq!((&forward["source_ip"], &forward["source_port"]), (&"10.0.0.1".into(), &40_001.into()));
    assert_eq!((&reverse["source_ip"], &reverse["source_port"]), (&"10.0.0.7".into(), &443.into()));
    assert_eq!((&forward["packets"], &reverse["packets"]), (&2.into(), &1.into()));
    assert_eq!((&forward["tcp_flags"], &reverse["tcp_flags"]), (&"SA".into(), &"SA".into()));
    for (key, value) in item.as_object().unwrap() {
        assert!(!value.is_null() || ["vlan", "tunnel"].contains(&key.as_str()), "{key}");
    }
}

#[tokio::test]
async fn order_pages_and_filters() {
    assert_eq!(ports("").await, [40_003, 40_002, 40_001], "the newest first");
    assert_eq!(ports("?sort=time_left").await, [40_001, 40_002, 40_003]);
    assert_eq!(ports("?sort=client&order=asc").await, [40_001, 40_002, 40_003]);
    assert_eq!(ports("?state=syn_sent").await, [40_002]);
    assert_eq!(ports("?class=failed").await, [40_003, 40_002]);
    assert_eq!(ports("?outcome=refused&timeout=tcp_closed&proto=tcp&host=10.0.0.3").await, [40_003]);
    assert_eq!(ports("?server=10.0.0.0/29&client=10.0.0.2").await, [40_002]);
    assert_eq!(ports("?interface=eth1").await, [0u64; 0]);
    let mut cursor = String::new();
    let mut seen = Vec::new();
    loop {
        let path = format!("/api/v1/sessions/live?limit=1&cursor={cursor}");
        let page = get(Fake::default(), &path).await.json();
        seen.push(page["items"][0]["client_port"].clone());
        let Value::String(next) = &page["next_cursor"] else { break };
        cursor.clone_from(next);
    }
    assert_eq!(seen, [40_003, 40_002, 40_001]);
}

#[tokio::test]
async fn tables_and_refusals() {
    let csv = get(Fake::default(), "/api/v1/sessions/live?format=csv&limit=2").await;
    let lines: Vec<&str> = csv.text().split_terminator("\r\n").collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].contains("forward.packets") && lines[0].contains("reverse.source_ip"), "{}", lines[0]);
    assert!(csv.header("link").contains("rel=\"next\""));
    for (path, named) in [
        ("state=half", "syn_sent"),
        ("timeout=tcp", "tcp_established"),
        ("sort=size", "size"),
        ("order=up", "asc"),
        ("proto=tcpp", "protocol"),
        ("cursor=zz", "cursor"),
        ("limit=0", "limit"),
        ("colour=red", "colour"),
    ] {
        let answer = get(Fake::default(), &format!("/api/v1/sessions/live?{path}")).await;
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.text().contains(named), "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn the_filter_language_asks_the_table_as_it_asks_the_store() {
    let ports = async |filter: &str| {
        let path = format!("/api/v1/sessions/live?sort=port&order=asc&filter={}", filter.replace(' ', "%20"));
        let answer = get(Fake::default(), &path).await;
        assert_eq!(answer.status, 200, "{filter}: {}", answer.text());
        let page = answer.json();
        let items = page["items"].as_array().unwrap();
        assert_eq!(page["matched"], items.len(), "{filter}");
        items.iter().map(|item| item["server_port"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(ports("port 80 or port 22").await, [22, 80]);
    assert_eq!(ports("not (port 80 or outcome refused)").await, [443]);
    assert_eq!(ports("client 10.0.0.2/31 and not service http").await, [22]);
    assert_eq!(ports("host 10.0.0.1").await, [443]);
    assert_eq!(ports("class failed and client_port 40000-40002").await, [80]);
    assert_eq!(ports("exporter eth0 and perspective private and proto tcp").await, [22, 80, 443]);
    assert_eq!(ports("exporter eth1 or server 192.0.2.0/24").await, [0_u64; 0]);
    let wrong = get(Fake::default(), "/api/v1/sessions/live?filter=port").await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.json()["detail"].as_str().unwrap().contains("column"), "{}", wrong.text());
}
