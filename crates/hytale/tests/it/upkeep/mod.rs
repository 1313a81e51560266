//! What happens though nobody asks.

mod logins;
mod refreshes;
mod server_logs;
mod sessions;
mod stage;
mod trail;
