//! A second implementation of the verification: ring for signatures, JSON as a tree,
//! base64 and times by hand, straight from the text of the rules.

use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Map, Value};

pub struct Rules<'a> {
    pub key_id: &'a str,
    pub point: &'a [u8],
    pub iss: &'a str,
    pub audience: Option<&'a str>,
    pub scope: Option<&'a str>,
}

/// Whether the token is valid at this second.
pub fn accepts(token: &str, rules: &Rules<'_>, now: i64) -> bool {
    decide(token, rules, now).is_some()
}

fn decide(token: &str, rules: &Rules<'_>, now: i64) -> Option<()> {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts.as_slice() else {
        return None;
    };
    check_header(&object(header)?, rules)?;
    let message = format!("{header}.{payload}");
    UnparsedPublicKey::new(&ED25519, rules.point)
        .verify(message.as_bytes(), &base64(signature)?)
        .ok()?;
    check_claims(&object(payload)?, rules, now)
}

fn check_header(header: &Map<String, Value>, rules: &Rules<'_>) -> Option<()> {
    let is = |name: &str, wanted: &str| header.get(name).and_then(Value::as_str) == Some(wanted);
    let key_fits = match header.get("kid") {
        None | Some(Value::Null) => true,
        Some(_) => is("kid", rules.key_id),
    };
    let type_fits = match header.get("typ") {
        None | Some(Value::Null) => true,
        Some(typ) => typ.as_str()?.eq_ignore_ascii_case("jwt"),
    };
    let plain = matches!(header.get("crit"), None | Some(Value::Null));
    (is("alg", "EdDSA") && key_fits && type_fits && plain).then_some(())
}

fn check_claims(claims: &Map<String, Value>, rules: &Rules<'_>, now: i64) -> Option<()> {
    let text = |name: &str| match claims.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) => Some(Some(text.as_str())),
        Some(_) => None,
    };
    let second = |name: &str| match claims.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(Value::Number(number)) => match number.as_i64() {
            Some(whole) => Some(Some(whole)),
            None => {
                let value = number.as_f64()?;
                (value.abs() < 1e12).then(|| Some(value.floor() as i64))
            }
        },
        Some(_) => None,
    };
    text("jti")?;
    text("username")?;
    if text("iss")? != Some(rules.iss) || !is_uuid(text("sub")??) {
        return None;
    }
    let audience: Option<Vec<&str>> = match claims.get("aud") {
        None | Some(Value::Null) => None,
        Some(Value::String(one)) => Some(vec![one]),
        Some(Value::Array(many)) => Some(many.iter().map(Value::as_str).collect::<Option<_>>()?),
        Some(_) => return None,
    };
    if rules
        .audience
        .is_some_and(|wanted| audience != Some(vec![wanted]))
    {
        return None;
    }
    let scope = text("scope")?.unwrap_or_default();
    if rules
        .scope
        .is_some_and(|wanted| !scope.split(' ').any(|one| one == wanted))
    {
        return None;
    }
    let exp = second("exp")??;
    let begun = [second("nbf")?, second("iat")?]
        .into_iter()
        .flatten()
        .all(|time| i128::from(time) <= i128::from(now) + 60);
    let is_date = |time: i64| time.unsigned_abs() < 8_000_000_000_000;
    let dates = [Some(exp), second("iat")?];
    (i128::from(now) < i128::from(exp) + 60 && begun && dates.into_iter().flatten().all(is_date))
        .then_some(())
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        })
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&base64(part)?).ok()
}

/// base64url without padding; bits that stand for nothing must be zero.
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0u32, 0);
    for c in text.bytes() {
        let six = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(six)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    (held < 6 && bits & ((1 << held) - 1) == 0).then_some(bytes)
}
