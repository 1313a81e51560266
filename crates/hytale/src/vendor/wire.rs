//! One request at a time: let through by its host's breaker, sent, counted, and
//! repeated where that is safe.

use chrono::Utc;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Request};
use secrecy::{ExposeSecret, SecretString};
use std::time::{Duration, Instant};
use upstream::{Breaker, HttpSettings, Open, RetryPolicy, Transport};
use url::Url;
use url::form_urlencoded::Serializer;

use super::answer::Reply;
use super::error::{Lost, NotSent, VendorError};
use super::model::{DeviceCode, Jwk, Poll, Profiles, SessionTokens, TokenSet};
use super::operation::{Effect, Host, Operation};
use super::{SettingsError, VendorSettings};

/// Unused connections are closed by us before the vendor does: what is sent on one
/// that is just closing is lost, and a refresh token with it.
const IDLE: Duration = Duration::from_secs(20);

pub(super) struct Wire {
    http: reqwest::Client,
    retry: RetryPolicy,
    oauth: Line,
    account_data: Line,
    sessions: Line,
}

/// A host and how it is doing.
struct Line {
    name: &'static str,
    base: Url,
    breaker: Breaker,
}

/// What is asked.
pub(super) struct Call<'a> {
    pub(super) operation: Operation,
    pub(super) method: Method,
    pub(super) bearer: Option<&'a SecretString>,
    pub(super) body: Body<'a>,
}

pub(super) enum Body<'a> {
    Empty,
    Json(String),
    /// The values may be secrets.
    Form(&'a [(&'a str, &'a str)]),
}

impl Wire {
    pub(super) fn new(settings: VendorSettings) -> Result<Self, SettingsError> {
        let headers =
            HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        let http = upstream::client(HttpSettings {
            user_agent: concat!("nodebyte/", env!("CARGO_PKG_VERSION")),
            headers,
            request_timeout: settings.request_timeout,
            idle: Some(IDLE),
            resolver: None,
        })
        .map_err(SettingsError::Client)?;
        let line = |name, base: Url| {
            upstream::check_base(&base).map_err(|why| SettingsError::Address { name, why })?;
            Ok(Line {
                name,
                base,
                breaker: Breaker::default(),
            })
        };
        Ok(Self {
            http,
            retry: settings.retry,
            oauth: line("oauth", settings.hosts.oauth)?,
            account_data: line("account data", settings.hosts.account_data)?,
            sessions: line("sessions", settings.hosts.sessions)?,
        })
    }

    pub(super) fn ready(&self, host: Host) -> Result<(), VendorError> {
        let line = self.line(host);
        line.breaker.check(Instant::now()).map_err(breaker_is_open)
    }

