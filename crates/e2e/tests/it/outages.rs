//! Servers that die or restart in the middle of a run.

use crate::world::World;
use devstack::{Durability, Options, Stack};
use simulators::panel::State;

#[tokio::test(flavor = "multi_thread")]
async fn a_run_completes_after_postgresql_was_killed_in_mid_run() {
    let stack = Stack::start(&Options {
        durability: Durability::Default,
        ..Options::private()
    })
    .unwrap();
    let world = World::on(&stack, State::small()).await;
    world.slow_down(0.2);
    let run = world.trigger().await;
    let _worker = world.worker().await;
    world.asked(run, 15).await;
    stack.postgres().kill_9().unwrap();
    stack.postgres().start().unwrap();
    world.completed(run).await;
    world.assert_mirrored().await;
    world.published().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_completes_and_its_events_are_published_though_redis_and_rabbitmq_restart() {
    let stack = Stack::start(&Options::private()).unwrap();
    let world = World::on(&stack, State::small()).await;
    world.slow_down(0.2);
    let run = world.trigger().await;
    let _worker = world.worker().await;
    world.asked(run, 10).await;
    stack.redis().kill_9().unwrap();
    stack.rabbitmq().kill_9().unwrap();
    let asked_before = world.panel.requests().len();
    world.asked(run, asked_before + 5).await;
    stack.redis().start().unwrap();
    stack.rabbitmq().start().unwrap();
    world.completed(run).await;
    world.assert_mirrored().await;
    world.published().await;
}

/// Ends the worker's connection in the middle of its next statement on this table.
async fn end_a_connection_over(world: &World, table: &str) {
    let (lock, backend) = world.stop_a_statement_on(table).await;
    lock.execute("SELECT pg_terminate_backend($1)", &[&backend])
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_completes_though_its_connections_are_ended_in_mid_statement() {
    let world = World::new(State::small()).await;
    world.slow_down(0.1);
    let run = world.trigger().await;
    let _worker = world.worker().await;
    for table in ["config", "panel_users", "user_links"] {
        end_a_connection_over(&world, table).await;
    }
    world.completed(run).await;
    world.assert_mirrored().await;
    assert_eq!(world.number("SELECT count(*) FROM sync_errors").await, 0);
}
