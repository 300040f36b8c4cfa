//! What the integration tests share: the built binary, the corpus, a running server, real programs.

pub mod corpus;
pub mod program;
pub mod server;
