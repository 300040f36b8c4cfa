//! The table, from crafted segments to whole captures.

mod corpus;
