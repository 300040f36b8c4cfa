//! Every endpoint over made-up results: forms, refusals, pages, downloads, headers.

mod description;
mod imported;
mod lists;
mod live;
mod refusals;
mod silences;
mod stored;
mod views;
