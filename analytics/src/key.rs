//! Names and short texts of series keys. The key itself is [`jobs::SeriesKey`].

use jobs::{Level, SeriesKey};
use tracker::locality::address_key;

/// Every level, finest first.
pub const LEVELS: [Level; 5] = [Level::ServerPort, Level::Server, Level::Port, Level::Client, Level::Perspective];

/// The stored name of a level.
pub const fn level_name(level: Level) -> &'static str {
    match level {
        Level::ServerPort => "server_port",
        Level::Server => "server",
        Level::Port => "port",
        Level::Client => "client",
        Level::Perspective => "perspective",
    }
}

/// The level of a stored name.
pub fn level_from(name: &str) -> Option<Level> {
    LEVELS.into_iter().find(|level| level_name(*level) == name)
}

/// A number that stands for the key: the same on every machine and in every version.
pub fn fingerprint(key: &SeriesKey) -> u64 {
    let address = |ip: Option<std::net::IpAddr>| ip.map_or(0, address_key).to_be_bytes();
    let fold = |h: u64, b: u8| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3);
    let names = [key.perspective.as_str(), level_name(key.level)];
    let bytes = names.into_iter().flat_map(str::bytes).chain(address(key.server)).chain(address(key.client));
    let given = [u8::from(key.server.is_some()), u8::from(key.client.is_some()), u8::from(key.port.is_some())];
    let port = key.port.unwrap_or_default().to_be_bytes();
    let fnv = bytes.chain(given).chain(port).fold(0xcbf2_9ce4_8422_2325, fold);
    let mixed = (fnv ^ (fnv >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 29)
}

/// The series as people name it: `10.2.0.7:443`, `10.2.0.7`, `port 443`, `client 10.1.1.1`, `all inbound sessions`.
pub fn series_label(key: &SeriesKey) -> String {
    let address = |ip: Option<std::net::IpAddr>| ip.map_or_else(|| "other".to_owned(), |ip| ip.to_string());
    let port = key.port.map_or_else(|| "other".to_owned(), |port| port.to_string());
    match (key.level, key.server) {
        (Level::ServerPort, Some(std::net::IpAddr::V6(ip))) => format!("[{ip}]:{port}"),
        (Level::ServerPort, server) => format!("{}:{port}", address(server)),
        (Level::Server, server) => address(server),
        (Level::Port, _) => format!("port {port}"),
        (Level::Client, _) => format!("client {}", address(key.client)),
        (Level::Perspective, _) => format!("all {} sessions", key.perspective.as_str()),
    }
}
