//! Statements that a connection prepares once.
//!
//! What `diesel::sql_query` says is parsed and planned anew each time, and asked in two round
//! trips; that takes longer than a small statement itself. This is for those that are asked
//! hundreds of times a second; see the pool's connection that plans once, too.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Untyped};
use std::marker::PhantomData;

/// A statement of PostgreSQL with its values, used as `diesel::sql_query` is.
pub(crate) struct Prepared<'a> {
    text: &'static str,
    values: Vec<Box<dyn Value + 'a>>,
}

/// Makes a statement; `$1` in it is the first value that is bound. A value that stands in
/// several places is sent for each.
pub(crate) fn prepared<'a>(text: &'static str) -> Prepared<'a> {
    Prepared {
        text,
        values: Vec::new(),
    }
}

impl<'a> Prepared<'a> {
    /// Binds the next value.
    pub(crate) fn bind<ST, T>(mut self, value: T) -> Self
    where
        ST: 'a,
        T: ToSql<ST, Pg> + Send + Sync + 'a,
        Pg: HasSqlType<ST>,
    {
        self.values.push(Box::new(Typed::<ST, T> {
            value,
            as_type: PhantomData,
        }));
        self
    }
}

trait Value: Send + Sync {
    fn push<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()>;
}

struct Typed<ST, T> {
    value: T,
    as_type: PhantomData<fn() -> ST>,
}

impl<ST, T> Value for Typed<ST, T>
where
    T: ToSql<ST, Pg> + Send + Sync,
    Pg: HasSqlType<ST>,
{
    fn push<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_bind_param::<ST, T>(&self.value)
    }
}

impl QueryFragment<Pg> for Prepared<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut pieces = self.text.split('$');
        out.push_sql(pieces.next().unwrap_or_default());
        for piece in pieces {
            let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
            let (number, rest) = piece.split_at(digits);
            let value = number
                .parse::<usize>()
                .ok()
                .and_then(|number| self.values.get(number.checked_sub(1)?));
            // PostgreSQL says which parameter it misses.
            match value {
                Some(value) => value.push(out.reborrow())?,
                None => out.push_sql("$0"),
            }
            out.push_sql(rest);
        }
        Ok(())
    }
}

impl QueryId for Prepared<'_> {
    type QueryId = ();
    // Prepared statements are told apart by their text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for Prepared<'_> {
    type SqlType = Untyped;
}
