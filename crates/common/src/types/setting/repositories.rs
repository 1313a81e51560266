//! The list of repositories, and how it is changed.

use super::value::{Invalid, LONGEST};

/// Key of the setting that holds the list.
pub const SETTING: &str = "github_repositories";

/// Repositories that the list may hold.
const MOST: usize = 500;

/// A change of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepositoryChange {
    /// These and no others.
    Replace(Vec<String>),
    /// These beside those that are there.
    Merge(Vec<String>),
    /// The second in place of the first; where the first is not there, the second is added.
    Rename(String, String),
    /// Without this one.
    Remove(String),
    /// Without the one at this place, counted from 0.
    RemoveAt(u32),
}

/// A repository's name, without what surrounds it.
///
/// # Errors
/// It is not like `owner/repo`.
pub fn name(text: &str) -> Result<String, Invalid> {
    let text = text.trim();
    let is_part = |part: &str| {
        !part.is_empty() && !part.contains('/') && !part.chars().any(is_no_part_of_a_name)
    };
    let has_form = text
        .split_once('/')
        .is_some_and(|(owner, repo)| is_part(owner) && is_part(repo));
    if has_form && text.chars().count() <= LONGEST {
        return Ok(text.to_owned());
    }
    Err(Invalid::new("must be like owner/repo"))
}

fn is_no_part_of_a_name(c: char) -> bool {
    c.is_whitespace() || c.is_control()
}

/// The stored list; what is no list is empty.
#[must_use]
pub fn read(stored: &str) -> Vec<String> {
    serde_json::from_str(stored).unwrap_or_default()
}

/// The list as it is stored.
#[must_use]
pub fn write(list: &[String]) -> String {
    serde_json::Value::from(list).to_string()
}

/// Names in their order, each once.
///
/// # Errors
/// One is no name, or there are too many.
pub fn checked(names: impl IntoIterator<Item = String>) -> Result<Vec<String>, Invalid> {
    let mut list = Vec::new();
    for text in names {
        add(&mut list, name(&text)?);
    }
    if list.len() > MOST {
        return Err(Invalid::new("holds at most 500 repositories"));
    }
    Ok(list)
}

impl RepositoryChange {
    /// The list after the change.
    ///
    /// # Errors
    /// It would be too long, or there is nothing at the place that is named.
    pub fn applied(&self, mut list: Vec<String>) -> Result<Vec<String>, Invalid> {
        match self {
            Self::Replace(names) => list.clone_from(names),
            Self::Merge(names) => names.iter().for_each(|name| add(&mut list, name.clone())),
            Self::Rename(old, new) => match position(&list, old) {
                Some(at) => {
                    list.remove(at);
                    if position(&list, new).is_none() {
                        list.insert(at, new.clone());
                    }
                }
                None => add(&mut list, new.clone()),
            },
            Self::Remove(name) => list.retain(|it| !is_same(it, name)),
            Self::RemoveAt(at) => match usize::try_from(*at) {
                Ok(at) if at < list.len() => drop(list.remove(at)),
                _ => return Err(Invalid::new("has no repository at this place")),
            },
        }
        checked(list)
    }
}

fn add(list: &mut Vec<String>, name: String) {
    if position(list, &name).is_none() {
        list.push(name);
    }
}

fn position(list: &[String], name: &str) -> Option<usize> {
    list.iter().position(|it| is_same(it, name))
}

/// GitHub's names know no case.
fn is_same(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn each_change_does_what_it_says_and_names_no_repository_twice() {
        let before = list(&["a/a", "b/b"]);
        let after = |change: RepositoryChange| change.applied(before.clone()).unwrap();
        use RepositoryChange::{Merge, Remove, RemoveAt, Rename, Replace};
        assert_eq!(after(Replace(list(&["c/c", "C/c"]))), ["c/c"]);
        assert_eq!(after(Merge(list(&["c/c", "a/A"]))), ["a/a", "b/b", "c/c"]);
        assert_eq!(after(Rename("a/a".into(), "c/c".into())), ["c/c", "b/b"]);
        assert_eq!(after(Rename("a/a".into(), "b/b".into())), ["b/b"]);
        assert_eq!(
            after(Rename("x/x".into(), "c/c".into())),
            ["a/a", "b/b", "c/c"]
        );
        assert_eq!(after(Remove("b/b".into())), ["a/a"]);
        assert_eq!(after(Remove("x/x".into())), ["a/a", "b/b"]);
        assert_eq!(after(RemoveAt(0)), ["b/b"]);
        assert!(RemoveAt(2).applied(before.clone()).is_err());
    }

    #[test]
    fn a_name_has_an_owner_and_a_repository_and_nothing_else() {
        assert_eq!(name(" a/b.c ").unwrap(), "a/b.c");
        // Of a list one name of which is none any more nothing counts: what was taken stays so.
        for taken in ["@org/repo", "owner/repo@v1"] {
            assert_eq!(name(taken).unwrap(), taken);
        }
        for wrong in ["", "a", "/", "a/", "/b", "a/b/c", "a b/c", "a/b\0"] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }
}
