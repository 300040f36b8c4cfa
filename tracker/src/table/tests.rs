//! The table, from crafted segments to whole captures.

mod corpus;
mod craft;
mod errors;
mod exhaustive;
mod late;
mod limits;
mod queries;
mod rules;
mod timeouts;
