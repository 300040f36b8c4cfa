//! What the integration tests share: the built binary, the corpus, a running server, real programs.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stderr)]

pub mod browser;
pub mod bulk;
pub mod corpus;
pub mod delivered;
pub mod export;
pub mod http;
pub mod ipfix;
pub mod java;
pub mod program;
pub mod server;
pub mod sessions;
