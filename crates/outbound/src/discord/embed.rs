//! An embed that Discord takes
//! (<https://discord.com/developers/docs/resources/message#embed-object-embed-limits>).

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::text::{cut, cut_or_dash, units};

const TITLE: usize = 256;
const DESCRIPTION: usize = 4_096;
const FIELDS: usize = 25;
const FIELD_NAME: usize = 256;
const FIELD_VALUE: usize = 1_024;
const FOOTER: usize = 2_048;
const LARGEST_COLOUR: u32 = 0x00FF_FFFF;
/// All texts of all embeds of a message.
pub(super) const TEXTS: usize = 6_000;

/// A block of text in a message, within all limits of Discord. Lengths are kept in UTF-16
/// units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Embed {
    title: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    description: String,
    color: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<Field>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    footer: Option<Footer>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Field {
    name: String,
    value: String,
    inline: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Footer {
    text: String,
}

impl Embed {
    /// Begins an embed. A title that is empty becomes a dash.
    pub fn builder(title: &str) -> EmbedBuilder {
        EmbedBuilder(Self {
            title: cut_or_dash(title, TITLE),
            description: String::new(),
            color: 0,
            fields: Vec::new(),
            timestamp: None,
            footer: None,
        })
    }

    /// How much it takes of the 6,000 that a message may hold.
    #[must_use]
    pub fn size(&self) -> usize {
        let fields: usize = self.fields.iter().map(Field::size).sum();
        self.size_without_fields() + fields
    }

    fn size_without_fields(&self) -> usize {
        let footer = self.footer.as_ref().map_or(0, |footer| units(&footer.text));
        units(&self.title) + units(&self.description) + footer
    }
}

impl Field {
    fn size(&self) -> usize {
        units(&self.name) + units(&self.value)
    }
}

/// Makes an [`Embed`]. Texts are taken as Discord's markup and cut to what they may have.
#[derive(Debug, Clone)]
#[must_use]
pub struct EmbedBuilder(Embed);

impl EmbedBuilder {
    /// The text below the title: 4,096 at most, less if title and footer need the room.
    pub fn description(mut self, text: &str) -> Self {
        self.0.description = cut(text, DESCRIPTION);
        self
    }

    /// The colour at the edge, as `0xRRGGBB`; higher bits are dropped.
    pub fn colour(mut self, rgb: u32) -> Self {
        self.0.color = rgb & LARGEST_COLOUR;
        self
    }

    /// One more field: 256 and 1,024 at most, dashes where they are empty. `inline` ones
    /// stand beside each other. Beyond 25, none is added.
    pub fn field(mut self, name: &str, value: &str, inline: bool) -> Self {
        if self.0.fields.len() < FIELDS {
            self.0.fields.push(Field {
                name: cut_or_dash(name, FIELD_NAME),
                value: cut_or_dash(value, FIELD_VALUE),
                inline,
            });
        }
        self
    }

    /// When it happened; each reader sees it in their own time.
    pub fn timestamp(mut self, time: DateTime<Utc>) -> Self {
        self.0.timestamp = Some(time);
        self
    }

    /// The line at the bottom, without markup: 2,048 at most.
    pub fn footer(mut self, text: &str) -> Self {
        let text = cut(text, FOOTER);
        self.0.footer = (!text.is_empty()).then_some(Footer { text });
        self
    }

    /// The embed. If all its texts are more than a message may hold, the description is
    /// cut, and then fields are left out from the first that has no room.
    #[must_use]
    pub fn build(mut self) -> Embed {
        let description = units(&self.0.description);
        let others = self.0.size_without_fields() - description;
        self.0.description = cut(&self.0.description, TEXTS.saturating_sub(others));
        let mut left = TEXTS.saturating_sub(self.0.size_without_fields());
        let fit = self
            .0
            .fields
            .iter()
            .take_while(|field| {
                let room = left.checked_sub(field.size());
                left = room.unwrap_or(0);
                room.is_some()
            })
            .count();
        self.0.fields.truncate(fit);
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn empty_texts_are_replaced_or_left_out() {
        let embed = Embed::builder(" ")
            .description("")
            .field("", "\n", true)
            .footer(" ")
            .build();
        let json = serde_json::to_value(&embed).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "title": "–",
                "color": 0,
                "fields": [{"name": "–", "value": "–", "inline": true}],
            })
        );
    }

    #[test]
    fn fields_without_room_are_left_out() {
        let mut builder = Embed::builder("t").description(&"d".repeat(5_000));
        for _ in 0..40 {
            builder = builder.field("n", &"v".repeat(2_000), false);
        }
        let embed = builder.build();
        assert_eq!(units(&embed.description), DESCRIPTION);
        assert_eq!(embed.fields.len(), 1);
        assert!(embed.size() <= TEXTS);
    }

    proptest! {
        #[test]
        fn every_embed_is_within_all_limits(
            title in "\\PC{0,300}",
            description in "\\PC{0,5000}",
            fields in proptest::collection::vec(("\\PC{0,300}", "\\PC{0,1200}"), 0..30),
            footer in "\\PC{0,2100}",
            colour in any::<u32>(),
        ) {
            let mut builder = Embed::builder(&title)
                .description(&description)
                .colour(colour)
                .footer(&footer);
            for (name, value) in &fields {
                builder = builder.field(name, value, true);
            }
            let embed = builder.build();
            prop_assert!((1..=TITLE).contains(&units(&embed.title)));
            prop_assert!(units(&embed.description) <= DESCRIPTION);
            prop_assert!(embed.fields.len() <= FIELDS);
            for field in &embed.fields {
                prop_assert!((1..=FIELD_NAME).contains(&units(&field.name)));
                prop_assert!((1..=FIELD_VALUE).contains(&units(&field.value)));
            }
            prop_assert!(embed.color <= LARGEST_COLOUR);
            prop_assert!(embed.size() <= TEXTS);
        }
    }
}
