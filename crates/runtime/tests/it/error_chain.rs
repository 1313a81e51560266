use runtime::error_chain::ErrorChain;
use slog::info;

use crate::support::logged;

#[derive(Debug, thiserror::Error)]
#[error("cannot read the page")]
struct Outer(#[source] Inner);

#[derive(Debug, thiserror::Error)]
#[error("the connection was reset")]
struct Inner;

#[test]
fn a_line_holds_the_whole_chain() {
    let (log, lines) = logged();
    info!(log, "failed"; "error" => ErrorChain(&Outer(Inner)));
    assert_eq!(
        lines.all()[0]["error"],
        "cannot read the page: the connection was reset"
    );
}
