//! How refusals are summed.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};
use common::types::caller::{Origin, Principal};
use common::types::hytale::{HytaleAuditEvent, HytaleEnvironment};
use runtime::http::counted_as;
use serde_json::json;
use store::NewAuditLine;

/// Sources that are told apart between two appends; what more come do is summed by
/// reason alone.
const SOURCES: usize = 1000;

/// Why somebody was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A key or token that is not good; expired tokens are not counted, since whoever
    /// shows one was let in before.
    InvalidCredentials,
    /// Credentials that were not even looked at: the address had tried too many.
    TooManyCredentials,
    /// A device code that names no login of whoever polls.
    UnknownCode,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::InvalidCredentials => "invalid_credentials",
            Self::TooManyCredentials => "too_many_credentials",
            Self::UnknownCode => "unknown_code",
        }
    }
}

/// Who was refused, and why: a principal, or the address as limits count it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Source {
    reason: Reason,
    principal: Option<Principal>,
    address: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Sum {
    /// Of the first.
    origin: Origin,
    count: u64,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.count += other.count;
        if other.first_at < self.first_at {
            self.first_at = other.first_at;
            self.origin = other.origin.clone();
        }
        self.last_at = self.last_at.max(other.last_at);
    }
}

/// Refusals, counted by source.
#[derive(Debug, Default)]
pub(super) struct Sums {
    sources: HashMap<Source, Sum>,
    rest: HashMap<Reason, Sum>,
}

impl Sums {
    /// Counts one.
    pub(super) fn add(&mut self, reason: Reason, origin: Origin, now: DateTime<Utc>) {
        let source = Source {
            reason,
            principal: origin.principal.clone(),
            address: origin.ip.map(|ip| counted_as(ip).to_string()),
        };
        let one = Sum {
            origin,
            count: 1,
            first_at: now,
            last_at: now,
        };
        self.count(source, one);
    }

    /// Counts what was counted elsewhere.
    pub(super) fn add_all(&mut self, others: Self) {
        for (source, sum) in others.sources {
            self.count(source, sum);
        }
        for (reason, sum) in others.rest {
            self.count_rest(reason, sum);
        }
    }

    fn count(&mut self, source: Source, sum: Sum) {
        if let Some(known) = self.sources.get_mut(&source) {
            known.add(&sum);
        } else if self.sources.len() < SOURCES {
            self.sources.insert(source, sum);
        } else {
            self.count_rest(source.reason, sum);
        }
    }

    fn count_rest(&mut self, reason: Reason, mut sum: Sum) {
        sum.origin = Origin::default();
        self.rest
            .entry(reason)
            .and_modify(|known| known.add(&sum))
            .or_insert(sum);
    }

    /// One line for each sum.
    pub(super) fn lines(&self, environment: HytaleEnvironment) -> Vec<(NewAuditLine, Origin)> {
        let sources = self.sources.iter();
        let sources = sources.map(|(source, sum)| line(environment, source.reason, sum, false));
        let rest = self.rest.iter();
        let rest = rest.map(|(reason, sum)| line(environment, *reason, sum, true));
        sources.chain(rest).collect()
    }
}

