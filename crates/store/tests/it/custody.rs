//! Custody of one refresh token, by processes whose replies come in any order, late, or
//! never, and that die at any moment.

use crate::bring;
use crate::custody_steps::{Step, step};
use crate::stage::Stage;
use common::types::caller::{Origin, Principal};
use common::types::hytale::HytaleAccount;
use common::types::id::WorkerId;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};
use std::time::Duration;
use store::{LoginOutcome, Renewal, Renewed, Spend, SpendStart};

const CASES: u32 = 200;
const LEASE: Duration = Duration::from_secs(600);

/// What the vendor knows: tokens are numbers that grow.
struct Vendor {
    minted: u32,
    /// The one token that is good; `None`: the family is revoked.
    good: Option<u32>,
}

impl Vendor {
    fn mint(&mut self) -> u32 {
        self.minted += 1;
        self.good = Some(self.minted);
        self.minted
    }

    /// A token that is good becomes a new one; a second use revokes the family.
    fn spend(&mut self, token: u32) -> Option<u32> {
        if self.good == Some(token) {
            return Some(self.mint());
        }
        // One of an earlier login's family revokes nothing here.
        self.good = None;
        None
    }
}

/// A request under way. Its process is alive.
struct Request {
    spend: Spend,
    lease_ended: bool,
    /// What the vendor answers, once it has arrived.
    reply: Option<Option<u32>>,
    /// Logins before it was begun.
    logins: u32,
}

/// What PostgreSQL holds.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    live: bool,
    token: Option<u32>,
    generation: i64,
    lines: i64,
}

struct World<'a> {
    stage: &'a Stage,
    db: &'a tokio_postgres::Client,
    account: HytaleAccount,
    vendor: Vendor,
    under_way: Vec<Request>,
    generations: Vec<i64>,
    logins: u32,
}

/// What a step changed, as far as it says so itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Nothing,
    Renewed,
    Died,
    LoggedIn,
}

impl World<'_> {
    async fn row(&self) -> Row {
        let row = self
            .db
            .query_one(
                "SELECT state = 'live', refresh_token, generation, \
                   (SELECT count(*) FROM hytale_audit l WHERE l.account_id = a.account_id) \
                 FROM hytale_accounts a WHERE account_id = $1",
                &[&self.account.id],
            )
            .await
            .unwrap();
        let token: Option<String> = row.get(1);
        Row {
            live: row.get(0),
            token: token.map(|token| token.parse().unwrap()),
            generation: row.get(2),
            lines: row.get(3),
        }
    }

    async fn set(&self, what: &str) {
        let sql = format!("UPDATE hytale_accounts SET {what} WHERE account_id = $1");
        self.db.execute(&sql, &[&self.account.id]).await.unwrap();
    }

    async fn begin(&mut self, generation: i64) -> Result<(), TestCaseError> {
        let begun = self
            .stage
            .store
            .hytale_spend_begin(self.account, generation, WorkerId::new(), LEASE)
            .await
            .unwrap();
        let SpendStart::Begun(spend) = begun else {
            return Ok(());
        };
        let both = self
            .under_way
            .iter()
            .any(|other| other.spend.generation == generation && !other.lease_ended);
        prop_assert!(!both, "two processes send generation {generation} at once");
        let row = self.row().await;
        prop_assert_eq!(row.generation, generation, "an old token is sent");
        prop_assert!(row.live, "a dead token is sent");
        self.under_way.push(Request {
            spend,
            lease_ended: false,
            reply: None,
            logins: self.logins,
        });
        Ok(())
    }

    fn arrive(&mut self, which: usize) {
        let Some(request) = self.under_way.get_mut(which) else {
            return;
        };
        if request.reply.is_none() {
            let token = request.spend.refresh_token.parse().unwrap();
            request.reply = Some(self.vendor.spend(token));
        }
    }

    fn take(&mut self, which: usize) -> Option<Request> {
        (which < self.under_way.len()).then(|| self.under_way.remove(which))
    }

    async fn reply(&mut self, which: usize, times: u8) -> Result<Change, TestCaseError> {
        self.arrive(which);
        let Some(request) = self.take(which) else {
            return Ok(Change::Nothing);
        };
        let before = self.row().await;
        let fits = request.spend.generation == before.generation;
        let Some(token) = request.reply.flatten() else {
            let noted = self.refused(&request.spend, times).await;
            let once = noted.iter().filter(|noted| **noted).count();
            prop_assert_eq!(once, usize::from(fits), "a refusal is noted once");
            return Ok(if fits { Change::Died } else { Change::Nothing });
        };
        // The answer to storing it may be lost: it is stored again, and nothing changes.
        let mut change = Change::Nothing;
        for _ in 0..times {
            match self.renewed(&request.spend, Some(token)).await {
                Renewed::Stored => {
                    prop_assert!(fits, "a reply about an old token was stored");
                    change = Change::Renewed;
                }
                Renewed::Overtaken => prop_assert!(!fits && before.live),
                Renewed::Nobodys => {
                    let logged_in = request.logins < self.logins;
                    prop_assert!(!fits && (logged_in || !before.live), "a kept family dies");
                }
            }
        }
        Ok(change)
    }

    /// What noting a refusal answers, each time.
    async fn refused(&self, spend: &Spend, times: u8) -> Vec<bool> {
        let mut noted = Vec::new();
        for _ in 0..times {
            let store = &self.stage.store;
            let origin = Origin::default();
            let refused = store.hytale_spend_refused(spend, "already_used", &origin);
            noted.push(refused.await.unwrap());
        }
        noted
    }

    async fn renewed(&self, spend: &Spend, token: Option<u32>) -> Renewed {
        let now = chrono::Utc::now();
        let renewal = Renewal {
            access_token: format!("access of {}", spend.fence),
            access_expires_at: now,
            refresh_token: token.map(|token| token.to_string()),
            refresh_expires_at: now,
            scope: String::new(),
        };
        let store = &self.stage.store;
        store
            .hytale_spend_renewed(spend, &renewal, &Origin::default())
            .await
            .unwrap()
    }

    async fn login(&mut self) {
        let token = self.vendor.mint().to_string();
        let owner = Principal::Service;
        let outcome = self.stage.bring(self.account, owner, None, &token).await;
        assert_eq!(outcome, LoginOutcome::Stored);
        self.logins += 1;
    }

    async fn take_step(&mut self, step: Step) -> Result<Change, TestCaseError> {
        let store = self.stage.store.clone();
        match step {
            Step::Begin => {
                let generation = self.row().await.generation;
                self.begin(generation).await?;
            }
            Step::BeginStale => {
                if let [.., stale, _newest] = self.generations[..] {
                    self.begin(stale).await?;
                }
            }
            Step::Arrives(which) => self.arrive(which),
            Step::Reply(which, times) => return self.reply(which, times).await,
            Step::ReplyWithoutRotation(which) => {
                // The vendor has spent nothing then.
                if self
                    .under_way
                    .get(which)
                    .is_some_and(|it| it.reply.is_none())
                    && let Some(request) = self.take(which)
                    && self.renewed(&request.spend, None).await == Renewed::Stored
                {
                    return Ok(Change::Renewed);
                }
            }
            Step::Lost(which) => {
                if let Some(request) = self.take(which) {
                    let lost = store.hytale_spend_lost(&request.spend, LEASE).await;
                    lost.unwrap();
                }
            }
            Step::Unsent(which) => {
                if self
                    .under_way
                    .get(which)
                    .is_some_and(|it| it.reply.is_none())
                    && let Some(request) = self.take(which)
                {
                    let unsent = store.hytale_spend_unsent(&request.spend, None).await;
                    unsent.unwrap();
                }
            }
            Step::Crash(which) => drop(self.take(which)),
            Step::LeasesEnd => {
                self.set("spend_until = now() - interval '1 second'").await;
                for request in &mut self.under_way {
                    request.lease_ended = true;
                }
            }
            Step::PausesEnd => self.set("retry_at = NULL").await,
            Step::Login => {
                self.login().await;
                return Ok(Change::LoggedIn);
            }
        }
        Ok(Change::Nothing)
    }
}

