//! Every column that holds sealed secrets, for those who go through all of them. Other
//! files read and write them row by row; this one knows nothing of what they hold.

use crate::error::StoreError;
use crate::pool::{Connection, Store};
use common::crypto::place::Place;
use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Bool, Text};
use diesel_async::RunQueryDsl;

/// A column that holds sealed secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedColumn {
    /// What its values are sealed for.
    pub place: Place,
    /// Its name, which is not the place's where what was sealed for one column moves to
    /// another.
    pub column: &'static str,
    key: Key,
}

/// What tells a table's rows apart; as text it is the row that secrets are sealed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Setting,
    Text,
    Uuid,
    Account,
    /// As `Uuid`, of mails that hold a one-time link.
    Mail,
}

/// All of them.
pub const SEALED_COLUMNS: [SealedColumn; 15] = [
    of(Place::Setting, "value", Key::Setting),
    of(Place::PanelApplicationKey, "application_key", Key::Uuid),
    of(Place::PanelClientKey, "client_key", Key::Uuid),
    of(Place::SigningKey, "secret", Key::Text),
    of(Place::WebhookAddress, "address", Key::Uuid),
    of(Place::WebhookSecret, "secret", Key::Uuid),
    // It was the secret once.
    of(Place::WebhookSecret, "previous_secret", Key::Uuid),
    of(Place::AccountAccess, "access_token", Key::Account),
    of(Place::AccountRefresh, "refresh_token", Key::Account),
    of(Place::LoginAccess, "access_token", Key::Uuid),
    of(Place::LoginRefresh, "refresh_token", Key::Uuid),
    of(Place::LoginId, "id_token", Key::Uuid),
    of(Place::SessionToken, "session_token", Key::Uuid),
    of(Place::SessionIdentity, "identity_token", Key::Uuid),
    of(Place::MailBody, "body", Key::Mail),
];

const fn of(place: Place, column: &'static str, key: Key) -> SealedColumn {
    SealedColumn { place, column, key }
}

impl SealedColumn {
    /// Its table.
    #[must_use]
    pub fn table(&self) -> &'static str {
        self.place.table()
    }
}

impl Key {
    /// SQL for the row's key as text.
    fn text(self) -> &'static str {
        match self {
            Self::Setting => "t.key",
            Self::Text => "t.id",
            Self::Uuid | Self::Mail => "t.id::text",
            Self::Account => "t.environment || '/' || t.account_id",
        }
    }

    /// SQL for "the row has the key `row`", which is text, by way of the primary key.
    fn is(self, row: &str) -> String {
        match self {
            Self::Setting => format!("t.key = {row}"),
            Self::Text => format!("t.id = {row}"),
            Self::Uuid | Self::Mail => format!("t.id = {row}::uuid"),
            Self::Account => format!(
                "t.environment = split_part({row}, '/', 1) \
                 AND t.account_id = split_part({row}, '/', 2)::uuid"
            ),
        }
    }

    /// SQL for the format of the row's value; only settings have others than envelopes.
    fn format(self) -> &'static str {
        match self {
            Self::Setting => "t.format",
            Self::Text | Self::Uuid | Self::Account | Self::Mail => "'envelope'",
        }
    }

    /// SQL for "this row's value is sealed": mails without a one-time link are not.
    fn is_sealed(self) -> &'static str {
        match self {
            Self::Mail => "t.holds_link",
            Self::Setting | Self::Text | Self::Uuid | Self::Account => "true",
        }
    }
}

/// A stored secret.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct SealedRow {
    /// The row that it is sealed for.
    #[diesel(sql_type = Text)]
    pub id: String,
    /// As `format` says.
    #[diesel(sql_type = Text)]
    pub value: String,
    /// `envelope`; of settings also `plain` or `legacy_gcm`.
    #[diesel(sql_type = Text)]
    pub format: String,
}