fn line(
    environment: HytaleEnvironment,
    reason: Reason,
    sum: &Sum,
    is_rest: bool,
) -> (NewAuditLine, Origin) {
    let time = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Millis, true);
    let mut details = json!({
        "reason": reason.as_str(),
        "count": sum.count,
        "first_at": time(sum.first_at),
        "last_at": time(sum.last_at),
    });
    if is_rest {
        details["sources"] = json!("many");
    }
    let line = NewAuditLine::of_no_account(environment, HytaleAuditEvent::AuthFailed);
    (line.with(details), sum.origin.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;
    use std::net::IpAddr;

    const ENVIRONMENT: HytaleEnvironment = HytaleEnvironment::Production;

    fn from(ip: &str) -> Origin {
        Origin {
            ip: Some(ip.parse().unwrap()),
            request_id: Some(format!("a request from {ip}")),
            ..Origin::default()
        }
    }

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(second)
    }

    fn told(sums: &Sums) -> Vec<(String, u64, Option<IpAddr>)> {
        let mut told: Vec<_> = sums
            .lines(ENVIRONMENT)
            .into_iter()
            .map(|(line, origin)| {
                let reason = line.details["reason"].as_str().unwrap().to_owned();
                (reason, line.details["count"].as_u64().unwrap(), origin.ip)
            })
            .collect();
        told.sort();
        told
    }

    #[test]
    fn what_one_source_is_refused_for_one_reason_is_one_line() {
        let mut sums = Sums::default();
        for second in 1..=3 {
            sums.add(Reason::InvalidCredentials, from("192.0.2.1"), at(second));
        }
        sums.add(Reason::UnknownCode, from("192.0.2.1"), at(1));
        sums.add(Reason::InvalidCredentials, from("192.0.2.2"), at(1));
        // Of one subnet, hence one source.
        sums.add(Reason::UnknownCode, from("2001:db8::1"), at(1));
        sums.add(Reason::UnknownCode, from("2001:db8::2"), at(2));
        let ip = |text: &str| Some(text.parse().unwrap());
        let expected = [
            ("invalid_credentials".to_owned(), 1, ip("192.0.2.2")),
            ("invalid_credentials".to_owned(), 3, ip("192.0.2.1")),
            ("unknown_code".to_owned(), 1, ip("192.0.2.1")),
            ("unknown_code".to_owned(), 2, ip("2001:db8::1")),
        ];
        assert_eq!(told(&sums), expected);
    }

    #[test]
    fn a_line_tells_when_the_first_and_the_last_were_refused() {
        let mut sums = Sums::default();
        for second in [7, 9] {
            sums.add(Reason::UnknownCode, from("192.0.2.1"), at(second));
        }
        let (line, _) = &sums.lines(ENVIRONMENT)[0];
        let expected = json!({
            "reason": "unknown_code",
            "count": 2,
            "first_at": "1970-01-01T00:00:07.000Z",
            "last_at": "1970-01-01T00:00:09.000Z",
        });
        assert_eq!(line.details, expected);
        assert_eq!(line.event, HytaleAuditEvent::AuthFailed);
    }

    #[test]
    fn a_principal_is_a_source_of_its_own() {
        let mut sums = Sums::default();
        let client = Origin {
            principal: Some(Principal::Service),
            ..from("192.0.2.1")
        };
        sums.add(Reason::UnknownCode, client, at(1));
        sums.add(Reason::UnknownCode, from("192.0.2.1"), at(1));
        assert_eq!(told(&sums).len(), 2);
    }

    #[test]
    fn sources_beyond_the_ceiling_are_summed_together() {
        let mut sums = Sums::default();
        let sources = u32::try_from(SOURCES).unwrap() + 5;
        for number in 0..sources {
            let ip = IpAddr::from((0x0a00_0000 + number).to_be_bytes());
            sums.add(Reason::InvalidCredentials, from(&ip.to_string()), at(1));
        }
        // A known source goes on being one.
        sums.add(Reason::InvalidCredentials, from("10.0.0.0"), at(2));
        let lines = sums.lines(ENVIRONMENT);
        assert_eq!(lines.len(), SOURCES + 1);
        let many: Vec<_> = lines
            .iter()
            .filter(|(line, _)| line.details["sources"] == "many")
            .collect();
        let [(line, origin)] = many[..] else {
            panic!("{many:?}");
        };
        assert_eq!(line.details["count"], 5);
        assert_eq!(*origin, Origin::default());
    }

    #[test]
    fn sums_that_could_not_be_appended_are_counted_on() {
        let mut taken = Sums::default();
        taken.add(Reason::UnknownCode, from("192.0.2.1"), at(1));
        let mut sums = Sums::default();
        sums.add(Reason::UnknownCode, from("192.0.2.1"), at(61));
        sums.add_all(taken);
        let lines = sums.lines(ENVIRONMENT);
        let [(line, _)] = &lines[..] else {
            panic!("{lines:?}");
        };
        assert_eq!(line.details["count"], 2);
        assert_eq!(line.details["first_at"], "1970-01-01T00:00:01.000Z");
        assert_eq!(line.details["last_at"], "1970-01-01T00:01:01.000Z");
    }
}
