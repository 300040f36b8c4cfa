//! Round trip of results.