/// A secret that was sealed anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resealed {
    /// Its row.
    pub row: String,
    /// What is stored there.
    pub before: String,
    /// The envelope that is to be.
    pub after: String,
}

impl Store {
    /// Values of a column in the order of their rows: those after the row `after` (an empty
    /// text comes before all), without those sealed by the key `but_by`.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked.
    pub async fn sealed_page(
        &self,
        column: &SealedColumn,
        but_by: &str,
        after: &str,
        limit: i64,
    ) -> Result<Vec<SealedRow>, StoreError> {
        let (table, name) = (column.table(), column.column);
        let (row, format) = (column.key.text(), column.key.format());
        let is_sealed = column.key.is_sealed();
        let mut conn = self.conn().await?;
        Ok(sql_query(format!(
            "SELECT {row} AS id, t.{name} AS value, {format} AS format FROM {table} t \
             WHERE t.{name} IS NOT NULL AND {is_sealed} AND ({row}) COLLATE \"C\" > $2 \
               AND NOT ({format} = 'envelope' AND starts_with(t.{name}, 'nb1:' || $1 || ':')) \
             ORDER BY ({row}) COLLATE \"C\" LIMIT $3"
        ))
        .bind::<Text, _>(but_by)
        .bind::<Text, _>(after)
        .bind::<BigInt, _>(limit)
        .load(&mut conn)
        .await?)
    }

    /// Stores secrets that were sealed anew, each where its row still holds what it was made
    /// of and nobody else is at that row. Answers how many.
    ///
    /// # Errors
    /// When PostgreSQL cannot be asked; nothing is changed.
    pub async fn sealed_replace(
        &self,
        column: &SealedColumn,
        values: &[Resealed],
    ) -> Result<usize, StoreError> {
        let (table, name) = (column.table(), column.column);
        let format = match column.key {
            Key::Setting => ", format = 'envelope'",
            Key::Text | Key::Uuid | Key::Account | Key::Mail => "",
        };
        let texts = |of: fn(&Resealed) -> &str| values.iter().map(of).collect::<Vec<_>>();
        let mut conn = self.conn().await?;
        // Waiting for no row, it cannot be part of a deadlock.
        Ok(sql_query(format!(
            "WITH free AS ( \
               SELECT n.row, n.before, n.after \
               FROM unnest($1::text[], $2::text[], $3::text[]) AS n(row, before, after) \
               JOIN {table} t ON {} AND t.{name} = n.before \
               FOR UPDATE OF t SKIP LOCKED) \
             UPDATE {table} t SET {name} = free.after{format} FROM free \
             WHERE {} AND t.{name} = free.before",
            column.key.is("n.row"),
            column.key.is("free.row"),
        ))
        .bind::<Array<Text>, _>(texts(|value| &value.row))
        .bind::<Array<Text>, _>(texts(|value| &value.before))
        .bind::<Array<Text>, _>(texts(|value| &value.after))
        .execute(&mut conn)
        .await?)
    }
}

/// Whether anything is sealed by a key.
pub(crate) async fn anything_by(conn: &mut Connection, kid: &str) -> Result<bool, StoreError> {
    #[derive(QueryableByName)]
    struct Found {
        #[diesel(sql_type = Bool)]
        found: bool,
    }
    for column in SEALED_COLUMNS {
        let (table, name) = (column.table(), column.column);
        let found: Found = sql_query(format!(
            "SELECT EXISTS (SELECT FROM {table} t \
             WHERE starts_with(t.{name}, 'nb1:' || $1 || ':')) AS found"
        ))
        .bind::<Text, _>(kid)
        .get_result(conn)
        .await?;
        if found.found {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::SEALED_COLUMNS;
    use common::crypto::place::Place;

    #[test]
    fn every_place_lies_in_the_column_of_its_name() {
        for place in Place::ALL {
            let lies = SEALED_COLUMNS
                .iter()
                .any(|column| column.place == place && column.column == place.column());
            assert!(lies, "{place:?}");
        }
    }
}
