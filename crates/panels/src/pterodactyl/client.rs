//! One request, made polite and patient: taken from the budget, let through by
//! the breaker, sent with the right headers, its answer told apart, and repeated
//! where that may help.

use chrono::{DateTime, Utc};
use common::seams::{Bucket, BudgetUnavailable, PanelApi, Permit, RequestBudget};
use common::types::id::PanelId;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use slog::{Logger, debug, o, warn};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use upstream::{Breaker, Guard, HttpSettings, InvalidHeader, Open, Pass, RetryPolicy, Transport};
use url::Url;

use super::PanelSettings;
use super::answer;
use super::question::Question;
use crate::error::PanelError;

/// A body beyond this is not read: 2,000 servers with all relations take 9 MB.
const LARGEST_BODY: usize = 64 << 20;
/// What a request for live use waits for the budget; somebody looks at a screen.
const LIVE_PATIENCE: Duration = Duration::from_secs(2);

#[derive(Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    panel: PanelId,
    application: HeaderValue,
    client: Option<HeaderValue>,
    timeout: Duration,
    retry: RetryPolicy,
    budget: Arc<dyn RequestBudget>,
    breaker: Arc<Breaker>,
    requests: Arc<AtomicU64>,
    waited_ms: Arc<AtomicU64>,
    log: Logger,
}

/// What came back, where it was no refusal.
enum Reply {
    /// A success.
    Body(Vec<u8>),
    /// A 429, which the budget knows about by now.
    Blocked,
}

/// A wait that the panel ordered. It counts before it is over: whoever has a limit for it
/// allows for it in time. What is cut off is taken back.
struct Ordered<'a> {
    waited_ms: &'a AtomicU64,
    ms: u64,
    begun: Instant,
}

impl<'a> Ordered<'a> {
    fn begin(waited_ms: &'a AtomicU64, pause: Duration) -> Self {
        let ms = milliseconds(pause);
        waited_ms.fetch_add(ms, Ordering::Relaxed);
        Self {
            waited_ms,
            ms,
            begun: Instant::now(),
        }
    }
}

