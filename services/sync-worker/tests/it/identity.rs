//! Another panel behind the same address.

use crate::stage::Stage;
use common::types::sync::{HoldRule, Kind, Target};
use simulators::panel::State;
use sync_worker::{Identity, Sample};
use uuid::Uuid;

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
        Target::One(Kind::Nodes),
        Target::One(Kind::Allocations),
        Target::One(Kind::Servers),
        Target::One(Kind::Users),
    ] {
        stage.panel.state(State::replace_all_uuids);
        let run = stage.ended(stage.trigger(target).await).await;
        assert_eq!(run.status, "FAILED", "{target:?}");
        assert!(run.error.unwrap().contains("another panel"));
        stage.panel.state(|state| *state = known.clone());
        stage.assert_mirrored().await;
    }
}

#[test]
fn more_than_the_holds_share_of_known_ids_makes_it_another_panel() {
    let known: Vec<(i64, Uuid)> = (1..=100).map(|id| (id, Uuid::from_u128(1))).collect();
    let verdict = |different: i64| {
        let mut sample = Sample::default();
        let shown = (1..=200).map(|id| (id, Uuid::from_u128(if id <= different { 2 } else { 1 })));
        sample.compare(&shown.collect::<Vec<_>>(), &known);
        sample.verdict(&HoldRule::default())
    };
    assert_eq!(verdict(20), Identity::Same);
    assert_eq!(
        verdict(21),
        Identity::Other {
            compared: 100,
            different: 21
        }
    );
    // Nothing is known yet, and nothing differs.
    assert_eq!(
        Sample::default().verdict(&HoldRule::default()),
        Identity::Same
    );
}
