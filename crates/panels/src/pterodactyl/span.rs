//! A page of a listing, in one answer or cut down until it can be had.
//!
//! A panel answers 500 to a page that is too large for its memory and to every
//! page that holds a row it cannot send. Both are met the same way: the page is
//! asked for in smaller ones that cover exactly the same rows, down to single
//! rows. A single row that still answers 500, twice, while the panel otherwise
//! works, is poison: reported with its position, and with its id where the ids
//! beside it leave a gap of the right width whose own addresses answer 500 too.

use common::types::panel::{BadRecord, Chunk, PageRequest};
use std::collections::BTreeMap;
use std::ops::Range;

use super::client::Client;
use super::decode::{self, Fault, Record, Row};
use super::question::Question;
use crate::error::PanelError;

/// Page sizes that a page is cut to.
const SIZES: [u32; 7] = [2_000, 500, 250, 125, 25, 5, 1];
/// Rows in a row that may fail before the panel has to prove that it works.
const TRUST: u32 = 5;
/// Rows of one page that may be poison. More are a panel in need of repair, and
/// two requests for each of them would be no help: the page is given up for good.
const MOST_POISON: usize = 100;
/// Ids that may be asked for to name the poison rows of one gap.
const MOST_CANDIDATES: i64 = 25;
/// A page that no listing has: it answers without touching a row.
const PAST_THE_END: PageRequest = PageRequest {
    number: 1_000_000_000,
    size: 1,
};

/// One listing of a panel and how its rows are read.
pub(super) struct Listing<'a, T> {
    pub(super) client: &'a Client,
    /// The listing without its page.
    pub(super) question: Question,
    /// Where one row can be asked for by its id, if anywhere.
    pub(super) own_address: Option<&'a (dyn Fn(i64) -> Question + Sync)>,
    pub(super) read: &'a (dyn Fn(&str) -> Result<T, Fault> + Sync),
}

/// One answer.
struct Answer<T> {
    records: Vec<Record<T>>,
    total: u64,
    /// The panel's own page size, where it did not take ours.
    capped_to: Option<u32>,
}

/// What has been gathered of the chunk.
struct Gathered<T> {
    rows: Vec<T>,
    bad: Vec<BadRecord>,
    poison: Vec<BadRecord>,
    /// Ids by position, of all rows that told theirs.
    ids: BTreeMap<u64, i64>,
    totals: Option<Range<u64>>,
    requests: u32,
    /// Rows that may still fail before the panel has to prove that it works.
    trust: u32,
}

