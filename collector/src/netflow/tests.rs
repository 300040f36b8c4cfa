//! Tests of the decoder: hand-made messages, the corpus of real captures, damage, and the parser crate as an oracle.

mod build;
mod corpus;
mod damage;
mod flows;
mod oracle;
mod state;
mod templates;
