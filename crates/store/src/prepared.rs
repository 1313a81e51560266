//! Statements that every page sends: parsed once a connection, not each time.

use diesel::QueryResult;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::sql_types::Untyped;

/// A statement whose text depends on nothing but the tables, so that it is worth
/// keeping prepared. diesel takes every `sql_query` for one of unboundedly many and
/// prepares it anew each time, which costs a round trip and, for a merge of thirty
/// columns, more parsing than a small page is worth.
///
/// What is kept is the parsed statement: connections plan it for the values of each
/// call (`plan_cache_mode`, see `pool`), since a plan for arrays of any length would be
/// one for ten rows.
pub(crate) struct Prepared<Q>(pub(crate) Q);

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Prepared<Q> {
    fn walk_ast<'b>(&'b self, pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.0.walk_ast(pass)
    }

    fn is_safe_to_cache_prepared(&self, _backend: &Pg) -> QueryResult<bool> {
        Ok(true)
    }
}

impl<Q> QueryId for Prepared<Q> {
    type QueryId = ();
    // The cache goes by the text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q> Query for Prepared<Q> {
    type SqlType = Untyped;
}
