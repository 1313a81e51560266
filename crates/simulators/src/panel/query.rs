//! What a query string asks for, understood with PHP's and Laravel's habits.

use std::collections::BTreeMap;

use actix_web::web;
use url::form_urlencoded;

/// The relations that an answer should hold, each with the relations inside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Includes(BTreeMap<String, Includes>);

/// Relations under a resource deeper than this are silently cut.
const INCLUDE_LEVELS: usize = 2;

impl Includes {
    fn add(&mut self, path: &str) {
        let mut level = self;
        for name in path.split('.').take(INCLUDE_LEVELS) {
            level = level.0.entry(name.to_owned()).or_default();
        }
    }

    /// The relations asked for inside `name`, or `None` where `name` itself is not asked for.
    pub fn get(&self, name: &str) -> Option<&Includes> {
        self.0.get(name)
    }

    /// Names of this level with what is asked for inside them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Includes)> {
        self.0.iter().map(|(name, inner)| (name.as_str(), inner))
    }
}

/// A query string.
#[derive(Clone, Debug, Default)]
pub struct Query {
    pairs: Vec<(String, String)>,
    /// Relations asked for, by `include=a,b.c` or `include[]=a&include[]=b`.
    pub includes: Includes,
}

/// Why `per_page` cannot be used; the panel answers either with a 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadPerPage {
    /// Not a number: PHP multiplies a word.
    NotANumber,
    /// Negative: the database refuses the offset.
    Negative,
}

const DEFAULT_PER_PAGE: usize = 50;
const PER_PAGE_FOR_ZERO: usize = 15;

impl Query {
    /// Reads a query string; what cannot be decoded counts as absent.
    pub fn parse(text: &str) -> Self {
        let pairs = web::Query::<Vec<(String, String)>>::from_query(text)
            .map(web::Query::into_inner)
            .unwrap_or_default();
        let mut includes = Includes::default();
        for (_, value) in pairs
            .iter()
            .filter(|(key, _)| key == "include" || key == "include[]")
        {
            for path in value.split(',').filter(|path| !path.is_empty()) {
                includes.add(path);
            }
        }
        Self { pairs, includes }
    }

    /// The last value of a key, as PHP keeps it.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs
            .iter()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    }

    /// Rows a page: 50 unless asked otherwise, 15 for zero, exponents allowed, no maximum.
    ///
    /// # Errors
    /// Words and negative numbers, on which the panel breaks.
    pub fn per_page(&self) -> Result<usize, BadPerPage> {
        let text = match self.get("per_page") {
            None | Some("") => return Ok(DEFAULT_PER_PAGE),
            Some(text) => text,
        };
        let Some(number) = text
            .trim()
            .parse::<f64>()
            .ok()
            .filter(|number| number.is_finite())
        else {
            return Err(BadPerPage::NotANumber);
        };
        if number < 0.0 {
            return Err(BadPerPage::Negative);
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "PHP's cast, of a finite positive number"
        )]
        let number = number as usize;
        Ok(if number == 0 {
            PER_PAGE_FOR_ZERO
        } else {
            number
        })
    }

    /// Page number; anything but a positive integer is page 1.
    pub fn page(&self) -> usize {
        self.get("page")
            .and_then(|text| text.parse().ok())
            .filter(|page| *page >= 1)
            .unwrap_or(1)
    }

    /// Columns to sort by; `true` is descending.
    pub fn sorts(&self) -> Vec<(&str, bool)> {
        let names = self
            .get("sort")
            .unwrap_or_default()
            .split(',')
            .filter(|name| !name.is_empty());
        names
            .map(|name| {
                name.strip_prefix('-')
                    .map_or((name, false), |column| (column, true))
            })
            .collect()
    }

    /// Filters by column, as `filter[column]=value` gives them; a comma separates alternatives, and a filter
    /// without a value is none.
    pub fn filters(&self) -> BTreeMap<&str, Vec<&str>> {
        self.pairs
            .iter()
            .filter_map(|(key, value)| {
                Some((key.strip_prefix("filter[")?.strip_suffix(']')?, value))
            })
            .map(|(column, value)| {
                (
                    column,
                    value.split(',').filter(|part| !part.is_empty()).collect(),
                )
            })
            .collect()
    }

    /// The query without `page`, encoded, as the Client API's links keep it.
    pub fn without_page(&self) -> String {
        let kept = self.pairs.iter().filter(|(key, _)| key != "page");
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(kept)
            .finish()
    }
}

/// The number that MySQL makes of a path segment: its leading digits, else 0, which no row has.
pub fn cast_id(segment: &str) -> u32 {
    let digits = segment
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(segment.len());
    segment[..digits].parse().unwrap_or(0)
}
