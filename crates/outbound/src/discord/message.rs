//! A message: who speaks, and up to ten embeds.

use serde::Serialize;

use super::embed::{Embed, TEXTS};

const MOST_EMBEDS: usize = 10;
const USERNAME: &str = "NodeByte";
const AVATAR: &str = "https://nodebyte.host/logo.png";

/// A message that Discord takes. It mentions nobody, whatever stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    username: &'static str,
    avatar_url: &'static str,
    embeds: Vec<Embed>,
    allowed_mentions: Nobody,
}

/// `{"parse": []}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
struct Nobody {
    parse: [&'static str; 0],
}

/// What can be changed of a message that was posted.
#[derive(Serialize)]
pub(super) struct Edit<'a> {
    embeds: &'a [Embed],
    allowed_mentions: Nobody,
}

impl Message {
    /// A message of these embeds; of as many, from the first, as [`fits`] says. At least
    /// one is needed: Discord refuses an empty message.
    #[must_use]
    pub fn new(mut embeds: Vec<Embed>) -> Self {
        embeds.truncate(fits(&embeds));
        Self {
            username: USERNAME,
            avatar_url: AVATAR,
            embeds,
            allowed_mentions: Nobody::default(),
        }
    }

    /// What it holds.
    #[must_use]
    pub fn embeds(&self) -> &[Embed] {
        &self.embeds
    }

    pub(super) fn as_edit(&self) -> Edit<'_> {
        Edit {
            embeds: &self.embeds,
            allowed_mentions: self.allowed_mentions,
        }
    }
}

/// How many of these, from the first, one message takes: ten at most, of 6,000 UTF-16
/// units in sum. At least one, if there is any.
#[must_use]
pub fn fits(embeds: &[Embed]) -> usize {
    let mut left = TEXTS;
    embeds
        .iter()
        .take(MOST_EMBEDS)
        .take_while(|embed| {
            let room = left.checked_sub(embed.size());
            left = room.unwrap_or(0);
            room.is_some()
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of_size(size: usize) -> Embed {
        let title = size.min(200);
        Embed::builder(&"t".repeat(title))
            .description(&"d".repeat(size - title))
            .build()
    }

    #[test]
    fn a_message_takes_ten_embeds_or_six_thousand_characters() {
        assert_eq!(fits(&[]), 0);
        assert_eq!(fits(&vec![of_size(10); 12]), 10);
        assert_eq!(fits(&vec![of_size(2_000); 4]), 3);
        assert_eq!(fits(&[of_size(3_000), of_size(3_001)]), 1);
    }

    #[test]
    fn a_message_mentions_nobody() {
        let message = Message::new(vec![of_size(3)]);
        let json = serde_json::to_value(&message).unwrap();
        assert_eq!(json["allowed_mentions"], serde_json::json!({"parse": []}));
        assert_eq!(json["username"], "NodeByte");
        let edit = serde_json::to_value(message.as_edit()).unwrap();
        assert_eq!(edit["allowed_mentions"], serde_json::json!({"parse": []}));
        assert_eq!(edit["username"], serde_json::Value::Null);
    }

    proptest! {
        #[test]
        fn no_message_is_too_large(sizes in proptest::collection::vec(1_usize..4_000, 0..15)) {
            let embeds: Vec<Embed> = sizes.iter().map(|size| of_size(*size)).collect();
            let count = fits(&embeds);
            let sum: usize = embeds[..count].iter().map(Embed::size).sum();
            prop_assert!(sum <= TEXTS && count <= MOST_EMBEDS);
            prop_assert_eq!(count == 0, embeds.is_empty());
            if let Some(next) = embeds.get(count) {
                prop_assert!(count == MOST_EMBEDS || sum + next.size() > TEXTS);
            }
        }
    }
}