impl<T: Row> Listing<'_, T> {
    /// All rows of `page`.
    pub(super) async fn chunk(&self, page: PageRequest) -> Result<Chunk<T>, PanelError> {
        if page.number == 0 || page.size == 0 {
            return Err(PanelError::InvalidRequest(
                "pages and their sizes begin at 1",
            ));
        }
        let mut gathered = Gathered::new();
        let mut open = vec![page];
        while let Some(page) = open.pop() {
            if gathered.knows_the_end_before(page) {
                continue;
            }
            match self.ask(page, &mut gathered.requests).await {
                Ok(Answer {
                    capped_to: Some(size),
                    ..
                }) => open.extend(cut(page, size).ok_or_else(|| {
                    PanelError::Malformed("a page of another size than asked for".into())
                })?),
                Ok(answer) => gathered.add(page, answer),
                Err(error) if may_be_too_large(&error) => match cut(page, page.size - 1) {
                    Some(smaller) => open.extend(smaller),
                    None => self.single(page, error, &mut gathered).await?,
                },
                Err(error) => return Err(error),
            }
        }
        self.name_poison(&mut gathered).await;
        Ok(gathered.into_chunk())
    }

    /// A single row that failed: poison, a passing trouble, or a broken panel.
    async fn single(
        &self,
        page: PageRequest,
        error: PanelError,
        gathered: &mut Gathered<T>,
    ) -> Result<(), PanelError> {
        if !matches!(error, PanelError::ServerError { .. }) {
            return Err(error);
        }
        if gathered.trust == 0 {
            let proof = self.ask(PAST_THE_END, &mut gathered.requests).await;
            match proof {
                Ok(answer) => gathered.add(PAST_THE_END, answer),
                Err(PanelError::ServerError { code }) => {
                    return Err(PanelError::offline(format!(
                        "it answers 500 ({code}) even to an empty page"
                    )));
                }
                Err(error) => return Err(error),
            }
            if gathered.knows_the_end_before(page) {
                return Ok(());
            }
        }
        match self.ask(page, &mut gathered.requests).await {
            Ok(answer) => gathered.add(page, answer),
            Err(PanelError::ServerError { .. }) if gathered.poison.len() >= MOST_POISON => {
                return Err(PanelError::TooMuchPoison { most: MOST_POISON });
            }
            Err(PanelError::ServerError { code }) => {
                gathered.trust = gathered.trust.saturating_sub(1);
                gathered.poison.push(BadRecord {
                    id: None,
                    position: page.offset(),
                    reason: format!("the panel answers 500 ({code}) to this row alone"),
                });
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn ask(&self, page: PageRequest, requests: &mut u32) -> Result<Answer<T>, PanelError> {
        let question = self.question.clone().page(page);
        self.client
            .fetch(&question, requests, |body| {
                let answer = decode::page(body)?;
                let rows = answer.len() as u64;
                let Some(pagination) = answer.pagination() else {
                    return Ok(Answer {
                        records: answer.read(self.read)?,
                        total: rows,
                        capped_to: None,
                    });
                };
                if pagination.per_page < page.size && pagination.per_page > 0 {
                    return Ok(Answer {
                        records: Vec::new(),
                        total: pagination.total,
                        capped_to: Some(pagination.per_page),
                    });
                }
                if pagination.per_page != page.size
                    || pagination.current_page != page.number
                    || rows > u64::from(page.size)
                {
                    return Err(PanelError::Malformed("not the page asked for".into()));
                }
                Ok(Answer {
                    records: answer.read(self.read)?,
                    total: pagination.total,
                    capped_to: None,
                })
            })
            .await
    }

    /// Finds the ids of poison rows. Only a help for whoever reads the report:
    /// what goes wrong here leaves them unnamed.
    async fn name_poison(&self, gathered: &mut Gathered<T>) {
        let Some(own_address) = self.own_address else {
            return;
        };
        let mut from = 0;
        while from < gathered.poison.len() {
            let first = gathered.poison[from].position;
            let run = gathered.poison[from..]
                .iter()
                .zip(first..)
                .take_while(|(record, position)| record.position == *position)
                .count();
            if let Some(ids) = self
                .ids_between(first, run as u64, own_address, gathered)
                .await
            {
                for (record, id) in gathered.poison[from..from + run].iter_mut().zip(ids) {
                    record.id = Some(id);
                }
            }
            from += run;
        }
    }

    /// The ids of `run` poison rows from position `first` on, if exactly as many
    /// ids between the rows beside them answer 500.
    async fn ids_between(
        &self,
        first: u64,
        run: u64,
        own_address: &(dyn Fn(i64) -> Question + Sync),
        gathered: &mut Gathered<T>,
    ) -> Option<Vec<i64>> {
        let width = i64::try_from(run).ok()?;
        let below = match first.checked_sub(1) {
            None => 0,
            Some(position) => self.id_at(position, gathered).await?,
        };
        let after_the_last = first + run >= gathered.total();
        let above = if after_the_last {
            below + width + 1
        } else {
            self.id_at(first + run, gathered).await?
        };
        let candidates = below.checked_add(1)?..above;
        if !(width..=MOST_CANDIDATES).contains(&(above.checked_sub(candidates.start)?)) {
            return None;
        }
        let mut found = Vec::new();
        for id in candidates {
            let answer = self
                .client
                .fetch(&own_address(id), &mut gathered.requests, |_body| Ok(()))
                .await;
            match answer {
                Err(PanelError::ServerError { .. }) => found.push(id),
                Ok(()) | Err(PanelError::NotFound) => {}
                Err(_) => return None,
            }
        }
        (found.len() as u64 == run).then_some(found)
    }

    async fn id_at(&self, position: u64, gathered: &mut Gathered<T>) -> Option<i64> {
        if let Some(id) = gathered.ids.get(&position) {
            return Some(*id);
        }
        let page = PageRequest {
            number: u32::try_from(position.checked_add(1)?).ok()?,
            size: 1,
        };
        let answer = self.ask(page, &mut gathered.requests).await.ok()?;
        match answer.records.first()? {
            Record::Read(row) => Some(row.id()),
            Record::Bad { id, .. } => *id,
        }
    }
}

impl<T: Row> Gathered<T> {
    fn new() -> Self {
        Self {
            rows: Vec::new(),
            bad: Vec::new(),
            poison: Vec::new(),
            ids: BTreeMap::new(),
            totals: None,
            requests: 0,
            trust: 0,
        }
    }

    fn add(&mut self, page: PageRequest, answer: Answer<T>) {
        self.trust = TRUST;
        let total = answer.total;
        self.totals = Some(match self.totals.take() {
            None => total..total,
            Some(seen) => seen.start.min(total)..seen.end.max(total),
        });
        for (position, record) in (page.offset()..).zip(answer.records) {
            match record {
                Record::Read(row) => {
                    self.ids.insert(position, row.id());
                    self.rows.push(row);
                }
                Record::Bad { id, reason } => {
                    self.ids.extend(id.map(|id| (position, id)));
                    self.bad.push(BadRecord {
                        id,
                        position,
                        reason,
                    });
                }
            }
        }
    }

    fn total(&self) -> u64 {
        self.totals.as_ref().map_or(0, |seen| seen.end)
    }

    fn knows_the_end_before(&self, page: PageRequest) -> bool {
        self.totals
            .as_ref()
            .is_some_and(|seen| page.offset() >= seen.end)
    }

    fn into_chunk(self) -> Chunk<T> {
        Chunk {
            total: self.total(),
            total_constant: self.totals.is_none_or(|seen| seen.start == seen.end),
            rows: self.rows,
            bad: self.bad,
            poison: self.poison,
            requests: self.requests,
        }
    }
}

fn may_be_too_large(error: &PanelError) -> bool {
    matches!(
        error,
        PanelError::ServerError { .. } | PanelError::Timeout { .. }
    )
}

/// `page` in smaller pages of at most `largest` rows that cover exactly the same
/// rows, last one first; `None` when it is a single row.
fn cut(page: PageRequest, largest: u32) -> Option<Vec<PageRequest>> {
    let size = SIZES
        .into_iter()
        .find(|size| *size <= largest && *size < page.size && page.size.is_multiple_of(*size))?;
    let pieces = page.size / size;
    let first = page.number.checked_mul(pieces)? - pieces;
    Some(
        (1..=pieces)
            .rev()
            .map(|piece| PageRequest {
                number: first + piece,
                size,
            })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rows(page: PageRequest) -> Range<u64> {
        page.offset()..page.offset() + u64::from(page.size)
    }

    proptest! {
        #[test]
        fn smaller_pages_cover_exactly_the_same_rows(
            number in 1u32..10_000,
            size in prop_oneof![Just(2_000u32), Just(500), Just(100), Just(50), 2u32..3_000],
        ) {
            let page = PageRequest { number, size };
            let mut position = rows(page).start;
            for piece in cut(page, size - 1).expect("more than one row").into_iter().rev() {
                prop_assert_eq!(rows(piece).start, position);
                prop_assert!(piece.size < size);
                position = rows(piece).end;
            }
            prop_assert_eq!(position, rows(page).end);
        }
    }

    #[test]
    fn a_single_row_is_not_cut() {
        assert!(cut(PageRequest { number: 7, size: 1 }, 0).is_none());
    }

    #[test]
    fn a_usual_page_is_cut_to_half_first() {
        let pieces = cut(
            PageRequest {
                number: 3,
                size: 500,
            },
            499,
        )
        .expect("pieces");
        assert_eq!(
            pieces[0],
            PageRequest {
                number: 6,
                size: 250
            }
        );
        assert_eq!(
            pieces[1],
            PageRequest {
                number: 5,
                size: 250
            }
        );
    }
}
