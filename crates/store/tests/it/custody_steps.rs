//! What may happen to a refresh token in custody.

use proptest::prelude::*;

/// What may happen. A number chooses among the requests under way, or does nothing
/// where there is none.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// Some process wants to spend the account's token.
    Begin,
    /// One that read the account a while ago does: the token before the last one.
    BeginStale,
    /// The vendor carries a request out.
    Arrives(usize),
    /// Its reply comes and is stored, though its lease may have ended long ago. As often
    /// as told: PostgreSQL may have lost the first try, or only its answer.
    Reply(usize, u8),
    /// Its reply gives no new refresh token.
    ReplyWithoutRotation(usize),
    /// Its process notes that no reply came. The request may still arrive.
    Lost(usize),
    /// Its process notes that it was not sent, or turned away unspent.
    Unsent(usize),
    /// Its process dies.
    Crash(usize),
    /// Time passes: leases end.
    LeasesEnd,
    /// Time passes: pauses end.
    PausesEnd,
    /// A person logs in.
    Login,
}

/// Any of them; those that bring the others about are the most frequent.
pub fn step() -> impl Strategy<Value = Step> {
    let any = 0usize..8;
    prop_oneof![
        6 => Just(Step::Begin),
        1 => Just(Step::BeginStale),
        4 => any.clone().prop_map(Step::Arrives),
        5 => (any.clone(), 1u8..3).prop_map(|(which, times)| Step::Reply(which, times)),
        1 => any.clone().prop_map(Step::ReplyWithoutRotation),
        2 => any.clone().prop_map(Step::Lost),
        1 => any.clone().prop_map(Step::Unsent),
        2 => any.prop_map(Step::Crash),
        4 => Just(Step::LeasesEnd),
        2 => Just(Step::PausesEnd),
        1 => Just(Step::Login),
    ]
}
