//! Hytale, the vendor.

mod control;
mod flow;
mod jwt;
mod support;
