//! The tables, as the migrations make them. `cargo xtask check` compares this
//! file with a freshly migrated database.
#![allow(missing_docs, reason = "the migrations document the tables")]

diesel::table! {
    access_tokens (id) {
        id -> Uuid,
        user_id -> Text,
        issued_at -> Timestamptz,
        expires_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    admin_audit (created_at, id) {
        id -> Uuid,
        created_at -> Timestamptz,
        event_type -> Text,
        actor -> Text,
        subject -> Nullable<Text>,
        ip -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        request_id -> Nullable<Text>,
        details -> Jsonb,
    }
}

diesel::table! {
    allocations (id) {
        id -> Uuid,
        panel_id -> Uuid,
        remote_id -> Nullable<Int8>,
        node_remote_id -> Int8,
        node_id -> Nullable<Uuid>,
        ip -> Text,
        port -> Int4,
        alias -> Nullable<Text>,
        notes -> Nullable<Text>,
        assigned -> Bool,
        server_remote_id -> Nullable<Int8>,
        server_id -> Nullable<Uuid>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        removed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    api_clients (id) {
        id -> Uuid,
        name -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Uuid,
        client_id -> Uuid,
        prefix -> Text,
        hash -> Bytea,
        scopes -> Array<Text>,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        last_used_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
        all_servers -> Bool,
        server_ids -> Array<Uuid>,
        node_ids -> Array<Uuid>,
    }
}

diesel::table! {
    config (key) {
        key -> Text,
        value -> Text,
        format -> Text,
        updated_by -> Text,
        updated_at -> Timestamptz,
        origin -> Nullable<Text>,
    }
}

diesel::table! {
    credential_epoch (one) {
        one -> Bool,
        epoch -> Int8,
    }
}

diesel::table! {
    data_keys (kid) {
        kid -> Text,
        wrapped -> Text,
        active -> Bool,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    database_hosts (id) {
        id -> Uuid,
        panel_id -> Uuid,
        remote_id -> Nullable<Int8>,
        name -> Text,
        host -> Text,
        port -> Int4,
        username -> Text,
        node_remote_id -> Nullable<Int8>,
        node_id -> Nullable<Uuid>,
        remote_created_at -> Nullable<Timestamptz>,
        remote_updated_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        removed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    deliveries (id) {
        id -> Uuid,
        seq -> Int8,
        webhook_id -> Uuid,
        event_id -> Uuid,
        lane -> Text,
        state -> Text,
        attempts -> Int4,
        failures -> Int4,
        last_attempt_at -> Nullable<Timestamptz>,
        due_at -> Timestamptz,
        parked_at -> Nullable<Timestamptz>,
        reason -> Nullable<Text>,
        message_id -> Nullable<Text>,
        created_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    delivery_attempts (delivery_id, number) {
        delivery_id -> Uuid,
        number -> Int4,
        outcome -> Text,
        counted -> Bool,
        status -> Nullable<Int4>,
        answer -> Nullable<Text>,
        started_at -> Timestamptz,
        milliseconds -> Nullable<Int4>,
    }
}

diesel::table! {
    delivery_events (id) {
        id -> Uuid,
        event_type -> Text,
        subject -> Text,
        body -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    delivery_lanes (webhook_id, lane) {
        webhook_id -> Uuid,
        lane -> Text,
        due_at -> Timestamptz,
        holder -> Nullable<Uuid>,
        held_until -> Nullable<Timestamptz>,
        fence -> Int8,
    }
}

diesel::table! {
    dispatches (principal, idempotency_key) {
        principal -> Text,
        idempotency_key -> Text,
        event_id -> Uuid,
        digest -> Bytea,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    egg_variables (id) {
        id -> Uuid,
        panel_id -> Uuid,
        remote_id -> Nullable<Int8>,
        egg_remote_id -> Int8,
        egg_id -> Nullable<Uuid>,
        name -> Text,
        description -> Text,
        env_variable -> Text,
        default_value -> Text,
        user_viewable -> Bool,
        user_editable -> Bool,
        rules -> Text,
        remote_created_at -> Nullable<Timestamptz>,
        remote_updated_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        removed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    eggs (id) {
        id -> Uuid,
        panel_id -> Uuid,
        remote_id -> Nullable<Int8>,
        uuid -> Uuid,
        nest_remote_id -> Int8,
        nest_id -> Nullable<Uuid>,
        author -> Text,
        name -> Text,
        description -> Nullable<Text>,
        docker_image -> Text,
        docker_images -> Jsonb,
        startup -> Nullable<Text>,
        remote_created_at -> Nullable<Timestamptz>,
        remote_updated_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        removed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    hytale_account_names (environment, principal, name) {
        environment -> Text,
        principal -> Text,
        name -> Text,
        account_id -> Uuid,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    hytale_account_owners (environment, account_id, principal) {
        environment -> Text,
        account_id -> Uuid,
        principal -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    hytale_accounts (environment, account_id) {
        environment -> Text,
        account_id -> Uuid,
        state -> Text,
        profiles -> Jsonb,
        selected_profile -> Nullable<Uuid>,
        generation -> Int8,
        refresh_token -> Nullable<Text>,
        refresh_expires_at -> Nullable<Timestamptz>,
        access_token -> Nullable<Text>,
        access_expires_at -> Nullable<Timestamptz>,
        scope -> Text,
        spend -> Text,
        spend_fence -> Int8,
        spend_holder -> Nullable<Uuid>,
        spend_until -> Nullable<Timestamptz>,
        losses -> Int4,
        retry_at -> Nullable<Timestamptz>,
        failure -> Nullable<Text>,
        created_at -> Timestamptz,
        refreshed_at -> Timestamptz,
        updated_at -> Timestamptz,
        near_session_limit -> Bool,
        family -> Uuid,
    }
}

diesel::table! {
    hytale_audit (created_at, id) {
        id -> Uuid,
        created_at -> Timestamptz,
        environment -> Text,
        event_type -> Text,
        account_id -> Nullable<Uuid>,
        profile_id -> Nullable<Uuid>,
        session_id -> Nullable<Uuid>,
        principal -> Nullable<Text>,
        ip -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        request_id -> Nullable<Text>,
        details -> Jsonb,
    }
}

diesel::table! {
    hytale_device_flows (id) {
        id -> Uuid,
        environment -> Text,
        code_hash -> Bytea,
        principal -> Nullable<Text>,
        account_name -> Nullable<Text>,
        state -> Text,
        interval_seconds -> Int4,
        next_poll_at -> Timestamptz,
        polling_until -> Nullable<Timestamptz>,
        first_polled_at -> Nullable<Timestamptz>,
        expires_at -> Timestamptz,
        access_token -> Nullable<Text>,
        refresh_token -> Nullable<Text>,
        access_expires_at -> Nullable<Timestamptz>,
        scope -> Nullable<Text>,
        account_id -> Nullable<Uuid>,
        failure -> Nullable<Text>,
        created_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        id_token -> Nullable<Text>,
        exchanged_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    hytale_server_log_calls (server_id, principal, idempotency_key) {
        server_id -> Uuid,
        principal -> Text,
        idempotency_key -> Text,
        lines -> Int8,
        created_at -> Timestamptz,
        digest -> Nullable<Bytea>,
    }
}

diesel::table! {
    hytale_server_log_counts (server_id, month) {
        server_id -> Uuid,
        month -> Date,
        lines -> Int8,
    }
}

diesel::table! {
    hytale_server_logs (server_id, logged_at, id) {
        server_id -> Uuid,
        logged_at -> Timestamptz,
        id -> Int8,
        line -> Text,
    }
}

diesel::table! {
    hytale_sessions (id) {
        id -> Uuid,
        environment -> Text,
        account_id -> Uuid,
        profile_id -> Uuid,
        server_id -> Nullable<Uuid>,
        state -> Text,
        lost -> Bool,
        principal -> Text,
        idempotency_key -> Nullable<Text>,
        session_token -> Nullable<Text>,
        identity_token -> Nullable<Text>,
        generation -> Int8,
        claimed_until -> Nullable<Timestamptz>,
        expires_at -> Nullable<Timestamptz>,
        ip -> Nullable<Text>,
        user_agent -> Nullable<Text>,
        created_at -> Timestamptz,
        refreshed_at -> Nullable<Timestamptz>,
        ended_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    inbox (consumer, message_id) {
        consumer -> Text,
        message_id -> Uuid,
        received_at -> Timestamptz,
    }
}

diesel::table! {
    leases (name) {
        name -> Text,
        holder -> Uuid,
        fence -> Int8,
        until -> Timestamptz,
    }
}

diesel::table! {
    link_conflicts (panel_id, email) {
        panel_id -> Uuid,
        email -> Text,
        reason -> Text,
        user_ids -> Array<Text>,
        panel_user_ids -> Array<Uuid>,
        detected_at -> Timestamptz,
    }
}

diesel::table! {
    locations (id) {
        id -> Uuid,
        panel_id -> Uuid,
        remote_id -> Nullable<Int8>,
        short -> Text,
        long -> Nullable<Text>,
        remote_created_at -> Nullable<Timestamptz>,
        remote_updated_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        removed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    mail_attempts (mail_id, number) {
        mail_id -> Uuid,
        number -> Int4,
        outcome -> Text,
        counted -> Bool,
        status -> Nullable<Int4>,
        answer -> Nullable<Text>,
        started_at -> Timestamptz,
        milliseconds -> Nullable<Int4>,
    }
}

diesel::table! {
    mail_pacing (sole) {
        sole -> Bool,
        next_at -> Timestamptz,
        per_second -> Nullable<Int4>,
        paused_until -> Nullable<Timestamptz>,
        paused_because -> Nullable<Text>,
        paused_with -> Nullable<Text>,
        sender_key -> Nullable<Text>,
    }
}

diesel::table! {
    mail_pauses (key) {
        key -> Text,
        because -> Text,
        until -> Timestamptz,
        met_at -> Timestamptz,
    }
}

diesel::table! {
    mail_suppressions (id) {
        id -> Uuid,
        address -> Text,
        reason -> Text,
        event -> Text,
        created_at -> Timestamptz,
        lifted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    mails (id) {
        id -> Uuid,
        template -> Text,
        recipient -> Text,
        subject -> Text,
        body -> Nullable<Text>,
        holds_link -> Bool,
        state -> Text,
        attempts -> Int4,
        failures -> Int4,
        due_at -> Timestamptz,
        holder -> Nullable<Uuid>,
        held_until -> Nullable<Timestamptz>,
        fence -> Int8,
        first_attempt_at -> Nullable<Timestamptz>,
        expires_at -> Nullable<Timestamptz>,
        resend_id -> Nullable<Text>,
        created_by -> Text,
        idempotency_key -> Nullable<Text>,
        reason -> Nullable<Text>,
        created_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
        request_digest -> Nullable<Bytea>,
    }
}

diesel::table! {
    nests (id) {
        id -> Uuid,
        panel_id -> Uuid,
        remote_id -> Nullable<Int8>,
        uuid -> Uuid,
        author -> Text,
        name -> Text,
        description -> Nullable<Text>,
        remote_created_at -> Nullable<Timestamptz>,
        remote_updated_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        removed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    nodes (id) {
        id -> Uuid,
        panel_id -> Uuid,
        remote_id -> Nullable<Int8>,
        uuid -> Uuid,
        name -> Text,
        description -> Nullable<Text>,
        location_remote_id -> Int8,
        location_id -> Nullable<Uuid>,
        fqdn -> Text,
        scheme -> Text,
        behind_proxy -> Bool,
        public -> Bool,
        maintenance_mode -> Bool,
        memory -> Int8,
        memory_overallocate -> Int8,
        disk -> Int8,
        disk_overallocate -> Int8,
        upload_size -> Int8,
        daemon_listen -> Int4,
        daemon_sftp -> Int4,
        daemon_base -> Text,
        remote_created_at -> Nullable<Timestamptz>,
        remote_updated_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        removed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    outbox (seq) {
        seq -> Int8,
        id -> Uuid,
        route -> Text,
        key -> Text,
        subject -> Text,
        body -> Jsonb,
        headers -> Jsonb,
        created_at -> Timestamptz,
        published_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    panel_kinds (panel_id, kind) {
        panel_id -> Uuid,
        kind -> Text,
        first_listed_at -> Timestamptz,
        last_listed_at -> Timestamptz,
        last_run_id -> Uuid,
    }
}

diesel::table! {
    panel_users (id) {
        id -> Uuid,
        panel_id -> Uuid,
        remote_id -> Nullable<Int8>,
        uuid -> Uuid,
        external_id -> Nullable<Text>,
        username -> Text,
        email -> Text,
        first_name -> Nullable<Text>,
        last_name -> Nullable<Text>,
        language -> Text,
        root_admin -> Bool,
        two_factor -> Bool,
        remote_created_at -> Nullable<Timestamptz>,
        remote_updated_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        removed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    panels (id) {
        id -> Uuid,
        name -> Text,
        url -> Text,
        application_key -> Nullable<Text>,
        client_key -> Nullable<Text>,
        application_blocked_until -> Nullable<Timestamptz>,
        client_blocked_until -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    provider_pauses (kind) {
        kind -> Text,
        until -> Timestamptz,
    }
}

diesel::table! {
    rate_limits (limit_name, subject) {
        limit_name -> Text,
        subject -> Text,
        requests -> Int8,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    server_databases (id) {
        id -> Uuid,
        panel_id -> Uuid,
        remote_id -> Nullable<Int8>,
        server_remote_id -> Int8,
        server_id -> Nullable<Uuid>,
        host_remote_id -> Int8,
        host_id -> Nullable<Uuid>,
        database -> Text,
        username -> Text,
        remote -> Text,
        max_connections -> Nullable<Int8>,
        remote_created_at -> Nullable<Timestamptz>,
        remote_updated_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        removed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    server_subusers (id) {
        id -> Uuid,
        panel_id -> Uuid,
        remote_id -> Nullable<Int8>,
        server_remote_id -> Int8,
        server_id -> Nullable<Uuid>,
        user_remote_id -> Int8,
        user_id -> Nullable<Uuid>,
        permissions -> Array<Text>,
        remote_created_at -> Nullable<Timestamptz>,
        remote_updated_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        removed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    server_variables (id) {
        id -> Uuid,
        panel_id -> Uuid,
        server_remote_id -> Nullable<Int8>,
        server_id -> Nullable<Uuid>,
        egg_variable_remote_id -> Int8,
        egg_variable_id -> Nullable<Uuid>,
        server_value -> Text,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        removed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    servers (id) {
        id -> Uuid,
        panel_id -> Uuid,
        remote_id -> Nullable<Int8>,
        uuid -> Uuid,
        identifier -> Text,
        external_id -> Nullable<Text>,
        name -> Text,
        description -> Text,
        status -> Nullable<Text>,
        suspended -> Bool,
        memory -> Int8,
        swap -> Int8,
        disk -> Int8,
        io -> Int8,
        cpu -> Int8,
        threads -> Nullable<Text>,
        oom_disabled -> Bool,
        database_limit -> Nullable<Int8>,
        allocation_limit -> Nullable<Int8>,
        backup_limit -> Int8,
        owner_remote_id -> Int8,
        owner_id -> Nullable<Uuid>,
        node_remote_id -> Int8,
        node_id -> Nullable<Uuid>,
        nest_remote_id -> Int8,
        nest_id -> Nullable<Uuid>,
        egg_remote_id -> Int8,
        egg_id -> Nullable<Uuid>,
        allocation_remote_id -> Nullable<Int8>,
        allocation_remote_ids -> Array<Int8>,
        startup_command -> Text,
        image -> Text,
        installed -> Bool,
        remote_created_at -> Nullable<Timestamptz>,
        remote_updated_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        removed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    signing_keys (id) {
        id -> Text,
        public -> Bytea,
        secret -> Text,
        created_at -> Timestamptz,
        retired_at -> Nullable<Timestamptz>,
        published_until -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    sync_errors (id) {
        id -> Int8,
        run_id -> Uuid,
        kind -> Text,
        scope -> Int8,
        position -> Nullable<Int8>,
        remote_id -> Nullable<Int8>,
        reason -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    sync_held (run_id, resource, row_id) {
        run_id -> Uuid,
        resource -> Text,
        row_id -> Uuid,
    }
}

diesel::table! {
    sync_logs (id) {
        id -> Int8,
        run_id -> Uuid,
        level -> Text,
        message -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    sync_missing (run_id, resource, row_id) {
        run_id -> Uuid,
        resource -> Text,
        row_id -> Uuid,
    }
}

diesel::table! {
    sync_read_alone (run_id, kind, remote_id) {
        run_id -> Uuid,
        kind -> Text,
        remote_id -> Int8,
        failed -> Bool,
        fence -> Int8,
    }
}

diesel::table! {
    sync_replaced (run_id, resource, row_id) {
        run_id -> Uuid,
        resource -> Text,
        row_id -> Uuid,
        remote_id -> Int8,
    }
}

diesel::table! {
    sync_runs (id) {
        id -> Uuid,
        panel_id -> Uuid,
        target -> Text,
        kinds -> Array<Text>,
        status -> Text,
        requested_by -> Text,
        request_id -> Nullable<Text>,
        confirms_run_id -> Nullable<Uuid>,
        revision -> Int8,
        step -> Text,
        percentage -> Int4,
        items_total -> Int8,
        items_synced -> Int8,
        items_failed -> Int8,
        requests -> Int8,
        last_message -> Text,
        failed_step -> Nullable<Text>,
        error -> Nullable<Text>,
        held -> Nullable<Jsonb>,
        created_at -> Timestamptz,
        started_at -> Nullable<Timestamptz>,
        progressed_at -> Nullable<Timestamptz>,
        updated_at -> Timestamptz,
        completed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    sync_seen (run_id, kind, scope, position) {
        run_id -> Uuid,
        kind -> Text,
        scope -> Int8,
        position -> Int8,
        remote_ids -> Array<Int8>,
        unidentified -> Int4,
        poisoned -> Int4,
        total -> Int8,
        total_constant -> Bool,
    }
}

diesel::table! {
    sync_tasks (id) {
        id -> Uuid,
        run_id -> Uuid,
        kind -> Text,
        stage -> Int4,
        ordinal -> Int4,
        work -> Jsonb,
        state -> Text,
        fence -> Int8,
        worker_id -> Nullable<Uuid>,
        lease_until -> Nullable<Timestamptz>,
        lost_leases -> Int4,
        checkpoint -> Nullable<Jsonb>,
        items_total -> Int8,
        items_synced -> Int8,
        items_failed -> Int8,
        requests -> Int8,
        waits_for -> Nullable<Text>,
        error -> Nullable<Text>,
        created_at -> Timestamptz,
        started_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
        not_before -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    user_links (panel_id, user_id) {
        panel_id -> Uuid,
        user_id -> Text,
        panel_user_id -> Uuid,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    users (id) {
        id -> Text,
        email -> Text,
        email_verified_at -> Nullable<Timestamptz>,
        is_active -> Bool,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        username -> Nullable<Text>,
        roles -> Array<Text>,
        tokens_valid_from -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    webhook_health (webhook_id) {
        webhook_id -> Uuid,
        last_success_at -> Nullable<Timestamptz>,
        failing_since -> Nullable<Timestamptz>,
        last_failure_at -> Nullable<Timestamptz>,
        probe_at -> Nullable<Timestamptz>,
        probes -> Int4,
        paused_until -> Nullable<Timestamptz>,
        busy_until -> Nullable<Timestamptz>,
        alerted -> Int4,
    }
}

diesel::table! {
    webhooks (id) {
        id -> Uuid,
        name -> Text,
        kind -> Text,
        about -> Text,
        scope -> Text,
        description -> Text,
        enabled -> Bool,
        address -> Text,
        address_shown -> Text,
        channel_id -> Nullable<Text>,
        secret -> Nullable<Text>,
        previous_secret -> Nullable<Text>,
        previous_secret_until -> Nullable<Timestamptz>,
        events -> Array<Text>,
        conditions -> Jsonb,
        revision -> Int8,
        test_success_at -> Nullable<Timestamptz>,
        disabled_because -> Nullable<Text>,
        disabled_at -> Nullable<Timestamptz>,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    workers (id) {
        id -> Uuid,
        service -> Text,
        started_at -> Timestamptz,
        seen_at -> Timestamptz,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    access_tokens,
    admin_audit,
    allocations,
    api_clients,
    api_keys,
    config,
    credential_epoch,
    data_keys,
    database_hosts,
    deliveries,
    delivery_attempts,
    delivery_events,
    delivery_lanes,
    dispatches,
    egg_variables,
    eggs,
    hytale_account_names,
    hytale_account_owners,
    hytale_accounts,
    hytale_audit,
    hytale_device_flows,
    hytale_server_log_calls,
    hytale_server_log_counts,
    hytale_server_logs,
    hytale_sessions,
    inbox,
    leases,
    link_conflicts,
    locations,
    mail_attempts,
    mail_pacing,
    mail_pauses,
    mail_suppressions,
    mails,
    nests,
    nodes,
    outbox,
    panel_kinds,
    panel_users,
    panels,
    provider_pauses,
    rate_limits,
    server_databases,
    server_subusers,
    server_variables,
    servers,
    signing_keys,
    sync_errors,
    sync_held,
    sync_logs,
    sync_missing,
    sync_read_alone,
    sync_replaced,
    sync_runs,
    sync_seen,
    sync_tasks,
    user_links,
    users,
    webhook_health,
    webhooks,
    workers,
);
