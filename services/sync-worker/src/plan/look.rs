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
        // As every listing does when it is the key, and then nothing can be read.
        PanelError::Unauthorized {
            status: 300..=399, ..
        } => Trouble::Refused,
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

/// What the looks have brought so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Looked {
    /// A listing was read: the panel is there.
    pub read: bool,
    /// A listing may be readable later.
    pub late: bool,
    /// A late listing could tell which panel this is, and no uuid was compared yet.
    pub unknown: bool,
    /// A listing was refused.
    pub refused: bool,
}

/// Decides by what was read whether tasks may be planned: nothing else holds them back
/// from writing, so it has to show that the panel is there and that it is the one we
/// know. What was read without a known uuid in it shows only the first (a panel that
/// is empty, or no longer has what we know); it is enough where nothing that is still
/// to come could show the second.
pub fn next(looked: Looked) -> Next {
    match looked {
        Looked {
            late: true,
            unknown: true,
            ..
        }
        | Looked {
            late: true,
            read: false,
            ..
        } => Next::Wait,
        Looked {
            read: false,
            refused: true,
            ..
        } => Next::Fail,
        _ => Next::Plan,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_listing_that_tells_the_panel_is_enough_to_plan() {
        let read = Looked {
            read: true,
            late: true,
            unknown: false,
            refused: true,
        };
        assert_eq!(next(read), Next::Plan);
        // Which panel it is can still be told by what is late, and by nothing else.
        let unknown = Looked {
            unknown: true,
            ..read
        };
        assert_eq!(next(unknown), Next::Wait);
        let all = Looked {
            late: false,
            ..unknown
        };
        assert_eq!(next(all), Next::Plan);
        let nothing = Looked {
            read: false,
            ..read
        };
        assert_eq!(next(nothing), Next::Wait);
        let refused = Looked {
            late: false,
            ..nothing
        };
        assert_eq!(next(refused), Next::Fail);
        // The key may read nothing: each kind fails by the name of its permission.
        assert_eq!(next(Looked::default()), Next::Plan);
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
        let redirect = PanelError::Unauthorized {
            status: 302,
            why: "it sends us to another page",
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
            (redirect, Trouble::Refused),
        ] {
            assert_eq!(trouble(&error), expected, "{error}");
        }
    }
}
