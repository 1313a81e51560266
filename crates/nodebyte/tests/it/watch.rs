use crate::cli::{Answer, Installation, PATIENCE, ended};
use testkit::wait_for;
use tokio::io::{AsyncBufReadExt, BufReader};

/// Watches a run that ends with `status` once the watcher has seen it.
async fn watched(installation: &Installation, status: &str) -> Answer {
    let mut child = installation
        .cli
        .start(&["sync", "run", "--watch", "--json"]);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = tokio::time::timeout(PATIENCE, lines.next_line());
    let first = first.await.unwrap().unwrap().unwrap();
    assert!(first.contains("PENDING"), "{first}");

    let changed = "UPDATE sync_runs SET status = 'RUNNING', step = 'servers', percentage = 40, \
                     items_total = 10, items_synced = 4, revision = revision + 1";
    installation.sql.execute(changed, &[]).await.unwrap();
    wait_for("a line of progress", PATIENCE, async || {
        let line = lines.next_line().await.unwrap().unwrap();
        (line == " 40% RUNNING servers 4/10")
            .then_some(())
            .ok_or(line)
    })
    .await;
    installation
        .sql
        .execute(
            "UPDATE sync_runs SET status = $1, completed_at = now(), revision = revision + 1, \
               failed_step = 'servers', error = 'the panel is away'",
            &[&status],
        )
        .await
        .unwrap();
    ended(child).await
}

#[tokio::test]
async fn a_watched_run_ends_the_process_with_its_own_code() {
    for (status, code) in [("COMPLETED", 0), ("FAILED", 1), ("CANCELLED", 2)] {
        let installation = Installation::new().await;
        let answer = watched(&installation, status).await;
        assert_eq!(answer.code, code, "{status}");
        let run: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
        assert_eq!(run["status"], status);
    }
}
