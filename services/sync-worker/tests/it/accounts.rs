//! A sync links accounts to panel users, and neither makes nor changes one.

use crate::stage::Stage;
use common::types::sync::{Kind, Target};
use simulators::panel::State;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_links_who_is_certain_and_leaves_every_account_as_it_was() {
    let stage = Stage::new(State::small()).await;
    let (first, second) = stage
        .panel
        .state(|state| (state.users[&1].email.clone(), state.users[&2].email.clone()));
    let db = stage.database.connect().await;
    db.execute(
        "INSERT INTO users (id, email, email_verified_at) VALUES ('anna', upper($1), now()), ('ben', $2, NULL)",
        &[&first, &second],
    )
    .await
    .unwrap();
    let accounts = async || -> String {
        let rows = "SELECT string_agg(u::text || xmin || ctid, ',' ORDER BY id) FROM users u";
        db.query_one(rows, &[]).await.unwrap().get(0)
    };
    let before = accounts().await;
    let anna = "SELECT count(*) FROM user_links l JOIN panel_users p ON p.id = l.panel_user_id \
        WHERE l.user_id = 'anna' AND p.remote_id = 1";
    for target in [Target::Full, Target::One(Kind::Users)] {
        stage.sync(target).await;
        assert_eq!(stage.number(anna).await, 1);
        assert_eq!(
            stage.number("SELECT count(*) FROM user_links").await,
            1,
            "ben's address is not verified"
        );
        let conflicts = stage.store.link_conflicts().await.unwrap();
        assert_eq!(conflicts[0].user_ids, ["ben"]);
        assert_eq!(accounts().await, before);
        // The link follows the panel user, not the address.
        stage.panel.state(|state| {
            state.users.get_mut(&1).unwrap().email = "elsewhere@example.test".to_owned();
        });
    }
}
