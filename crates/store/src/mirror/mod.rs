//! The mirror of a panel: pages of rows go in, in one fenced transaction each,
//! together with everything the page has to say (seen ids, missing children,
//! events, checkpoint).

mod alone;
mod announce;
mod children;
mod merge;
mod merge_rows;
mod page;
mod rows;
mod server_tables;
mod statement;
pub(crate) mod table;
pub(crate) mod tables;

pub use page::{PageCommit, PageReport};
pub use rows::{PageRows, ServerParts};

pub(crate) use announce::{row_event, stem};

use crate::error::StoreError;
use crate::pool::Store;
use common::types::id::PanelId;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use std::collections::BTreeMap;

/// Live rows per table.
pub type MirrorCounts = BTreeMap<String, i64>;

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

impl Store {
    /// Counts the live rows of a panel, table by table.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn mirror_counts(&self, panel: PanelId) -> Result<MirrorCounts, StoreError> {
        let statement = tables::ALL
            .iter()
            .map(|table| {
                format!(
                    "SELECT '{name}'::text AS name, count(*) AS rows FROM {name} \
                     WHERE panel_id = $1 AND removed_at IS NULL",
                    name = table.name
                )
            })
            .collect::<Vec<_>>()
            .join(" UNION ALL ");
        let mut conn = self.conn().await?;
        let rows: Vec<CountRow> = sql_query(statement)
            .bind::<SqlUuid, _>(panel.0)
            .load(&mut conn)
            .await?;
        Ok(rows.into_iter().map(|row| (row.name, row.rows)).collect())
    }
}
