//! Another panel behind the same address.

use crate::stage::{PATIENCE, Stage};
use common::types::sync::{HoldRule, Kind, Target};
use simulators::panel::{Effect, Fault, Resource, State};
use sync_worker::{Identity, Sample};
use testkit::wait_for;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_panel_that_shows_no_known_id_is_not_mirrored_before_a_late_listing_tells_which_it_is() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    let known = stage.panel.state(|state| state.clone());
    stage.panel.state(|state| {
        state.replace_all_uuids();
        state.locations.get_mut(&1).unwrap().short = "another".to_owned();
    });
    // A listing that is empty, and one that shows no row of those it says it has.
    for total in [0, 60] {
        stage.panel.faults(|faults| {
            faults.empty.insert(Resource::Nests);
            faults.totals.insert(Resource::Nests, total);
            for late in ["nodes", "servers", "users"] {
                let path = format!("/api/application/{late}");
                faults.add(Fault::new(Effect::Truncated).on_exactly(&path));
            }
        });
        stage.panel.clear_requests();
        let id = stage.trigger(Target::Full).await;
        // The client asks three times; the fourth is a look at what was late.
        wait_for("another look", PATIENCE, async || {
            let requests = stage.panel.requests();
            let asked = requests.iter().filter(|request| {
                request
                    .path_and_query
                    .starts_with("/api/application/servers?")
            });
            (asked.count() > 3).then_some(())
        })
        .await;
        stage.panel.faults(simulators::panel::Faults::clear);
        let run = stage.ended(id).await;
        assert_eq!(run.status, "FAILED");
        assert!(run.error.unwrap().contains("another panel"));
        let here = stage
            .panel
            .state(|state| std::mem::replace(state, known.clone()));
        stage.assert_mirrored().await;
        stage.panel.state(|state| *state = here);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_that_shows_no_row_of_those_it_says_it_has_is_looked_at_again() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    let known = stage.panel.state(|state| state.clone());
    stage.panel.state(State::replace_all_uuids);
    stage.panel.faults(|faults| {
        faults.empty.insert(Resource::Servers);
        faults.totals.insert(Resource::Servers, 60);
    });
    stage.panel.clear_requests();
    let id = stage.trigger(Target::One(Kind::Servers)).await;
    wait_for("another look", PATIENCE, async || {
        (stage.panel.requests().len() > 1).then_some(())
    })
    .await;
    stage.panel.faults(simulators::panel::Faults::clear);
    let run = stage.ended(id).await;
    assert_eq!(run.status, "FAILED");
    assert!(run.error.unwrap().contains("another panel"));
    stage.panel.state(|state| *state = known);
    stage.assert_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panel_that_has_nothing_left_to_know_it_by_is_mirrored_at_once() {
    let stage = Stage::new(State::small()).await;
    stage.full().await;
    stage.panel.state(|state| {
        state.locations.get_mut(&1).unwrap().short = "renamed".to_owned();
    });
    stage.panel.faults(|faults| {
        faults.empty.extend([
            Resource::Nodes,
            Resource::Nests,
            Resource::Servers,
            Resource::Users,
        ]);
    });
    let run = stage.full().await;
    assert!(run.held.is_some());
    let renamed = "SELECT count(*) FROM locations WHERE short = 'renamed'";
    assert_eq!(stage.number(renamed).await, 1);
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
