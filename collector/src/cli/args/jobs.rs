//! What can be said after `halfopen jobs`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{PerspectiveName, Place, SchemaName, TableFormat};

/// `jobs`
#[derive(Debug, Subcommand)]
pub enum Jobs {
    /// List the jobs: those that come with the program, and those imported into the store
    List {
        /// Store and configuration
        #[command(flatten)]
        place: Place,
    },
    /// Print one job definition in the form that Kibana imports
    Show {
        /// Job id
        id: String,
        /// Store and configuration
        #[command(flatten)]
        place: Place,
    },
    /// Write job definitions, one <job_id>.json each
    Export {
        /// These jobs, imported ones among them [default: the eight that watch failed TCP sessions]
        #[arg(value_name = "ID")]
        ids: Vec<String>,
        /// Every job that comes with the program
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        /// Only this schema
        #[arg(long, value_enum)]
        schema: Option<SchemaName>,
        /// Only this perspective
        #[arg(long, value_enum)]
        perspective: Option<PerspectiveName>,
        /// Directory to write to
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Store and configuration
        #[command(flatten)]
        place: Place,
    },
    /// Say whether job definitions are understood and can be run
    ///
    /// FILES hold what Kibana exports, or bodies of `PUT _ml/anomaly_detectors`. Refusals name the JSON path. Exit code
    /// 65 says that something was refused.
    Validate {
        /// Job files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Store and configuration; a store lends the lists that rules refer to
        #[command(flatten)]
        place: Place,
    },
    /// Import job definitions into a store, where `serve` runs them
    ///
    /// FILES as for `validate`; lists (`filter_id`, `items`) and calendars (`calendar_id`, `events`) may stand beside
    /// jobs. A job of the same id is replaced. What cannot be run is refused, and the rest imported (exit code 65).
    Import {
        /// Job files
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Store and configuration
        #[command(flatten)]
        place: Place,
    },
    /// Let an imported job run
    Enable(OneJob),
    /// Stop an imported job; its results stay
    Disable(OneJob),
    /// Remove an imported job with its results
    Remove(OneJob),
    /// Drop models and results of an imported job; it runs again over the whole history
    Reset(OneJob),
    /// Drop what an imported job has learnt; it learns from now on, and its results stay
    Forget(OneJob),
    /// List the model snapshots of an imported job
    Snapshots(OneJob),
    /// Go back to what an imported job knew at a snapshot
    Revert {
        /// The snapshot, as `jobs snapshots` prints it
        #[arg(long, value_name = "TIME")]
        snapshot: String,
        /// Also drop the results since, and run over them again
        #[arg(long)]
        delete_results: bool,
        /// Which job
        #[command(flatten)]
        job: OneJob,
    },
    /// Run a job over the store and print each bucket of each series with its score
    ///
    /// A job is learnt from the store's first bucket on, whatever part is printed. An imported job's kept results are
    /// brought up to date too, unless a server does that. Series without anything in a bucket are left out unless
    /// unusual.
    Run {
        /// Id of a job, or a file of job definitions
        job: String,
        /// First moment printed, RFC 3339 or a date [default: the oldest session]
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Moment at which the run stands [default: now]
        #[arg(long, value_name = "TIME")]
        to: Option<String>,
        /// Only values of this score or more
        #[arg(long, value_name = "SCORE", default_value_t = 0.0)]
        min_score: f64,
        /// Form of the output
        #[arg(long, value_enum, default_value_t = TableFormat::Table)]
        format: TableFormat,
        /// Store and configuration
        #[command(flatten)]
        place: Place,
    },
}

/// A job by its id.
#[derive(Debug, Args)]
pub struct OneJob {
    /// Job id
    pub id: String,
    /// Store and configuration
    #[command(flatten)]
    pub place: Place,
}
