//! Frames, whole and broken.

mod build;
mod hostile;
mod layers;
mod seeds;
mod tunnels;
