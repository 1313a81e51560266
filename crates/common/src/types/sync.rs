//! What a sync run is: its kinds, states and progress.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// One part of the panel that can be mirrored by itself. The order is the
/// order in which steps are shown, not one in which they must run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Locations.
    Locations,
    /// Nodes.
    Nodes,
    /// Allocations of every node.
    Allocations,
    /// Nests with eggs and egg variables.
    Nests,
    /// Servers with variables, allocation links and subusers.
    Servers,
    /// Databases of servers, with their hosts.
    Databases,
    /// Users of the panel (never accounts).
    Users,
}

impl Kind {
    /// All kinds, in order.
    pub const ALL: [Self; 7] = [
        Self::Locations,
        Self::Nodes,
        Self::Allocations,
        Self::Nests,
        Self::Servers,
        Self::Databases,
        Self::Users,
    ];

    /// Stable lower-case name, used in the API, in PostgreSQL and in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Locations => "locations",
            Self::Nodes => "nodes",
            Self::Allocations => "allocations",
            Self::Nests => "nests",
            Self::Servers => "servers",
            Self::Databases => "databases",
            Self::Users => "users",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is none of the known ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} `{given}`; known are: {known}")]
pub struct UnknownName {
    /// What was to be named.
    pub what: &'static str,
    /// What was given.
    pub given: String,
    /// The valid names.
    pub known: String,
}

impl FromStr for Kind {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| UnknownName {
                what: "kind",
                given: text.to_owned(),
                known: Self::ALL.map(Self::as_str).join(", "),
            })
    }
}

/// What a trigger asks for: everything, or one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// Every kind.
    Full,
    /// One kind.
    One(Kind),
}

impl Target {
    /// `full`, or the kind's name: the `type` of a sync log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::One(kind) => kind.as_str(),
        }
    }

    /// The kinds that a run of this target mirrors. `skip_users` takes the
    /// users out of a full run and means nothing otherwise.
    #[must_use]
    pub fn kinds(self, skip_users: bool) -> BTreeSet<Kind> {
        match self {
            Self::Full => Kind::ALL
                .into_iter()
                .filter(|kind| !(skip_users && *kind == Kind::Users))
                .collect(),
            Self::One(kind) => BTreeSet::from([kind]),
        }
    }
}

impl FromStr for Target {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "full" {
            return Ok(Self::Full);
        }
        text.parse()
            .map(Self::One)
            .map_err(|error: UnknownName| UnknownName {
                what: "sync type",
                known: format!("full, {}", error.known),
                ..error
            })
    }
}

/// Where a run stands. The last three are final: nothing leaves them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RunStatus {
    /// Waits for another run of the panel that shares a kind.
    Pending,
    /// Tasks may be worked on.
    Running,
    /// Everything that could be mirrored was; single bad records are counted.
    Completed,
    /// At least one kind is not what the panel holds.
    Failed,
    /// Ended by request; nothing is written after it.
    Cancelled,
}

impl RunStatus {
    /// Upper-case name, as clients read it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Running => "RUNNING",
            Self::Completed => "COMPLETED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// Whether the run has ended.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for RunStatus {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [
            Self::Pending,
            Self::Running,
            Self::Completed,
            Self::Failed,
            Self::Cancelled,
        ]
        .into_iter()
        .find(|status| status.as_str() == text)
        .ok_or_else(|| UnknownName {
            what: "run status",
            given: text.to_owned(),
            known: "PENDING, RUNNING, COMPLETED, FAILED, CANCELLED".to_owned(),
        })
    }
}

/// When removals are held back for a human to confirm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HoldRule {
    /// Removals above this share of the live rows are held (0 to 1) …
    pub share: f64,
    /// … if there are also more than this many.
    pub rows: u64,
}

impl Default for HoldRule {
    fn default() -> Self {
        Self {
            share: 0.2,
            rows: 10,
        }
    }
}

impl HoldRule {
    /// Whether to hold `candidates` removals where `live` rows stand (the
    /// candidates among them) and `recent` were removed in the window before.
    /// What was live when the window began is `live + recent`.
    #[must_use]
    pub fn holds(&self, candidates: u64, live: u64, recent: u64) -> bool {
        if candidates == 0 {
            return false;
        }
        if candidates >= 2 && candidates == live {
            return true;
        }
        let removed = candidates + recent;
        removed > self.rows && self.exceeds_share(removed, live + recent)
    }

    /// Whether `part` of `whole` is more than the share.
    #[must_use]
    pub fn exceeds_share(&self, part: u64, whole: u64) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "row counts stay far below 2^52")]
        let (part, whole) = (part as f64, whole as f64);
        part > self.share * whole
    }
}
