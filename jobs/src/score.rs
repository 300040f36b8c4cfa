//! Scores and severities. The thresholds 3, 25, 50 and 75 live here alone.

use serde::{Deserialize, Serialize};

/// How unusual something is: 0 (usual) to 100.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Score(f64);

impl Score {
    /// A score; values outside 0-100 (and NaN) are clamped.
    pub fn new(value: f64) -> Self {
        Self(if value.is_nan() { 0.0 } else { value.clamp(0.0, 100.0) })
    }

    /// The number, 0-100.
    pub const fn value(self) -> f64 {
        self.0
    }

    /// The severity band of the score.
    pub fn severity(self) -> Severity {
        Severity::ALL.into_iter().rev().find(|severity| self.0 >= severity.threshold()).unwrap_or(Severity::Low)
    }
}

/// Severity bands of Elastic's anomaly results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Below 3: not reported.
    Low,
    /// From 3.
    Warning,
    /// From 25.
    Minor,
    /// From 50.
    Major,
    /// From 75.
    Critical,
}

impl Severity {
    /// Every severity, ascending.
    pub const ALL: [Self; 5] = [Self::Low, Self::Warning, Self::Minor, Self::Major, Self::Critical];

    /// The lowest score of the band.
    pub const fn threshold(self) -> f64 {
        match self {
            Self::Low => 0.0,
            Self::Warning => 3.0,
            Self::Minor => 25.0,
            Self::Major => 50.0,
            Self::Critical => 75.0,
        }
    }

    /// The name as stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Warning => "warning",
            Self::Minor => "minor",
            Self::Major => "major",
            Self::Critical => "critical",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bands() {
        let cases = [
            (0.0, Severity::Low),
            (2.99, Severity::Low),
            (3.0, Severity::Warning),
            (25.0, Severity::Minor),
            (50.0, Severity::Major),
            (74.9, Severity::Major),
            (75.0, Severity::Critical),
            (f64::NAN, Severity::Low),
            (1e9, Severity::Critical),
        ];
        for (value, severity) in cases {
            assert_eq!(Score::new(value).severity(), severity, "{value}");
        }
    }
}
