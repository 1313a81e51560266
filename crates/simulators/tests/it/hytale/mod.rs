//! Hytale, the vendor.

mod accounts;
mod command;
mod control;
mod devices;
mod faults;
mod flow;
mod join;
mod jwt;
mod oauth;
mod refreshes;
mod sessions;
mod shapes;
mod support;
mod tokens;
