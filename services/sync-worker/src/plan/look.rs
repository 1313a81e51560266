//! What a failed look at a listing means for the run. Pure.

use crate::ask::may_pass;
use panels::PanelError;

/// What a failed look is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Key or settings as a whole: no listing can be read.
    Run,
    /// The key may not read this listing.
    Forbidden,
    /// The listing is refused, and asking again will not change that.
    Refused,
    /// It may be readable later.
    Passing,
}

/// Judges a failure to read one listing.
pub fn trouble(error: &PanelError) -> Trouble {
    match error {
        PanelError::Unauthorized { .. }
        | PanelError::InvalidSettings(_)
        | PanelError::Client(_)
        | PanelError::InvalidRequest(_)
        | PanelError::NoClientKey => Trouble::Run,
        PanelError::Forbidden { .. } => Trouble::Forbidden,
        error if may_pass(error) => Trouble::Passing,
        _ => Trouble::Refused,
    }
}

/// How planning goes on after it looked at every listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Tasks can be planned.
    Plan,
    /// Nobody answered yet.
    Wait,
    /// Nothing can be read here: the address is not a panel's.
    Fail,
}

/// Decides by whether anything was `read`, is `late`, was `refused`. What was read
/// shows that the panel is there and which it is: only then may tasks be planned
/// that nothing else holds back from writing.
pub fn next(read: bool, late: bool, refused: bool) -> Next {
    match (read, late, refused) {
        (true, _, _) | (false, false, false) => Next::Plan,
        (false, true, _) => Next::Wait,
        (false, false, true) => Next::Fail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_listing_that_is_read_is_enough_to_plan() {
        assert_eq!(next(true, true, true), Next::Plan);
        assert_eq!(next(false, true, true), Next::Wait);
        assert_eq!(next(false, false, true), Next::Fail);
        // The key may read nothing: each kind fails by the name of its permission.
        assert_eq!(next(false, false, false), Next::Plan);
    }

    #[test]
    fn only_what_may_pass_is_waited_for() {
        let unexpected = PanelError::Unexpected {
            status: 418,
            code: String::new(),
        };
        let unauthorized = PanelError::Unauthorized {
            status: 401,
            why: "expired",
        };
        let forbidden = PanelError::Forbidden {
            permission: "users",
        };
        for (error, expected) in [
            (PanelError::Malformed(String::new()), Trouble::Passing),
            (unexpected, Trouble::Passing),
            (PanelError::NoSuchAddress("a 404"), Trouble::Refused),
            (PanelError::NotFound, Trouble::Refused),
            (forbidden, Trouble::Forbidden),
            (unauthorized, Trouble::Run),
        ] {
            assert_eq!(trouble(&error), expected, "{error}");
        }
    }
}
