//! Progress bars on long work, when standard error is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `total` steps (bytes, buckets); hidden where nobody looks.
pub fn bar(total: u64, what: &'static str, bytes: bool) -> ProgressBar {
    let bar = ProgressBar::new(total);
    let counts = if bytes { "{bytes}/{total_bytes}" } else { "{pos}/{len}" };
    let template = format!("{{msg}} {{wide_bar}} {counts} {{eta}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar.set_message(what);
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}
