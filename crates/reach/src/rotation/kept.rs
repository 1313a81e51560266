//! How a stored value is kept, judged by its row alone: nothing is opened here.

use common::crypto::envelope;
use common::crypto::format::SecretFormat;
use common::crypto::keyring::KeyId;
use common::crypto::place::Place;
use common::types::setting::Setting;
use store::{SealedColumn, SealedRow};

/// How a value is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kept {
    /// It is no secret, or empty.
    Open,
    /// A secret that nothing seals.
    Plain,
    /// Sealed by the master key itself, in the earlier format.
    Legacy,
    /// An envelope, by this data key.
    Sealed(KeyId),
    /// In no way that is known.
    Unknown,
}

pub(super) fn kept(column: &SealedColumn, row: &SealedRow) -> Kept {
    match SecretFormat::parse(&row.format) {
        Ok(SecretFormat::Plain) if is_secret(column.place, &row.id) && !row.value.is_empty() => {
            Kept::Plain
        }
        Ok(SecretFormat::Plain) => Kept::Open,
        Ok(SecretFormat::LegacyGcm) => Kept::Legacy,
        Ok(SecretFormat::Envelope) => {
            envelope::key_id(&row.value).map_or(Kept::Unknown, Kept::Sealed)
        }
        Err(_) => Kept::Unknown,
    }
}

/// Only settings hold what is no secret.
fn is_secret(place: Place, row: &str) -> bool {
    place != Place::Setting || Setting::of_key(row).is_some_and(Setting::is_secret)
}

#[cfg(test)]
mod tests {
    use super::{Kept, kept};
    use common::crypto::keyring::KeyId;
    use store::{SEALED_COLUMNS, SealedRow};

    fn setting(row: &str, value: &str, format: &str) -> Kept {
        let row = SealedRow {
            id: row.to_owned(),
            value: value.to_owned(),
            format: format.to_owned(),
        };
        kept(&SEALED_COLUMNS[0], &row)
    }

    #[test]
    fn a_plain_secret_is_to_be_sealed_and_what_is_no_secret_is_not() {
        assert_eq!(setting("github_token", "hush", "plain"), Kept::Plain);
        assert_eq!(setting("github_token", "", "plain"), Kept::Open);
        assert_eq!(setting("site_name", "Planet", "plain"), Kept::Open);
        assert_eq!(setting("of_another_version", "x", "plain"), Kept::Open);
    }

    #[test]
    fn the_format_says_how_a_value_is_kept_and_its_looks_do_not() {
        let by = Kept::Sealed(KeyId::parse("k1").unwrap());
        assert_eq!(setting("github_token", "nb1:k1:AAAA", "envelope"), by);
        assert_eq!(setting("github_token", "nb1:k1:AAAA", "plain"), Kept::Plain);
        assert_eq!(setting("github_token", "hush", "envelope"), Kept::Unknown);
        assert_eq!(setting("github_token", "hush", "legacy_gcm"), Kept::Legacy);
        assert_eq!(setting("github_token", "hush", "rot13"), Kept::Unknown);
    }
}
