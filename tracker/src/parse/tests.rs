//! Frames, whole and broken.