    /// Asks until there is an answer, or asking again is unsafe, useless or no longer
    /// worth it.
    pub(super) async fn ask<T: Answer>(
        &self,
        call: &Call<'_>,
        read: impl Fn(&Reply<'_>) -> Result<T, VendorError>,
    ) -> Result<T, VendorError> {
        let mut failures = 0;
        loop {
            let error = match self.once(call, &read).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            failures += 1;
            let Some(pause) = self.pause_after(call.operation.effect(), &error, failures) else {
                return Err(error);
            };
            tokio::time::sleep(pause).await;
        }
    }

    fn pause_after(&self, effect: Effect, error: &VendorError, failures: u32) -> Option<Duration> {
        let (is_safe, asked) = match error {
            VendorError::NotSent(NotSent::NoConnection(_)) => (effect != Effect::Spends, None),
            VendorError::Busy { retry_after } => (effect != Effect::Spends, *retry_after),
            VendorError::Lost(_) | VendorError::Down { .. } => (effect == Effect::Harmless, None),
            VendorError::NotSent(_) | VendorError::Refused(..) => (false, None),
        };
        let pause = self.retry.random_pause(failures).filter(|_| is_safe)?;
        let asked = asked.unwrap_or_default();
        // Who is asked to wait longer than we would leaves that to the caller.
        (asked <= self.retry.cap).then(|| pause.max(asked))
    }

    /// Exactly one request, or none where its breaker is open.
    pub(super) async fn once<T: Answer>(
        &self,
        call: &Call<'_>,
        read: impl Fn(&Reply<'_>) -> Result<T, VendorError>,
    ) -> Result<T, VendorError> {
        let operation = call.operation.as_str();
        let started = Instant::now();
        let result = self.exchange(call, read).await;
        let outcome = match &result {
            Ok(answer) => answer.outcome(),
            Err(error) => error.outcome(),
        };
        let line = self.line(call.operation.host());
        metrics::gauge!("hytale_breaker_open", "host" => line.name)
            .set(f64::from(u8::from(line.breaker.is_open())));
        metrics::counter!("hytale_requests_total", "operation" => operation, "outcome" => outcome)
            .increment(1);
        if outcome != "breaker_open" {
            metrics::histogram!("hytale_request_seconds", "operation" => operation)
                .record(started.elapsed().as_secs_f64());
        }
        result
    }

    async fn exchange<T>(
        &self,
        call: &Call<'_>,
        read: impl Fn(&Reply<'_>) -> Result<T, VendorError>,
    ) -> Result<T, VendorError> {
        let line = self.line(call.operation.host());
        let request = call.request(&line.base)?;
        let pass = line
            .breaker
            .admit(Instant::now())
            .map_err(breaker_is_open)?;
        let sent = call.secrets();
        match self.send(call.operation, request, &sent).await {
            Ok(reply) => {
                if reply.is_away() {
                    pass.failed(Instant::now());
                } else {
                    pass.succeeded();
                }
                read(&reply)
            }
            Err(error) => {
                match error {
                    Transport::NotSent(_) | Transport::Timeout(_) | Transport::Broken(_) => {
                        pass.failed(Instant::now());
                    }
                    Transport::Undecodable(_) | Transport::TooLarge => pass.succeeded(),
                }
                Err(match error {
                    Transport::NotSent(_) => VendorError::NotSent(NotSent::NoConnection(error)),
                    _ => VendorError::Lost(Lost::Transport(error)),
                })
            }
        }
    }

    async fn send<'a>(
        &self,
        operation: Operation,
        request: Request,
        sent: &'a [&'a str],
    ) -> Result<Reply<'a>, Transport> {
        let response = self.http.execute(request).await?;
        let status = response.status().as_u16();
        let retry_after = upstream::retry_after(response.headers(), Utc::now());
        let body = upstream::read_body(response, operation.body_cap()).await?;
        Ok(Reply {
            operation,
            status,
            retry_after,
            body,
            sent,
        })
    }

    fn line(&self, host: Host) -> &Line {
        match host {
            Host::OAuth => &self.oauth,
            Host::AccountData => &self.account_data,
            Host::Sessions => &self.sessions,
        }
    }
}

impl Call<'_> {
    fn request(&self, base: &Url) -> Result<Request, VendorError> {
        let mut url = base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(self.operation.path());
        }
        let mut request = Request::new(self.method.clone(), url);
        if let Some(token) = self.bearer {
            let bearer = upstream::bearer(token)
                .map_err(|_shows_nothing| VendorError::NotSent(NotSent::Unsendable))?;
            request.headers_mut().insert(AUTHORIZATION, bearer);
        }
        let (kind, body) = match &self.body {
            Body::Empty => return Ok(request),
            Body::Json(text) => ("application/json", text.clone()),
            Body::Form(fields) => (
                "application/x-www-form-urlencoded",
                Serializer::new(String::new())
                    .extend_pairs(*fields)
                    .finish(),
            ),
        };
        request
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        *request.body_mut() = Some(body.into());
        Ok(request)
    }

    /// What must not come back into a log.
    fn secrets(&self) -> Vec<&str> {
        let form = match &self.body {
            Body::Form(fields) => *fields,
            Body::Empty | Body::Json(_) => &[],
        };
        form.iter()
            .filter(|(name, _)| matches!(*name, "device_code" | "refresh_token" | "token"))
            .map(|(_, value)| *value)
            .chain(self.bearer.map(ExposeSecret::expose_secret))
            .collect()
    }
}

fn breaker_is_open(open: Open) -> VendorError {
    VendorError::NotSent(NotSent::BreakerOpen { wait: open.wait })
}

/// How a success is counted.
pub(super) trait Answer {
    fn outcome(&self) -> &'static str {
        "ok"
    }
}

impl Answer for () {}
impl Answer for DeviceCode {}
impl Answer for TokenSet {}
impl Answer for Profiles {}
impl Answer for SessionTokens {}
impl Answer for Vec<Jwk> {}
impl Answer for Poll {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Tokens(_) => "ok",
            Self::Pending => "pending",
            Self::SlowDown => "slow_down",
        }
    }
}
