//! What happens though nobody asks.

mod logins;
mod refreshes;
mod sessions;
mod stage;
mod trail;
