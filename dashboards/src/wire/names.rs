//! Names with a fixed set of values, described as such in the API.

use jobs::{Level, Schema, Severity};
use serde::Serialize;
use tracker::Perspective;
use utoipa::ToSchema;

macro_rules! mirror {
    ($(#[$doc:meta])* $name:ident as $public:ident from $source:ident, $case:tt { $($variant:ident),+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, ToSchema)]
        #[serde(rename_all = $case)]
        #[schema(as = $public)]
        #[allow(missing_docs, reason = "documented where the values are defined")]
        pub enum $name { $($variant),+ }

        impl From<$source> for $name {
            fn from(value: $source) -> Self {
                match value { $($source::$variant => Self::$variant),+ }
            }
        }
    };
}

mirror! {
    /// Which way a session crosses the border of the watched network.
    PerspectiveName as Perspective from Perspective, "lowercase" { Edge, Inbound, Outbound, Private }
}
mirror! {
    /// What a series counts.
    LevelName as Level from Level, "snake_case" { ServerPort, Server, Port, Client, Perspective }
}
mirror! {
    /// Band of a score: warning from 3, minor from 25, major from 50, critical from 75.
    SeverityName as Severity from Severity, "lowercase" { Low, Warning, Minor, Major, Critical }
}
mirror! {
    /// Field vocabulary.
    SchemaName as Schema from Schema, "lowercase" { Ecs, Codex }
}
