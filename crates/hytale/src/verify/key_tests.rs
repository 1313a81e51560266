use super::*;
use ed25519_dalek::{Signer, SigningKey};

/// The Ed25519 key of a seed, as it is published.
pub(in crate::verify) fn okp(id: Option<&str>, seed: u8) -> Jwk {
    let point = SigningKey::from_bytes(&[seed; 32]).verifying_key();
    Jwk {
        kty: "OKP".into(),
        kid: id.map(Into::into),
        alg: None,
        purpose: None,
        crv: Some("Ed25519".into()),
        x: Some(URL_SAFE_NO_PAD.encode(point.as_bytes())),
        n: None,
        e: None,
    }
}

/// The key of RFC 7515, appendix A.2.
fn rsa() -> Jwk {
    Jwk {
        kty: "RSA".into(),
        kid: Some("rsa".into()),
        alg: Some("RS256".into()),
        purpose: Some("sig".into()),
        crv: None,
        x: None,
        n: Some("ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ".into()),
        e: Some("AQAB".into()),
    }
}

#[test]
fn rs256_is_decided_as_in_the_rfc() {
    let key = PublicKey::of(&rsa(), Issuer::OAuth).expect("usable");
    let signed = b"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let mut signature = bytes(Some("cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"))
        .expect("base64");
    assert_eq!(key.verify(signed, &signature), Ok(()));
    signature[0] ^= 1;
    assert_eq!(key.verify(signed, &signature), Err(Invalid::Signature));
}

#[test]
fn the_session_service_signs_with_ed25519_only() {
    assert!(PublicKey::of(&rsa(), Issuer::Sessions).is_none());
    assert!(PublicKey::of(&okp(None, 1), Issuer::Sessions).is_some());
    assert!(PublicKey::of(&okp(None, 1), Issuer::OAuth).is_some());
}

#[test]
fn a_key_for_another_use_or_algorithm_is_left_out() {
    let with = |change: fn(&mut Jwk)| {
        let mut jwk = okp(Some("a"), 1);
        change(&mut jwk);
        PublicKey::of(&jwk, Issuer::Sessions).is_some()
    };
    assert!(with(|jwk| jwk.alg = Some("Ed25519".into())));
    assert!(!with(|jwk| jwk.alg = Some("ES256".into())));
    assert!(!with(|jwk| jwk.purpose = Some("enc".into())));
    assert!(!with(|jwk| jwk.crv = Some("X25519".into())));
    assert!(!with(|jwk| jwk.x = Some("AAAA".into())));
    let mut short = rsa();
    short.n = Some(URL_SAFE_NO_PAD.encode([0xff; 128]));
    assert!(PublicKey::of(&short, Issuer::OAuth).is_none());
}

#[test]
fn a_token_without_a_keys_name_needs_an_only_key() {
    let one = KeySet::of(&[okp(None, 1)], Issuer::Sessions);
    assert!(one.get(None).is_some() && !one.is_empty());
    assert!(one.get(Some("a")).is_none());
    let two = KeySet::of(&[okp(None, 1), okp(Some("b"), 2)], Issuer::Sessions);
    assert!(two.get(None).is_none());
    assert!(two.get(Some("b")).is_some());
}

#[test]
fn the_first_of_two_keys_with_one_name_counts() {
    let set = KeySet::of(&[okp(Some("a"), 1), okp(Some("a"), 2)], Issuer::Sessions);
    let signature = SigningKey::from_bytes(&[1; 32]).sign(b"message");
    let key = set.get(Some("a")).expect("listed");
    assert_eq!(key.verify(b"message", &signature.to_bytes()), Ok(()));
}
