//! Rebuilds the crate when the built UI changes. Never runs npm and never touches the network.

fn main() {
    println!("cargo::rerun-if-changed=ui/dist");
}
