//! Hytale accounts in custody, and what game servers say. This crate stores sealed tokens and never opens one;
//! the `hytale` crate seals, opens and decides.
//!
//! Each operation is one transaction, together with the audit line and the events
//! of what it changes. None is held across a request to Hytale: the intent is
//! committed before, and the answer afterwards, by whoever still may.

mod accounts;
mod audit;
mod due;
mod flow_begin;
mod flow_upkeep;
mod flows;
mod inventory;
mod login;
mod owners;
mod server_logs;
mod session_changes;
mod session_limit;
mod session_upkeep;
mod sessions;
mod spend;
mod spend_begin;

pub use accounts::{AccountRow, NamedAccount};
pub use audit::{AuditFilter, AuditRow, NewAuditLine};
pub use due::{CustodyCounts, DueRefresh};
pub use flow_begin::Room;
pub use flows::{FlowRow, FlowTokens, NewFlow};
pub use inventory::{CountedSession, InventoryPage};
pub use login::{Login, LoginOutcome};
pub use server_logs::{NewServerLogs, SavedLogs, ServerLogPage, ServerLogRow, ServerPlace};
pub use session_changes::SessionEnd;
pub use session_limit::{LOST_SESSIONS_COUNT, SessionCount, SessionLimit};
pub use session_upkeep::SurplusSession;
pub use sessions::{NewSession, SessionClaim, SessionRow, SessionTokens};
pub use spend::{Renewal, Renewed, Spend};
pub use spend_begin::SpendStart;
