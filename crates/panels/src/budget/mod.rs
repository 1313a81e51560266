//! How many requests a panel still takes: the arithmetic, and a budget that one
//! process keeps for itself while the shared one is away.

mod local;
mod window;

pub use local::LocalBudget;
pub use window::Window;
