//! Bucket counts.
