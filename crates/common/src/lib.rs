//! The vocabulary that every other crate speaks: ids, the panel model, sync
//! states, messages and events and who subscribes to them, the seams between layers,
//! cryptography, which addresses may be dialled, and the diesel schema. Nothing here does
//! I/O, so everything here can be tested
//! without a runtime.

pub mod crypto;
pub mod dial;
pub mod schema;
pub mod seams;
pub mod subscription;
pub mod types;