fn judge(before: &Row, after: &Row, change: Change) -> Result<(), TestCaseError> {
    prop_assert!(
        after.token.unwrap_or(u32::MAX) >= before.token.unwrap_or(0),
        "a newer token was overwritten by an older one"
    );
    prop_assert!(
        before.live || !after.live || change == Change::LoggedIn,
        "a dead account came alive without a login"
    );
    prop_assert_eq!(after.live, after.token.is_some());
    let changed = change != Change::Nothing;
    prop_assert_eq!(before.generation != after.generation, changed);
    prop_assert_eq!(after.lines - before.lines, i64::from(changed), "lines");
    match change {
        Change::Nothing => prop_assert_eq!(before, after),
        Change::Died => prop_assert!(!after.live),
        Change::Renewed => prop_assert!(before.live && after.live),
        Change::LoggedIn => prop_assert!(after.live),
    }
    Ok(())
}

async fn run(
    stage: &Stage,
    db: &tokio_postgres::Client,
    steps: Vec<Step>,
) -> Result<(), TestCaseError> {
    let mut world = World {
        stage,
        db,
        account: bring::account(),
        vendor: Vendor {
            minted: 0,
            good: None,
        },
        under_way: Vec::new(),
        generations: Vec::new(),
        logins: 0,
    };
    world.login().await;
    let mut before = world.row().await;
    world.generations.push(before.generation);
    for step in steps {
        let change = world.take_step(step).await?;
        let after = world.row().await;
        judge(&before, &after, change).map_err(|error| {
            TestCaseError::fail(format!("{step:?}: {before:?} → {after:?}: {error}"))
        })?;
        if before.generation != after.generation {
            world.generations.push(after.generation);
        }
        before = after;
    }
    Ok(())
}

#[test]
fn whatever_is_lost_late_or_killed_no_token_is_sent_twice_at_once_or_overwritten_by_an_older_one() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stage = runtime.block_on(Stage::new());
    let db = runtime.block_on(stage.database.connect());
    let config = ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    TestRunner::new(config)
        .run(&prop::collection::vec(step(), 1..25), |steps| {
            runtime.block_on(run(&stage, &db, steps))
        })
        .unwrap();
    let _inside = runtime.enter();
    drop(stage);
}
