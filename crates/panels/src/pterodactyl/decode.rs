//! The panel's envelopes: a page is cut into its records without reading them,
//! then each record is read by itself, so that one that cannot be understood
//! costs no other.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::error::PanelError;

/// What a record is known by.
pub(super) trait Row {
    /// The panel's id.
    fn id(&self) -> i64;
}

/// Why one record cannot be used.
#[derive(Debug)]
pub(super) enum Fault {
    /// It is not what it should be; the text holds none of its values.
    Unreadable(String),
    /// It came without something that the key may not read: no record of the
    /// page will have it.
    Forbidden(&'static str),
}

/// One record of a page.
#[derive(Debug)]
pub(super) enum Record<T> {
    /// Understood.
    Read(T),
    /// Not understood.
    Bad {
        /// Its id, where at least that can be read.
        id: Option<i64>,
        /// What is wrong with it.
        reason: String,
    },
}

/// `{"object":"list","data":[…],"meta":{…}}`, its records still as sent.
#[derive(Debug, Deserialize)]
pub(super) struct Page<'a> {
    object: String,
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
    #[serde(default)]
    meta: Option<Meta>,
}

#[derive(Debug, Deserialize)]
struct Meta {
    #[serde(default)]
    pagination: Option<Pagination>,
}

/// Where a page stands in its listing.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Pagination {
    /// Rows of the whole listing.
    #[serde(deserialize_with = "super::dto::lenient::number")]
    pub(super) total: u64,
    /// Rows a page, as the panel understood it.
    #[serde(deserialize_with = "super::dto::lenient::number")]
    pub(super) per_page: u32,
    /// This page.
    #[serde(deserialize_with = "super::dto::lenient::number")]
    pub(super) current_page: u32,
}

/// Cuts a listing's body into its records.
pub(super) fn page(body: &[u8]) -> Result<Page<'_>, PanelError> {
    let page: Page<'_> = serde_json::from_slice(body).map_err(|error| not_json(body, &error))?;
    if page.object == "list" {
        Ok(page)
    } else {
        Err(PanelError::Malformed("not a list".into()))
    }
}

/// A single record's body, checked to be whole JSON.
pub(super) fn whole(body: &[u8]) -> Result<&str, PanelError> {
    let raw: &RawValue = serde_json::from_slice(body).map_err(|error| not_json(body, &error))?;
    Ok(raw.get())
}

impl Page<'_> {
    /// Where the page stands, unless the listing has no pages.
    pub(super) fn pagination(&self) -> Option<Pagination> {
        self.meta.as_ref()?.pagination
    }

    /// Reads the records one by one.
    pub(super) fn read<T: Row>(
        &self,
        read: impl Fn(&str) -> Result<T, Fault>,
    ) -> Result<Vec<Record<T>>, PanelError> {
        self.data
            .iter()
            .map(|raw| match read(raw.get()) {
                Ok(row) => Ok(Record::Read(row)),
                Err(Fault::Unreadable(reason)) => Ok(Record::Bad {
                    id: id_alone(raw.get()),
                    reason,
                }),
                Err(Fault::Forbidden(permission)) => Err(PanelError::Forbidden { permission }),
            })
            .collect()
    }

    /// Records on this page.
    pub(super) fn len(&self) -> usize {
        self.data.len()
    }
}

/// Reads one `{"object","attributes"}` as one of the `objects` it may call
/// itself.
pub(super) fn record<A: DeserializeOwned>(raw: &str, objects: &[&str]) -> Result<A, Fault> {
    let record: Envelope<A> = serde_json::from_str(raw)
        .map_err(|_quotes_values| Fault::Unreadable(reason::<Envelope<A>>(raw)))?;
    if objects.contains(&record.object.as_str()) {
        Ok(record.attributes)
    } else {
        Err(Fault::Unreadable(format!("not a {}", objects.join(" or "))))
    }
}

#[derive(Deserialize)]
struct Envelope<A> {
    object: String,
    attributes: A,
}

/// The id of a record that cannot be read whole.
fn id_alone(raw: &str) -> Option<i64> {
    #[derive(Deserialize)]
    struct Id {
        #[serde(deserialize_with = "super::dto::lenient::number")]
        id: i64,
    }
    let envelope: Envelope<Id> = serde_json::from_str(raw).ok()?;
    Some(envelope.attributes.id)
}

/// What is wrong with a record and where, read a second time because only the
/// slower reading knows the place. serde's own texts quote the offending value,
/// which may be anything: only the part that we wrote is kept.
fn reason<T: DeserializeOwned>(raw: &str) -> String {
    let mut reader = serde_json::Deserializer::from_str(raw);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut reader) else {
        return "unreadable".into();
    };
    let place = error.path().to_string();
    let text = error.inner().to_string();
    let text = text
        .rsplit_once(" at line ")
        .map_or(&*text, |(text, _)| text);
    let what = if text.starts_with("missing field") {
        text.to_owned()
    } else if let Some((_, expected)) = text.rsplit_once(", expected ") {
        format!("expected {expected}")
    } else {
        "unreadable".to_owned()
    };
    format!("{place}: {what}")
}

/// A body that is no JSON, told apart as far as that helps somebody.
fn not_json(body: &[u8], error: &serde_json::Error) -> PanelError {
    let first = body.iter().find(|byte| !byte.is_ascii_whitespace());
    PanelError::Malformed(
        match first {
            None => "an empty body",
            Some(b'<') => "HTML where JSON is due",
            Some(_) if error.is_eof() => "JSON that is cut off",
            Some(_) if error.is_data() => "JSON of another shape",
            Some(_) => "no JSON",
        }
        .into(),
    )
}
