//! Crash consistency, corrupt files, pages.