impl Drop for Ordered<'_> {
    fn drop(&mut self) {
        let left = self.ms.saturating_sub(milliseconds(self.begun.elapsed()));
        self.waited_ms.fetch_sub(left, Ordering::Relaxed);
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Client {
    pub(super) fn new(
        settings: PanelSettings,
        budget: Arc<dyn RequestBudget>,
        log: Logger,
    ) -> Result<Self, PanelError> {
        upstream::check_base(&settings.url)
            .map_err(|why| PanelError::InvalidSettings(why.into()))?;
        if let Some(guard) = &settings.guard {
            let judged = guard.judge(&settings.url);
            judged.map_err(|kind| {
                PanelError::InvalidSettings(format!("its address may not be asked: it is {kind}"))
            })?;
        }
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(access) = &settings.cf_access {
            let mut add = |name, value: &SecretString| {
                secret_header(value.expose_secret(), name)
                    .map(|value| headers.insert(HeaderName::from_static(name), value))
            };
            add("cf-access-client-id", &access.id)?;
            add("cf-access-client-secret", &access.secret)?;
        }
        let http = upstream::client(HttpSettings {
            user_agent: concat!("nodebyte/", env!("CARGO_PKG_VERSION")),
            headers,
            request_timeout: settings.request_timeout,
            idle: None,
            resolver: settings.guard.as_ref().map(Guard::resolver),
        })
        .map_err(PanelError::Client)?;
        Ok(Self {
            http,
            base: settings.url,
            panel: settings.panel,
            application: bearer(&settings.application_key, "the application key")?,
            client: settings
                .client_key
                .as_ref()
                .map(|key| bearer(key, "the client key"))
                .transpose()?,
            timeout: settings.request_timeout,
            retry: settings.retry,
            budget,
            breaker: Arc::default(),
            requests: Arc::default(),
            waited_ms: Arc::default(),
            log: log.new(o!("panel_id" => settings.panel.to_string())),
        })
    }

    pub(super) fn counting_anew(&self) -> Self {
        Self {
            requests: Arc::default(),
            waited_ms: Arc::default(),
            ..self.clone()
        }
    }

    pub(super) fn requests_made(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    pub(super) fn time_waited(&self) -> Duration {
        Duration::from_millis(self.waited_ms.load(Ordering::Relaxed))
    }

    /// Asks until there is an answer that `decode` understands, the panel refuses,
    /// or the retries are used up. `requests` counts what was sent.
    pub(super) async fn fetch<T>(
        &self,
        question: &Question,
        requests: &mut u32,
        decode: impl Fn(&[u8]) -> Result<T, PanelError>,
    ) -> Result<T, PanelError> {
        let key = self.key(question.api)?;
        let mut failures = 0;
        loop {
            self.breaker
                .check(Instant::now())
                .map_err(breaker_is_open)?;
            self.wait_for_budget(question.api).await?;
            let pass = self
                .breaker
                .admit(Instant::now())
                .map_err(breaker_is_open)?;
            *requests += 1;
            let outcome = match self.send(question, key, pass).await {
                Ok(Reply::Body(body)) => decode(&body),
                Ok(Reply::Blocked) => continue,
                Err(error) => Err(error),
            };
            let error = match outcome {
                Err(error) if question.may_be_repeated_after(&error) => error,
                settled => return settled,
            };
            failures += 1;
            let Some(pause) = self.retry.random_pause(failures) else {
                return Err(error);
            };
            debug!(self.log, "asking the panel again";
                "path" => question.path(), "error" => %error, "failures" => failures,
                "pause_ms" => pause.as_millis());
            tokio::time::sleep(pause).await;
        }
    }

    /// Sends one request and tells breaker and measures what came of it.
    async fn send(
        &self,
        question: &Question,
        key: &HeaderValue,
        pass: Pass<'_>,
    ) -> Result<Reply, PanelError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let started = Instant::now();
        let reply = self.exchange(question, key).await;
        metrics::histogram!("panel_request_seconds", "api" => question.api.as_str())
            .record(started.elapsed().as_secs_f64());
        match &reply {
            Err(PanelError::Offline { .. }) => pass.failed(Instant::now()),
            // Slow is not away: a smaller page may well come in time.
            Err(PanelError::Timeout { .. }) => drop(pass),
            _ => pass.succeeded(),
        }
        reply
    }

    async fn exchange(&self, question: &Question, key: &HeaderValue) -> Result<Reply, PanelError> {
        let response = self
            .http
            .get(question.url(&self.base))
            .header(AUTHORIZATION, key)
            .send()
            .await
            .map_err(|error| {
                count(question.api, "none");
                self.transport(error.into())
            })?;
        let status = response.status();
        count(question.api, status.as_str());
        let blocked = status == StatusCode::TOO_MANY_REQUESTS;
        if blocked {
            // Before its headers are learned: "none left" alone would send whoever asks the
            // budget in between to sleep for a whole window.
            let until = answer::blocked_until(response.headers(), Utc::now());
            self.obey_block(question.api, until).await?;
        }
        if let Some(headers) = answer::rate_headers(response.headers())
            && let Err(error) = self.budget.learn(self.bucket(question.api), headers).await
        {
            // The answer is here all the same; the next one says it again.
            debug!(self.log, "what the panel said of its limit is lost"; "error" => %error);
        }
        if blocked {
            return Ok(Reply::Blocked);
        }
        let body = upstream::read_body(response, LARGEST_BODY)
            .await
            .map_err(|error| self.transport(error))?;
        if status.is_success() {
            Ok(Reply::Body(body))
        } else {
            Err(answer::refusal(status, &body, question.permission))
        }
    }

    fn transport(&self, error: Transport) -> PanelError {
        let what = error.to_string();
        match error {
            Transport::NotSent(source) | Transport::Broken(source) => PanelError::Offline {
                what,
                source: Some(source),
            },
            Transport::Timeout(_) => PanelError::Timeout {
                after: self.timeout,
            },
            Transport::Undecodable(_) | Transport::TooLarge => PanelError::Malformed(what),
        }
    }

    /// Waits until the budget grants a request. The mirror waits as long as it
    /// takes; live use does not.
    async fn wait_for_budget(&self, api: PanelApi) -> Result<(), PanelError> {
        let bucket = self.bucket(api);
        let mut waited = Duration::ZERO;
        loop {
            match self.budget.take(bucket).await.map_err(no_budget)? {
                Permit::Granted => break,
                Permit::Wait(pause) => {
                    if api == PanelApi::Client && waited + pause > LIVE_PATIENCE {
                        return Err(PanelError::RateLimited { retry_after: pause });
                    }
                    waited += pause;
                    let _ordered = Ordered::begin(&self.waited_ms, pause);
                    tokio::time::sleep(pause).await;
                }
            }
        }
        if !waited.is_zero() {
            metrics::counter!("panel_budget_wait_seconds_total", "api" => api.as_str())
                .increment(waited.as_secs());
        }
        Ok(())
    }

    async fn obey_block(&self, api: PanelApi, until: DateTime<Utc>) -> Result<(), PanelError> {
        warn!(self.log, "the panel's rate limit is reached";
            "api" => api.as_str(), "until" => until.to_rfc3339());
        self.budget
            .block(self.bucket(api), until)
            .await
            .map_err(no_budget)
    }

    fn key(&self, api: PanelApi) -> Result<&HeaderValue, PanelError> {
        match api {
            PanelApi::Application => Ok(&self.application),
            PanelApi::Client => self.client.as_ref().ok_or(PanelError::NoClientKey),
        }
    }

    fn bucket(&self, api: PanelApi) -> Bucket {
        Bucket {
            panel: self.panel,
            api,
        }
    }
}

fn count(api: PanelApi, status: &str) {
    metrics::counter!("panel_requests_total", "api" => api.as_str(), "status" => status.to_owned())
        .increment(1);
}

fn breaker_is_open(open: Open) -> PanelError {
    PanelError::offline(format!(
        "it did not answer lately; next try in {} ms",
        open.wait.as_millis()
    ))
}

fn no_budget(error: BudgetUnavailable) -> PanelError {
    PanelError::offline(error.to_string())
}

fn bearer(key: &SecretString, what: &str) -> Result<HeaderValue, PanelError> {
    upstream::bearer(key).map_err(|why| invalid(what, why))
}

fn secret_header(value: &str, what: &str) -> Result<HeaderValue, PanelError> {
    upstream::secret_header(value).map_err(|why| invalid(what, why))
}

fn invalid(what: &str, _why: InvalidHeader) -> PanelError {
    PanelError::InvalidSettings(format!("{what} holds characters that no header can carry"))
}
