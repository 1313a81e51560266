//! `/api/admin/settings*`, in the shapes that the website reads.
//!
//! What there is, what a value must look like and who may see it stands in
//! `common::types::setting`; what may be changed is decided in `reach::settings`.

pub mod connection;
mod failure;
pub mod form;
pub mod repositories;
pub mod tagged;
mod wire;
