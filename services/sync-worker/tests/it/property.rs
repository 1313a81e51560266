//! Any sequence of panel states and interruptions ends equal to the last panel
//! state, once what was held is confirmed.

use crate::mutation::Mutation;
use crate::stage::{PATIENCE, Stage};
use common::types::id::RunId;
use common::types::sync::{Kind, Target};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use simulators::panel::{Effect, Fault, Faults, State};
use store::RunRow;
use testkit::wait_for;

/// What the panel goes through between two looks at it.
#[derive(Debug, Clone)]
struct Step {
    /// The panel is restored from the backup of an earlier step first.
    restore: Option<usize>,
    mutations: Vec<Mutation>,
    run: Run,
}

/// How the run goes.
#[derive(Debug, Clone)]
enum Run {
    Undisturbed,
    /// Only one kind.
    Partial(Kind),
    /// Cancelled as soon as rows have arrived.
    Cancelled,
    /// The worker is stopped and another one goes on.
    TwoWorkers,
    /// One request of the run, counted from 0, goes wrong.
    Fault(Effect, usize),
    /// The panel changes while it is read.
    Moving(Mutation, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let effects = prop_oneof![
        Just(Effect::Reset),
        Just(Effect::Truncated),
        Just(Effect::ServerError),
        Just(Effect::Html { status: 502 }),
    ];
    let run = prop_oneof![
        2 => Just(Run::Undisturbed),
        2 => proptest::sample::select(&Kind::ALL[..]).prop_map(Run::Partial),
        1 => Just(Run::Cancelled),
        1 => Just(Run::TwoWorkers),
        2 => (effects, 0..12_usize).prop_map(|(effect, after)| Run::Fault(effect, after)),
        3 => (Mutation::any(), 0..12_usize).prop_map(|(what, after)| Run::Moving(what, after)),
    ];
    let step = (
        proptest::option::weighted(0.25, 0..4_usize),
        proptest::collection::vec(Mutation::any(), 1..6),
        run,
    )
        .prop_map(|(restore, mutations, run)| Step {
            restore,
            mutations,
            run,
        });
    proptest::collection::vec(step, 1..=4)
}

#[test]
fn any_sequence_of_panel_states_and_interruptions_ends_equal_to_the_last_state() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 8,
        max_shrink_iters: 20,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&steps(), |steps| runtime.block_on(play(steps)));
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

async fn play(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let mut stage = Stage::new(State::small()).await;
    stage.full().await;
    let mut backups = vec![stage.panel.state(|state| state.clone())];
    for step in steps {
        stage.panel.state(|state| {
            if let Some(backup) = step.restore.and_then(|number| backups.get(number)) {
                *state = backup.clone();
            }
            step.mutations.iter().for_each(|what| what.apply(state));
        });
        let ended = run(&mut stage, step.run).await;
        stage.panel.faults(Faults::clear);
        prop_assert!(ended.run_status().unwrap().is_final());
        backups.push(stage.panel.state(|state| state.clone()));
    }
    settle(&stage).await;
    let differences = stage.differences().await;
    prop_assert!(differences.is_empty(), "{differences:#?}");
    // What has arrived is not told again.
    let told = stage.events().await;
    let again = stage.full().await;
    let changes = |events: std::collections::BTreeMap<String, i64>| -> Vec<(String, i64)> {
        let panel = |(key, _): &(String, i64)| key.starts_with("panel.");
        events.into_iter().filter(panel).collect()
    };
    prop_assert_eq!(again.held, None);
    prop_assert_eq!(changes(told), changes(stage.events().await));
    stage.stop_workers().await;
    Ok(())
}

async fn run(stage: &mut Stage, how: Run) -> RunRow {
    match how {
        Run::Undisturbed => stage.ended(stage.trigger(Target::Full).await).await,
        Run::Partial(kind) => stage.ended(stage.trigger(Target::One(kind)).await).await,
        Run::Cancelled => {
            let id = stage.trigger(Target::Full).await;
            rows_arrive(stage, id).await;
            stage.store.run_cancel(id).await.unwrap();
            stage.ended(id).await
        }
        Run::TwoWorkers => {
            let id = stage.trigger(Target::Full).await;
            rows_arrive(stage, id).await;
            stage.stop_workers().await;
            stage.start_worker();
            stage.ended(id).await
        }
        Run::Fault(effect, after) => {
            let fault = Fault::new(effect).after(after).times(1);
            stage.panel.faults(|faults| faults.add(fault));
            stage.ended(stage.trigger(Target::Full).await).await
        }
        Run::Moving(mutation, after) => {
            let hook = Fault::hook(move |state, _| mutation.apply(state));
            let fault = hook.after(after).times(1);
            stage.panel.faults(|faults| faults.add(fault));
            stage.ended(stage.trigger(Target::Full).await).await
        }
    }
}

async fn rows_arrive(stage: &Stage, id: RunId) {
    wait_for("rows", PATIENCE, async || {
        let run = stage.store.run(id).await.unwrap().unwrap();
        (run.items_synced > 0 || run.run_status().unwrap().is_final()).then_some(())
    })
    .await;
}

/// Full runs, with what they hold confirmed, until nothing is held.
async fn settle(stage: &Stage) {
    for _ in 0..5 {
        let run = stage.full().await;
        if run.held.is_none() {
            return;
        }
        stage.confirm(run.run_id()).await;
    }
    panic!("something is held again and again");
}
