//! Result selection.
