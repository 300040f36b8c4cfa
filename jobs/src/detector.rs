//! What a job counts: the detector, its function and its custom rules.
//!
//! Owns the functions of Elastic's anomaly detection and which fields each takes. Must not know whole jobs.

mod form;

use std::collections::BTreeMap;

macro_rules! functions {
    ($($variant:ident = $name:literal $(| $alias:literal)*, $family:ident;)+) => {
        /// A detector function of Elastic's anomaly detection.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[allow(missing_docs, reason = "each is documented by Elastic under its name")]
        pub enum Function { $($variant,)+ }

        impl Function {
            /// Every function.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name as written.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The function of this name or alias.
            pub fn named(name: &str) -> Option<Self> {
                match name { $($name $(| $alias)* => Some(Self::$variant),)+ _ => None }
            }

            /// What the function works on.
            pub const fn family(self) -> Family {
                match self { $(Self::$variant => Family::$family,)+ }
            }
        }
    };
}

functions! {
    Count = "count" | "c", Count;
    HighCount = "high_count" | "high_c", Count;
    LowCount = "low_count" | "low_c", Count;
    NonZeroCount = "non_zero_count" | "nzc", Count;
    HighNonZeroCount = "high_non_zero_count" | "high_nzc", Count;
    LowNonZeroCount = "low_non_zero_count" | "low_nzc", Count;
    DistinctCount = "distinct_count" | "dc", Field;
    HighDistinctCount = "high_distinct_count" | "high_dc", Field;
    LowDistinctCount = "low_distinct_count" | "low_dc", Field;
    Rare = "rare", Rare;
    FreqRare = "freq_rare", Rare;
    TimeOfDay = "time_of_day", Count;
    TimeOfWeek = "time_of_week", Count;
    InfoContent = "info_content", Field;
    HighInfoContent = "high_info_content", Field;
    LowInfoContent = "low_info_content", Field;
    Metric = "metric", Field;
    Mean = "mean" | "avg", Field;
    HighMean = "high_mean" | "high_avg", Field;
    LowMean = "low_mean" | "low_avg", Field;
    Median = "median", Field;
    HighMedian = "high_median", Field;
    LowMedian = "low_median", Field;
    Min = "min", Field;
    Max = "max", Field;
    Varp = "varp", Field;
    HighVarp = "high_varp", Field;
    LowVarp = "low_varp", Field;
    Sum = "sum", Field;
    HighSum = "high_sum", Field;
    LowSum = "low_sum", Field;
    NonNullSum = "non_null_sum", Field;
    HighNonNullSum = "high_non_null_sum", Field;
    LowNonNullSum = "low_non_null_sum", Field;
    LatLong = "lat_long", Field;
}

impl Function {
    /// The name without its side (`high_count` is a `count`): the `function_description` of results.
    pub fn description(self) -> &'static str {
        let name = self.as_str();
        name.strip_prefix("high_").or_else(|| name.strip_prefix("low_")).unwrap_or(name)
    }

    /// Whether the function may be used over a population. Non-zero counts may not.
    pub const fn takes_over(self) -> bool {
        !matches!(self, Self::NonZeroCount | Self::HighNonZeroCount | Self::LowNonZeroCount)
    }
}

/// What a function works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Documents; takes no field.
    Count,
    /// Values of a field.
    Field,
    /// Rarity of the by-field's values; takes no field and needs a by-field.
    Rare,
}

/// One thing that a job watches.
#[derive(Debug, Clone, PartialEq)]
pub struct Detector {
    /// What is computed.
    pub function: Function,
    /// Of which field, for functions that take one.
    pub field: Option<String>,
    /// One series per value, compared with its own past.
    pub by: Option<String>,
    /// One series per value, compared with the other values.
    pub over: Option<String>,
    /// One independent model per value.
    pub partition: Option<String>,
    /// Whether documents without the by- or partition-field form a series of their own.
    pub use_null: Option<bool>,
    /// Values that are frequent everywhere are left out.
    pub exclude_frequent: Option<ExcludeFrequent>,
    /// Description in words.
    pub description: Option<String>,
    /// Rules of the user.
    pub rules: Vec<Rule>,
}

impl Detector {
    /// A detector of which only the function is set.
    pub const fn new(function: Function) -> Self {
        Self {
            function,
            field: None,
            by: None,
            over: None,
            partition: None,
            use_null: None,
            exclude_frequent: None,
            description: None,
            rules: Vec::new(),
        }
    }

    /// The fields that the detector reads.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        [&self.field, &self.by, &self.over, &self.partition].into_iter().filter_map(Option::as_deref)
    }
}

/// Which frequent values are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExcludeFrequent {
    /// Of the by- and the over-field.
    All,
    /// None.
    None,
    /// Of the by-field.
    By,
    /// Of the over-field.
    Over,
}

/// What to do when scope and conditions hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// What to do.
    pub actions: Vec<Action>,
    /// Field and the list that its value is looked up in.
    pub scope: BTreeMap<String, FilterRef>,
    /// All must hold.
    pub conditions: Vec<Condition>,
}

/// An action of a [`Rule`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// No result is made.
    SkipResult,
    /// The model does not learn from it.
    SkipModelUpdate,
}

/// A list of values, by the id of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterRef {
    /// Id of the filter.
    pub filter_id: String,
    /// Whether values on the list, or all others, are in scope.
    pub include: bool,
}

/// A comparison that a [`Rule`] needs to hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Condition {
    /// What is compared.
    pub applies_to: AppliesTo,
    /// How.
    pub comparison: Comparison,
    /// With what.
    pub value: f64,
}

/// What a [`Condition`] compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppliesTo {
    /// The value seen.
    Actual,
    /// The value expected.
    Typical,
    /// Their absolute difference.
    DiffFromTypical,
    /// The time, in seconds since the epoch.
    Time,
}

/// How a [`Condition`] compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Greater.
    Gt,
    /// Greater or equal.
    Gte,
    /// Less.
    Lt,
    /// Less or equal.
    Lte,
}
