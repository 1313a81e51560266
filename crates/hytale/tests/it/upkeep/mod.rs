//! Custody over a database: what happens though nobody asks, and what a process knows.

mod logins;
mod pairs;
mod refreshes;
mod rotated;
mod server_logs;
mod sessions;
mod sharing;
mod stage;
mod trail;
