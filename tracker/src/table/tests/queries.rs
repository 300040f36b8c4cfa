//! Questions to the live table: order, pages, filters, slices.

use super::craft::*;
use crate::Micros;
use crate::outcome::{Outcome, OutcomeClass};
use crate::settings::{Class, TableSettings};
use crate::table::{Gathering, STATES, SortBy, TableFilter, TableQuery};

/// Client ports begin here.
const FIRST: u16 = 60_000;

/// Ten unanswered SYNs, ten established sessions, ten UDP questions; one second apart.
fn world() -> World {
    let mut world = World::new(TableSettings::default());
    for port in 0..30 {
        let time = Micros::from(port) * SECOND / 8;
        match port {
            0..10 => world.see(Talk::new(FIRST + port).send(time, 0, SYN, 0)),
            10..20 => world.see_all(Talk::new(FIRST + port).handshake(time)),
            _ => world.see(udp(time, ("10.0.0.9", FIRST + port), ("10.0.0.3", 53))),
        }
    }
    world
}

fn ports(world: &World, query: TableQuery) -> Vec<u16> {
    world.table.ask(query, 4 * SECOND).0.iter().map(|view| view.forward.from.port - FIRST).collect()
}

#[test]
fn every_order_in_pages_gives_every_session_once() {
    let world = world();
    for &sort in SortBy::ALL {
        for descending in [false, true] {
            let whole = ports(&world, TableQuery { sort, descending, limit: 100, ..TableQuery::default() });
            assert_eq!(whole.len(), 30);
            let mut query = TableQuery { sort, descending, limit: 7, ..TableQuery::default() };
            let mut paged = Vec::new();
            loop {
                let (views, next) = world.table.ask(query.clone(), 4 * SECOND);
                assert!(views.len() <= 7);
                paged.extend(views.iter().map(|view| view.forward.from.port - FIRST));
                // The cursor goes through its text, as it does in the API.
                let Some(next) = next else { break };
                query.after = Some(next.to_string().parse().unwrap());
            }
            assert_eq!(paged, whole, "{sort} {descending}");
        }
    }
    let newest = ports(&world, TableQuery { limit: 3, ..TableQuery::default() });
    assert_eq!(newest, [29, 28, 27]);
    let oldest =
        ports(&world, TableQuery { sort: SortBy::Start, descending: false, limit: 2, ..TableQuery::default() });
    assert_eq!(oldest, [0, 1]);
    let most = ports(&world, TableQuery { sort: SortBy::Packets, limit: 10, ..TableQuery::default() });
    assert!(most.iter().all(|port| (10..20).contains(port)), "{most:?}");
}

#[test]
fn filters() {
    let world = world();
    let count = |filter: TableFilter| ports(&world, TableQuery { filter, ..TableQuery::default() }).len();
    let any = TableFilter::default;
    assert_eq!(count(TableFilter { proto: Some(17), ..any() }), 10);
    assert_eq!(count(TableFilter { port: Some(80), ..any() }), 20);
    assert_eq!(count(TableFilter { client: Some("10.0.0.8/30".parse().unwrap()), ..any() }), 10);
    assert_eq!(count(TableFilter { server: Some("10.0.0.2/32".parse().unwrap()), ..any() }), 20);
    assert_eq!(count(TableFilter { host: Some("10.0.0.3/32".parse().unwrap()), ..any() }), 10);
    assert_eq!(count(TableFilter { state: Some("syn_sent".to_owned()), ..any() }), 10);
    assert_eq!(count(TableFilter { timeout: Some(Class::UdpInitial), ..any() }), 10);
    assert_eq!(count(TableFilter { outcome: Some(Outcome::NoAnswer), ..any() }), 10);
    assert_eq!(count(TableFilter { class: Some(OutcomeClass::Failed), ..any() }), 20);
    assert_eq!(count(TableFilter { vlan: Some(7), ..any() }), 0);
    for view in world.table.ask(TableQuery::default(), 4 * SECOND).0 {
        assert!(STATES.contains(&view.state), "{}", view.state);
    }
}

#[test]
fn slices_and_several_tables_give_the_page_of_one() {
    let (one, two) = (world(), world());
    let query = TableQuery { limit: 5, ..TableQuery::default() };
    let gather = |table: &crate::SessionTable| {
        let mut page = Gathering::new(query.clone());
        let mut at = Some(0);
        let mut slices = 0;
        while let Some(from) = at {
            at = table.gather(&mut page, from, 4, 4 * SECOND);
            slices += 1;
        }
        assert_eq!(slices, 8);
        page
    };
    let mut page = gather(&one.table);
    let (views, _) = page.clone().finish();
    assert_eq!(views, one.table.ask(query.clone(), 4 * SECOND).0);
    page.join(gather(&two.table));
    assert_eq!((page.matched(), page.seen()), (60, 60));
    let (views, next) = page.finish();
    let ports: Vec<u16> = views.iter().map(|view| view.forward.from.port - FIRST).collect();
    assert_eq!((ports, next.is_some()), (vec![29, 29, 28, 28, 27], true));
}

#[test]
fn what_is_no_cursor_is_refused() {
    for text in ["", "-", "1", "x-1", "1-x", "1-2-3", "ffffffffffffffffffffffffffffffffff-1"] {
        assert!(text.parse::<crate::table::Position>().is_err(), "{text}");
    }
}
