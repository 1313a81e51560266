use common::crypto::envelope::{Aad, OpenError};
use common::crypto::format::{SecretFormat, StoredSecretError};
use common::crypto::keyring::{DataKey, KeyId, KeyRing};
use common::crypto::legacy::{self, LegacyError};
use common::crypto::master::{MasterKey, MasterKeyError, UnwrapError};
use common::crypto::place::Place;
use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};

fn place() -> Aad<'static> {
    Place::PanelApplicationKey.of("7")
}

/// The key and the stored text of the earlier backend's documented example.
const LEGACY_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const LEGACY_TEXT: &str = "AAECAwQFBgcICQoLN3a6epqAunrgMfvu+owBXLHlyKFolyewPmbVwpnHqBo85w==";
const LEGACY_PLAIN: &str = "ptla_exampleKey123";

fn secret(text: &str) -> SecretString {
    SecretString::from(text)
}

fn master(text: &str) -> Result<MasterKey, MasterKeyError> {
    MasterKey::parse(&secret(text))
}

fn ring() -> KeyRing {
    KeyRing::new(DataKey::generate().unwrap(), [])
}

/// The same text with one bit of one byte of its base64 payload's bytes changed.
fn flipped(text: &str, prefix: usize, bit: usize, engine: &impl base64::Engine) -> String {
    let mut bytes = engine.decode(&text[prefix..]).unwrap();
    let bit = bit % (bytes.len() * 8);
    bytes[bit / 8] ^= 1 << (bit % 8);
    format!("{}{}", &text[..prefix], engine.encode(bytes))
}

#[test]
fn what_is_sealed_opens_in_its_place_only() {
    let ring = ring();
    let sealed = ring.seal(place(), &secret("ptla_x")).unwrap();
    assert_eq!(
        ring.open(place(), &sealed).unwrap().expose_secret(),
        "ptla_x"
    );
    let elsewhere = [
        Place::Setting.of("7"),
        Place::PanelClientKey.of("7"),
        Place::PanelApplicationKey.of("8"),
    ];
    for place in elsewhere {
        assert_eq!(ring.open(place, &sealed).unwrap_err(), OpenError::Refused);
    }
}

#[test]
fn equal_secrets_are_sealed_to_different_texts() {
    let ring = ring();
    let seal = || ring.seal(place(), &secret("same")).unwrap();
    assert_ne!(seal(), seal());
}

#[test]
fn an_envelope_names_its_key_and_holds_no_plain_text() {
    let ring = ring();
    let sealed = ring.seal(place(), &secret("ptla_visible")).unwrap();
    assert!(sealed.starts_with(&format!("nb1:{}:", ring.active())));
    assert!(!sealed.contains("ptla_visible"));
}

#[test]
fn a_key_that_is_not_on_the_ring_is_named() {
    let sealed = ring().seal(place(), &secret("x")).unwrap();
    assert!(matches!(
        ring().open(place(), &sealed),
        Err(OpenError::UnknownKey(_))
    ));
}

#[test]
fn another_key_under_the_same_id_opens_nothing() {
    let (one, other) = (DataKey::generate().unwrap(), DataKey::generate().unwrap());
    let sealed = KeyRing::new(one.clone(), [])
        .seal(place(), &secret("x"))
        .unwrap();
    let renamed = sealed.replace(one.id().as_str(), other.id().as_str());
    let error = KeyRing::new(other, []).open(place(), &renamed).unwrap_err();
    assert_eq!(error, OpenError::Refused);
}

#[test]
fn text_that_is_no_envelope_is_malformed() {
    let ring = ring();
    for text in [
        "",
        "plain",
        "nb1:",
        "nb1:abc",
        "nb2:abc:AAAA",
        "nb1:ABC:AAAA",
        LEGACY_TEXT,
    ] {
        assert_eq!(
            ring.open(place(), text).unwrap_err(),
            OpenError::Malformed,
            "{text}"
        );
    }
}

