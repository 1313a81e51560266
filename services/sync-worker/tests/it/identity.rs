//! Another panel behind the same address.

use crate::stage::Stage;
use common::types::sync::{Kind, Target};
use simulators::panel::State;

#[tokio::test(flavor = "multi_thread")]
async fn another_panel_at_the_same_address_ends_the_run_before_its_first_write() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    let known = stage.panel.state(|state| state.clone());
    for target in [
        Target::Full,
        Target::One(Kind::Locations),
        Target::One(Kind::Databases),
        Target::One(Kind::Nests),
    ] {
        stage.panel.state(State::replace_all_uuids);
        let run = stage.ended(stage.trigger(target).await).await;
        assert_eq!(run.status, "FAILED", "{target:?}");
        assert!(run.error.unwrap().contains("another panel"));
        stage.panel.state(|state| *state = known.clone());
        stage.assert_mirrored().await;
    }
}
