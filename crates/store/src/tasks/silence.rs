//! When tasks are given up because others of their kind got no answer.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use uuid::Uuid;

/// Tasks of a kind that stay without an answer, until the others are not waited for.
const MOST_SILENT: usize = 3;

/// A task of the run's stage and of the kind in question.
#[derive(Debug, Clone, QueryableByName)]
pub(super) struct Kin {
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    #[diesel(sql_type = Text)]
    pub state: String,
    /// Whether it reads a part of a listing.
    #[diesel(sql_type = Bool)]
    pub lists: bool,
    /// Whether it let others go first.
    #[diesel(sql_type = Bool)]
    pub stepped_back: bool,
    /// Whether it told what it waited for, which those that the panel refused do not.
    #[diesel(sql_type = Bool)]
    pub waited: bool,
    #[diesel(sql_type = BigInt)]
    pub items_synced: i64,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub started_at: Option<DateTime<Utc>>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    pub finished_at: Option<DateTime<Utc>>,
}

impl Kin {
    /// When it ended without an answer.
    fn silent_since(&self) -> Option<DateTime<Utc>> {
        self.finished_at
            .filter(|_| self.state == "failed" && self.waited)
    }

    /// Whether the panel answers for this kind, or may yet: one is being read or was begun
    /// since the `first` silent one ended, or was read within `silence` before that.
    fn gives_hope(&self, first: DateTime<Utc>, silence: TimeDelta) -> bool {
        match self.state.as_str() {
            "leased" => self.items_synced > 0 || self.started_at.is_some_and(|at| at > first),
            "done" => self.finished_at.is_some_and(|at| first - at < silence),
            _ => false,
        }
    }

    /// Whether it waits to be begun, or stepped back.
    fn waits(&self) -> bool {
        self.state == "open" && self.lists && (self.started_at.is_none() || self.stepped_back)
    }
}

/// Those of a kind that are not waited for, each of which would cost `silence` as well.
pub(super) fn given_up(kin: &[Kin], silence: TimeDelta) -> Vec<Uuid> {
    let silent: Vec<_> = kin.iter().filter_map(Kin::silent_since).collect();
    let Some(first) = silent.iter().min().filter(|_| silent.len() >= MOST_SILENT) else {
        return Vec::new();
    };
    if kin.iter().any(|task| task.gives_hope(*first, silence)) {
        return Vec::new();
    }
    let waiting = kin.iter().filter(|task| task.waits());
    waiting.map(|task| task.id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SILENCE: TimeDelta = TimeDelta::seconds(10);

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn open() -> Kin {
        Kin {
            id: Uuid::now_v7(),
            state: "open".to_owned(),
            lists: true,
            stepped_back: false,
            waited: false,
            items_synced: 0,
            started_at: None,
            finished_at: None,
        }
    }

    fn ended(state: &str, seconds: i64) -> Kin {
        Kin {
            state: state.to_owned(),
            waited: state == "failed",
            started_at: Some(at(0)),
            finished_at: Some(at(seconds)),
            ..open()
        }
    }

    fn leased(seconds: i64, items_synced: i64) -> Kin {
        Kin {
            state: "leased".to_owned(),
            started_at: Some(at(seconds)),
            items_synced,
            ..open()
        }
    }

    /// How many are given up of one that waits, beside three silent ones and `other`.
    fn beside(other: Kin) -> usize {
        let silent = [20, 21, 22].map(|seconds| ended("failed", seconds));
        let kin = [silent.as_slice(), &[open(), other]].concat();
        given_up(&kin, SILENCE).len()
    }

    #[test]
    fn the_third_silent_one_ends_those_that_wait() {
        let waits = open();
        let silent = [20, 21, 22].map(|seconds| ended("failed", seconds));
        for (many, expected) in [(2, vec![]), (3, vec![waits.id])] {
            let kin = [&silent[..many], std::slice::from_ref(&waits)].concat();
            assert_eq!(given_up(&kin, SILENCE), expected, "{many} silent");
        }
    }

    #[test]
    fn one_that_is_read_or_was_begun_since_the_first_gives_hope() {
        assert_eq!(beside(leased(19, 0)), 1, "was begun before");
        assert_eq!(beside(leased(19, 1)), 0, "is being read");
        assert_eq!(beside(leased(21, 0)), 0, "was begun since");
        assert_eq!(beside(ended("done", 10)), 1, "was read long before");
        assert_eq!(beside(ended("done", 11)), 0, "was read just before");
    }

    #[test]
    fn the_panels_refusals_are_no_silence() {
        let refused = Kin {
            waited: false,
            ..ended("failed", 21)
        };
        let kin = [ended("failed", 20), refused, ended("failed", 22), open()];
        assert!(given_up(&kin, SILENCE).is_empty());
    }

    #[test]
    fn one_that_was_given_back_goes_on_and_one_that_stepped_back_ends() {
        let given_back = Kin {
            started_at: Some(at(5)),
            ..open()
        };
        let stepped_back = Kin {
            stepped_back: true,
            ..given_back.clone()
        };
        let looks_again = Kin {
            lists: false,
            ..open()
        };
        assert_eq!(beside(given_back), 1);
        assert_eq!(beside(stepped_back), 2);
        assert_eq!(beside(looks_again), 1);
    }
}