#[test]
fn a_rotated_ring_opens_old_envelopes_and_seals_with_the_new_key() {
    let (old, new) = (DataKey::generate().unwrap(), DataKey::generate().unwrap());
    let sealed = KeyRing::new(old.clone(), [])
        .seal(place(), &secret("x"))
        .unwrap();
    let rotated = KeyRing::new(new.clone(), [old]);
    assert_eq!(rotated.open(place(), &sealed).unwrap().expose_secret(), "x");
    assert!(rotated.is_outdated(&sealed).unwrap());
    let anew = rotated.seal(place(), &secret("x")).unwrap();
    assert!(!rotated.is_outdated(&anew).unwrap());
    assert!(anew.contains(new.id().as_str()));
}

#[test]
fn a_wrapped_data_key_opens_with_its_master_key_and_id_only() {
    let wrapping = master(MasterKey::generate().unwrap().expose_secret()).unwrap();
    let key = DataKey::generate().unwrap();
    let sealed = KeyRing::new(key.clone(), [])
        .seal(place(), &secret("x"))
        .unwrap();
    let wrapped = wrapping.wrap(&key).unwrap();

    let back = wrapping.unwrap(key.id(), &wrapped).unwrap();
    assert_eq!(
        KeyRing::new(back, [])
            .open(place(), &sealed)
            .unwrap()
            .expose_secret(),
        "x"
    );

    let other_id = KeyId::parse("other").unwrap();
    let other_master = master(LEGACY_KEY).unwrap();
    assert_eq!(
        wrapping.unwrap(&other_id, &wrapped).unwrap_err(),
        UnwrapError::Refused(other_id)
    );
    let refused = UnwrapError::Refused(key.id().clone());
    assert_eq!(
        other_master.unwrap(key.id(), &wrapped).unwrap_err(),
        refused
    );
    let malformed = UnwrapError::Malformed(key.id().clone());
    assert_eq!(wrapping.unwrap(key.id(), "AAAA").unwrap_err(), malformed);
}

#[test]
fn hex_and_base64_of_the_same_bytes_are_the_same_master_key() {
    let hex: String = (0..32).map(|byte| format!("{byte:02x}")).collect();
    for text in [hex.clone(), hex.to_uppercase(), format!(" {hex}\n")] {
        let opened = legacy::open(&master(&text).unwrap(), LEGACY_TEXT).unwrap();
        assert_eq!(opened.expose_secret(), LEGACY_PLAIN);
    }
}

#[test]
fn a_master_key_of_another_form_or_size_is_refused_and_says_which() {
    let refused = |text: &str| master(text).unwrap_err();
    // 64 digits are valid base64 of 48 bytes; 63 and 65 must not be taken for 32.
    for digits in [62, 63, 65, 66] {
        assert_eq!(
            refused(&"a".repeat(digits)),
            MasterKeyError::WrongHexLength { digits }
        );
    }
    assert_eq!(
        refused("c2hvcnQgb25l"),
        MasterKeyError::WrongBase64Length { bytes: 9 }
    );
    for text in [
        "",
        "  ",
        "not a key!",
        &LEGACY_KEY[1..],
        &format!("0x{}", "0".repeat(64)),
    ] {
        assert_eq!(refused(text), MasterKeyError::NeitherForm, "{text}");
    }
}

#[test]
fn the_earlier_format_is_read_by_its_documented_example() {
    let key = master(LEGACY_KEY).unwrap();
    assert_eq!(
        legacy::open(&key, LEGACY_TEXT).unwrap().expose_secret(),
        LEGACY_PLAIN
    );
    assert_eq!(legacy::open(&key, "").unwrap().expose_secret(), "");
}

#[test]
fn while_the_master_key_changes_the_one_before_it_opens_and_wraps_nothing() {
    let (old, new) = (LEGACY_KEY, "ab".repeat(32));
    let key = DataKey::generate().unwrap();
    let by_old = master(old).unwrap().wrap(&key).unwrap();
    let both = master(&new).unwrap().with_previous(master(old).unwrap());
    assert!(both.unwrap(key.id(), &by_old).is_ok());
    assert!(!both.has_wrapped(key.id(), &by_old));
    assert_eq!(
        legacy::open(&both, LEGACY_TEXT).unwrap().expose_secret(),
        LEGACY_PLAIN
    );

    let by_both = both.wrap(&key).unwrap();
    assert!(both.has_wrapped(key.id(), &by_both));
    assert!(master(&new).unwrap().unwrap(key.id(), &by_both).is_ok());
    assert!(master(old).unwrap().unwrap(key.id(), &by_both).is_err());
    assert_eq!(format!("{both:?}"), "MasterKey(…)");
}

