use runtime::http::client_key::{fingerprint, matches};
use secrecy::SecretString;

#[test]
fn only_the_whole_key_matches() {
    let expected = SecretString::from("s3cret");
    assert!(matches(&expected, "s3cret"));
    for given in ["", "s3cre", "s3cret ", "S3cret", "s3crets"] {
        assert!(!matches(&expected, given), "{given}");
    }
}

#[test]
fn an_empty_expected_key_lets_nobody_in() {
    assert!(!matches(&SecretString::from(""), ""));
}

#[test]
fn a_fingerprint_is_stable_and_short() {
    // The first 32 bits of SHA-256("abc"), FIPS 180-4's example.
    assert_eq!(fingerprint(b"abc"), "ba7816bf");
}
