//! What other processes may order of the vendor, as JSON; [`control`](super::control) takes the orders.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{accounts::Account, journal::Note, keys::SignatureFlaw, world::World};

/// The client of a game server.
pub const SERVER_CLIENT: &str = "hytale-server";
/// The scope it asks for.
pub const SERVER_SCOPE: &str = "openid offline auth:server";

/// An order, named as in `{"approve": {"account": "one"}}`. Without a user code, the youngest pending device code
/// is meant; without an account, the first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Order {
    /// The human says yes.
    Approve {
        /// Which code.
        #[serde(default)]
        user_code: Option<String>,
        /// As which account, by name or owner.
        #[serde(default)]
        account: Option<String>,
    },
    /// The human says no.
    Deny {
        /// Which code.
        #[serde(default)]
        user_code: Option<String>,
    },
    /// The code's time is over at once, and polls say so.
    Expire {
        /// Which code.
        #[serde(default)]
        user_code: Option<String>,
    },
    /// Begins a family of tokens without a device code; answers as the token endpoint does.
    Login {
        /// For which account.
        #[serde(default)]
        account: Option<String>,
    },
    /// Adds an account, or puts it in the place of the one with its name.
    SetAccount {
        /// The account.
        account: Account,
    },
    /// Adds accounts `{prefix}0`, `{prefix}1`, ... with one profile each, logged in as by `login`; answers their
    /// tokens.
    AddLogins {
        /// The beginning of their names.
        prefix: String,
        /// How many.
        count: usize,
    },
    /// The user revokes all that this account's tokens are good for.
    RevokeAccount {
        /// Which account, by name.
        account: String,
    },
    /// The vendor ends all sessions of an account.
    EndSessions {
        /// Which account, by name.
        account: String,
    },
    /// The session service signs with a new key.
    RotateKeys {
        /// Whether the old ones stay published.
        keep_old: bool,
    },
    /// The OAuth service signs with a new key.
    RotateOauthKeys {
        /// Whether the old ones stay published.
        keep_old: bool,
    },
    /// The session service signs these claims.
    Sign {
        /// The claims, as they are.
        claims: Value,
        /// What is wrong with the token.
        #[serde(default)]
        flaw: Option<SignatureFlaw>,
    },
}

/// Whether an order could be carried out: what it answers, or why not.
pub type Obeyed = Result<Value, &'static str>;

const NO_ACCOUNT: &str = "no such account";
const NO_CODE: &str = "no such device code that could still be decided over";

impl Order {
    /// Carries it out.
    pub(super) fn obey(self, world: &mut World) -> Obeyed {
        let now = world.clock.now();
        let done = |done: bool| if done { Ok(json!({})) } else { Err(NO_CODE) };
        match self {
            Self::Approve { user_code, account } => {
                let account = world.account(account.as_deref()).ok_or(NO_ACCOUNT)?;
                let name = account.name.clone();
                done(world.devices.decide(user_code.as_deref(), Some(&name), now))
            }
            Self::Deny { user_code } => done(world.devices.decide(user_code.as_deref(), None, now)),
            Self::Expire { user_code } => done(world.devices.expire(user_code.as_deref(), now)),
            Self::Login { account } => {
                let account = world.account(account.as_deref()).ok_or(NO_ACCOUNT)?;
                let name = account.name.clone();
                Ok(login(world, &name))
            }
            Self::SetAccount { account } => {
                let place = world
                    .accounts
                    .iter_mut()
                    .find(|other| other.name == account.name);
                match place {
                    Some(place) => *place = account,
                    None => world.accounts.push(account),
                }
                Ok(json!({}))
            }
            Self::AddLogins { prefix, count } => {
                let logins = (0..count).map(|place| {
                    let name = format!("{prefix}{place}");
                    let account = Account::new(&name, &["ServerOperator"]);
                    let profile = account.profiles.first().map(|profile| profile.uuid);
                    let owner = account.owner;
                    world.accounts.push(account);
                    let mut login = login(world, &name);
                    login["account"] = name.into();
                    login["owner"] = json!(owner);
                    login["profile"] = json!(profile);
                    login
                });
                Ok(Value::Array(logins.collect()))
            }
            Self::RevokeAccount { account } => {
                let ended = world.grants.revoke_account(&account);
                Ok(json!({ "ended": ended }))
            }
            Self::EndSessions { account } => {
                let ended = world.sessions.revoke(&account, now);
                Ok(json!({ "ended": ended }))
            }
            Self::RotateKeys { keep_old } => {
                world.keys.rotate(&mut world.source, keep_old);
                Ok(json!({ "kid": world.keys.current_id() }))
            }
            Self::RotateOauthKeys { keep_old } => {
                world.oauth_keys.rotate(&mut world.source, keep_old);
                Ok(json!({ "kid": world.oauth_keys.current_id() }))
            }
            Self::Sign { claims, flaw } => Ok(json!({ "token": world.keys.sign(&claims, flaw) })),
        }
    }
}

fn login(world: &mut World, account: &str) -> Value {
    let issued = world.login(account, SERVER_CLIENT, SERVER_SCOPE);
    world.token_body(&issued, &mut Note::default())
}
