//! Tests of the stitcher.

pub(super) mod build;
mod joining;
mod life;
mod properties;