#[test]
fn an_unreadable_text_of_the_earlier_format_is_never_taken_for_the_secret() {
    let key = master(LEGACY_KEY).unwrap();
    let other = master(&"0".repeat(64)).unwrap();
    assert_eq!(
        legacy::open(&key, "ptla_plain").unwrap_err(),
        LegacyError::Malformed
    );
    assert_eq!(
        legacy::open(&key, "AAEC").unwrap_err(),
        LegacyError::Malformed
    );
    assert_eq!(
        legacy::open(&other, LEGACY_TEXT).unwrap_err(),
        LegacyError::Refused
    );
}

#[test]
fn a_secret_is_opened_by_the_way_that_its_row_names_and_no_other() {
    let (ring, key) = (ring(), master(LEGACY_KEY).unwrap());
    let open = |format: SecretFormat, text: &str| format.open(&ring, &key, place(), text);
    let sealed = ring.seal(place(), &secret("x")).unwrap();

    assert_eq!(
        open(SecretFormat::Envelope, &sealed)
            .unwrap()
            .expose_secret(),
        "x"
    );
    let read = open(SecretFormat::LegacyGcm, LEGACY_TEXT).unwrap();
    assert_eq!(read.expose_secret(), LEGACY_PLAIN);
    let plain = open(SecretFormat::Plain, LEGACY_TEXT).unwrap();
    assert_eq!(plain.expose_secret(), LEGACY_TEXT);
    assert!(matches!(
        open(SecretFormat::Envelope, LEGACY_TEXT),
        Err(StoredSecretError::Envelope(OpenError::Malformed))
    ));
    assert!(matches!(
        open(SecretFormat::LegacyGcm, &sealed),
        Err(StoredSecretError::Legacy(_))
    ));
}

#[test]
fn a_format_is_stored_as_a_word_and_unknown_words_are_refused() {
    for format in [
        SecretFormat::Envelope,
        SecretFormat::LegacyGcm,
        SecretFormat::Plain,
    ] {
        assert_eq!(SecretFormat::parse(format.as_str()).unwrap(), format);
    }
    assert!(SecretFormat::parse("guess").is_err());
}

#[test]
fn keys_cannot_be_printed() {
    let key = DataKey::generate().unwrap();
    let shown = format!(
        "{:?} {:?} {:?}",
        master(LEGACY_KEY).unwrap(),
        key,
        KeyRing::new(key.clone(), [])
    );
    assert!(!shown.contains("AAEC") && !shown.contains('['), "{shown}");
}

proptest! {
    #[test]
    fn any_secret_survives_sealing(text in ".*") {
        let ring = ring();
        let sealed = ring.seal(place(), &secret(&text)).unwrap();
        let opened = ring.open(place(), &sealed).unwrap();
        prop_assert_eq!(opened.expose_secret(), text.as_str());
    }

    #[test]
    fn one_flipped_bit_of_an_envelope_is_an_error(text in ".{0,40}", bit: usize) {
        let ring = ring();
        let sealed = ring.seal(place(), &secret(&text)).unwrap();
        let payload = sealed.rfind(':').unwrap() + 1;
        let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
        let altered = flipped(&sealed, payload, bit, &engine);
        prop_assert_eq!(ring.open(place(), &altered).unwrap_err(), OpenError::Refused);
    }

    #[test]
    fn one_changed_character_of_an_envelope_is_an_error(at: prop::sample::Index, bit in 0..7u8) {
        let ring = ring();
        let mut bytes = ring.seal(place(), &secret("ptla_exampleKey123")).unwrap().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let altered = String::from_utf8(bytes).unwrap();
        prop_assert!(ring.open(place(), &altered).is_err());
    }

    #[test]
    fn one_flipped_bit_of_the_earlier_format_is_an_error(bit: usize) {
        let key = master(LEGACY_KEY).unwrap();
        let engine = base64::engine::general_purpose::STANDARD;
        let altered = flipped(LEGACY_TEXT, 0, bit, &engine);
        prop_assert_eq!(legacy::open(&key, &altered).unwrap_err(), LegacyError::Refused);
    }
}
