//! What the integration tests share: the built binary, the corpus, a running server, real programs.

pub mod browser;
pub mod corpus;
pub mod program;
pub mod server;
