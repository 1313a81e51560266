use super::*;
use proptest::prelude::*;
use secrecy::ExposeSecret;

// The example that Standard Webhooks and Svix publish.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
const TIME: i64 = 1_614_265_330;
const BODY: &[u8] = br#"{"test": 2432232314}"#;
const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
const FIVE_MINUTES: Duration = Duration::from_secs(300);

fn secret() -> SigningSecret {
    SigningSecret::parse(SECRET).unwrap()
}

fn other() -> SigningSecret {
    SigningSecret::generate().unwrap()
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn verified(signatures: &str, secrets: &[SigningSecret]) -> Result<(), Unverified> {
    verify(
        ID,
        &TIME.to_string(),
        BODY,
        signatures,
        secrets,
        at(TIME),
        FIVE_MINUTES,
    )
}

#[test]
fn the_published_example_is_signed_and_verified() {
    assert_eq!(sign(ID, TIME, BODY, &[secret()]), SIGNATURE);
    assert_eq!(verified(SIGNATURE, &[secret()]), Ok(()));
}

#[test]
fn while_a_secret_is_replaced_either_verifies() {
    let (old, new) = (secret(), other());
    let both = sign(ID, TIME, BODY, &[new.clone(), old.clone()]);
    assert_eq!(both.split(' ').count(), 2);
    assert_eq!(verified(&both, std::slice::from_ref(&old)), Ok(()));
    assert_eq!(verified(&both, std::slice::from_ref(&new)), Ok(()));
    assert_eq!(verified(SIGNATURE, &[new, old]), Ok(()));
    assert_eq!(verified(&both, &[other()]), Err(Unverified::Signature));
}

#[test]
fn other_versions_and_garbage_are_passed_over() {
    let raw = &SIGNATURE[3..];
    let among = format!("v1a,{raw} v2,{raw} v1,!! v1, nonsense {SIGNATURE}");
    assert_eq!(verified(&among, &[secret()]), Ok(()));
    for wrong in [
        String::new(),
        raw.to_owned(),
        format!("v1a,{raw}"),
        format!("v1,{}", &raw[..20]),
        "v1,".to_owned(),
        format!("{SIGNATURE},{SIGNATURE}"),
    ] {
        let verdict = verified(&wrong, &[secret()]);
        assert_eq!(verdict, Err(Unverified::Signature), "{wrong}");
    }
    assert_eq!(verified(SIGNATURE, &[]), Err(Unverified::Signature));
}

#[test]
fn time_is_tolerated_both_ways_to_the_second() {
    let check = |now| {
        let time = TIME.to_string();
        verify(
            ID,
            &time,
            BODY,
            SIGNATURE,
            &[secret()],
            at(now),
            FIVE_MINUTES,
        )
    };
    assert_eq!(check(TIME + 300), Ok(()));
    assert_eq!(check(TIME - 300), Ok(()));
    assert_eq!(check(TIME + 301), Err(Unverified::TooOld));
    assert_eq!(check(TIME - 301), Err(Unverified::TooNew));
}

#[test]
fn malformed_headers_are_told_apart() {
    let check = |id: &str, time: &str| {
        let now = at(TIME);
        verify(id, time, BODY, SIGNATURE, &[secret()], now, FIVE_MINUTES)
    };
    let time = TIME.to_string();
    assert_eq!(check("", &time), Err(Unverified::Id));
    assert_eq!(check("msg.1", &time), Err(Unverified::Id));
    for wrong in ["", "soon", "1614265330.5", "99999999999999999999"] {
        assert_eq!(check(ID, wrong), Err(Unverified::Timestamp), "{wrong}");
    }
    assert_eq!(check(ID, &i64::MIN.to_string()), Err(Unverified::TooOld));
    assert_eq!(check(ID, &i64::MAX.to_string()), Err(Unverified::TooNew));
}

#[test]
fn only_base64_of_24_to_64_bytes_is_a_secret() {
    let of = |bytes: usize| format!("{MARK}{}", STANDARD.encode(vec![7; bytes]));
    for bytes in [24, 32, 64] {
        assert!(SigningSecret::parse(&of(bytes)).is_ok(), "{bytes}");
    }
    for bytes in [0, 23, 65] {
        let error = SigningSecret::parse(&of(bytes)).unwrap_err();
        assert_eq!(error, SecretError::Length, "{bytes}");
    }
    let error = |text: &str| SigningSecret::parse(text).unwrap_err();
    assert_eq!(error(&SECRET[MARK.len()..]), SecretError::Unmarked);
    assert_eq!(error("whsec_not base64"), SecretError::NotBase64);
}

#[test]
fn a_secret_shows_in_no_debug_output() {
    let secret = other();
    let text = secret.text().expose_secret().to_owned();
    assert!(SigningSecret::parse(&text).is_ok());
    assert!(!format!("{secret:?} {:?}", secret.text()).contains(&text[MARK.len()..]));
    assert_ne!(other().text().expose_secret(), text);
}

proptest! {
    #[test]
    fn what_was_signed_verifies_and_nothing_else_does(
        id in "[a-zA-Z0-9_-]{1,40}",
        body in proptest::collection::vec(any::<u8>(), 0..200),
        change in any::<u8>(),
        place in any::<proptest::sample::Index>(),
    ) {
        let secrets = [secret()];
        let time = TIME.to_string();
        let signature = sign(&id, TIME, &body, &secrets);
        let check = |body: &[u8]| {
            verify(&id, &time, body, &signature, &secrets, at(TIME), FIVE_MINUTES)
        };
        prop_assert_eq!(check(&body), Ok(()));
        if !body.is_empty() && change != 0 {
            let mut altered = body.clone();
            altered[place.index(body.len())] ^= change;
            prop_assert_eq!(check(&altered), Err(Unverified::Signature));
        }
    }
}
