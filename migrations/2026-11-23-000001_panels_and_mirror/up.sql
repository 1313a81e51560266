-- The mirror. Every mirrored row has a key of its own (id), the panel it comes
-- from and the panel's id there (remote_id). Beside each foreign key between
-- mirrored rows stands the panel's id of the other side; the key is null until
-- that side is there. A removed row keeps its place until it is purged, or
-- until another row (another uuid) takes its remote_id over.
-- Removed rows are looked up by uuid, so that one that comes back under another
-- id is restored as itself.
-- There is no constraint here that a real panel breaks: the same ip:port on two
-- nodes, external ids twice, e-mail addresses that differ by case.

CREATE TABLE panels (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE,
    url text NOT NULL,
    -- Sealed (see common::crypto); null: from the configuration.
    application_key text,
    client_key text,
    -- Set by a 429's Retry-After: no worker asks before.
    application_blocked_until timestamptz,
    client_blocked_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- What of a panel has been listed completely, and when.
CREATE TABLE panel_kinds (
    panel_id uuid NOT NULL REFERENCES panels (id) ON DELETE CASCADE,
    kind text NOT NULL,
    first_listed_at timestamptz NOT NULL,
    last_listed_at timestamptz NOT NULL,
    last_run_id uuid NOT NULL,
    PRIMARY KEY (panel_id, kind)
);

CREATE TABLE locations (
    id uuid PRIMARY KEY,
    panel_id uuid NOT NULL REFERENCES panels (id) ON DELETE CASCADE,
    remote_id bigint,
    short text NOT NULL,
    long text,
    remote_created_at timestamptz,
    remote_updated_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    UNIQUE (panel_id, remote_id)
);

CREATE TABLE nodes (
    id uuid PRIMARY KEY,
    panel_id uuid NOT NULL REFERENCES panels (id) ON DELETE CASCADE,
    remote_id bigint,
    uuid uuid NOT NULL,
    name text NOT NULL,
    description text,
    location_remote_id bigint NOT NULL,
    location_id uuid REFERENCES locations (id) ON DELETE SET NULL,
    fqdn text NOT NULL,
    scheme text NOT NULL,
    behind_proxy boolean NOT NULL,
    public boolean NOT NULL,
    maintenance_mode boolean NOT NULL,
    memory bigint NOT NULL,
    memory_overallocate bigint NOT NULL,
    disk bigint NOT NULL,
    disk_overallocate bigint NOT NULL,
    upload_size bigint NOT NULL,
    daemon_listen integer NOT NULL,
    daemon_sftp integer NOT NULL,
    daemon_base text NOT NULL,
    remote_created_at timestamptz,
    remote_updated_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    UNIQUE (panel_id, remote_id)
);
CREATE INDEX nodes_removed_uuid ON nodes (panel_id, uuid) WHERE removed_at IS NOT NULL;

CREATE TABLE nests (
    id uuid PRIMARY KEY,
    panel_id uuid NOT NULL REFERENCES panels (id) ON DELETE CASCADE,
    remote_id bigint,
    uuid uuid NOT NULL,
    author text NOT NULL,
    name text NOT NULL,
    description text,
    remote_created_at timestamptz,
    remote_updated_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    UNIQUE (panel_id, remote_id)
);
CREATE INDEX nests_removed_uuid ON nests (panel_id, uuid) WHERE removed_at IS NOT NULL;

CREATE TABLE eggs (
    id uuid PRIMARY KEY,
    panel_id uuid NOT NULL REFERENCES panels (id) ON DELETE CASCADE,
    remote_id bigint,
    uuid uuid NOT NULL,
    nest_remote_id bigint NOT NULL,
    nest_id uuid REFERENCES nests (id) ON DELETE SET NULL,
    author text NOT NULL,
    name text NOT NULL,
    description text,
    docker_image text NOT NULL,
    docker_images jsonb NOT NULL,
    startup text,
    remote_created_at timestamptz,
    remote_updated_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    UNIQUE (panel_id, remote_id)
);
CREATE INDEX eggs_removed_uuid ON eggs (panel_id, uuid) WHERE removed_at IS NOT NULL;

CREATE TABLE egg_variables (
    id uuid PRIMARY KEY,
    panel_id uuid NOT NULL REFERENCES panels (id) ON DELETE CASCADE,
    remote_id bigint,
    egg_remote_id bigint NOT NULL,
    egg_id uuid REFERENCES eggs (id) ON DELETE SET NULL,
    name text NOT NULL,
    description text NOT NULL,
    env_variable text NOT NULL,
    default_value text NOT NULL,
    user_viewable boolean NOT NULL,
    user_editable boolean NOT NULL,
    rules text NOT NULL,
    remote_created_at timestamptz,
    remote_updated_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    UNIQUE (panel_id, remote_id)
);

-- People known to the panel (owners, subusers); never accounts of ours.
CREATE TABLE panel_users (
    id uuid PRIMARY KEY,
    panel_id uuid NOT NULL REFERENCES panels (id) ON DELETE CASCADE,
    remote_id bigint,
    uuid uuid NOT NULL,
    external_id text,
    username text NOT NULL,
    email text NOT NULL,
    first_name text,
    last_name text,
    language text NOT NULL,
    root_admin boolean NOT NULL,
    two_factor boolean NOT NULL,
    remote_created_at timestamptz,
    remote_updated_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    UNIQUE (panel_id, remote_id)
);
CREATE INDEX panel_users_removed_uuid ON panel_users (panel_id, uuid) WHERE removed_at IS NOT NULL;

CREATE TABLE servers (
    id uuid PRIMARY KEY,
    panel_id uuid NOT NULL REFERENCES panels (id) ON DELETE CASCADE,
    remote_id bigint,
    uuid uuid NOT NULL,
    identifier text NOT NULL,
    external_id text,
    name text NOT NULL,
    description text NOT NULL,
    -- Verbatim; null: nothing special. Power states are not in it.
    status text,
    suspended boolean NOT NULL,
    memory bigint NOT NULL,
    swap bigint NOT NULL,
    disk bigint NOT NULL,
    io bigint NOT NULL,
    cpu bigint NOT NULL,
    threads text,
    oom_disabled boolean NOT NULL,
    database_limit bigint,
    allocation_limit bigint,
    backup_limit bigint NOT NULL,
    owner_remote_id bigint NOT NULL,
    owner_id uuid REFERENCES panel_users (id) ON DELETE SET NULL,
    node_remote_id bigint NOT NULL,
    node_id uuid REFERENCES nodes (id) ON DELETE SET NULL,
    nest_remote_id bigint NOT NULL,
    nest_id uuid REFERENCES nests (id) ON DELETE SET NULL,
    egg_remote_id bigint NOT NULL,
    egg_id uuid REFERENCES eggs (id) ON DELETE SET NULL,
    -- The primary allocation, and all of them as the panel lists them:
    -- allocations.server_id is derived from the latter.
    allocation_remote_id bigint,
    allocation_remote_ids bigint[] NOT NULL DEFAULT '{}',
    startup_command text NOT NULL,
    image text NOT NULL,
    installed boolean NOT NULL,
    remote_created_at timestamptz,
    remote_updated_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    UNIQUE (panel_id, remote_id)
);
CREATE INDEX servers_removed_uuid ON servers (panel_id, uuid) WHERE removed_at IS NOT NULL;
CREATE INDEX servers_owner_id ON servers (owner_id);

CREATE TABLE allocations (
    id uuid PRIMARY KEY,
    panel_id uuid NOT NULL REFERENCES panels (id) ON DELETE CASCADE,
    remote_id bigint,
    node_remote_id bigint NOT NULL,
    node_id uuid REFERENCES nodes (id) ON DELETE SET NULL,
    ip text NOT NULL,
    port integer NOT NULL,
    alias text,
    notes text,
    assigned boolean NOT NULL,
    -- Derived from servers.allocation_remote_ids.
    server_remote_id bigint,
    server_id uuid REFERENCES servers (id) ON DELETE SET NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    UNIQUE (panel_id, remote_id)
);
CREATE INDEX allocations_node ON allocations (panel_id, node_remote_id);
CREATE INDEX allocations_server ON allocations (panel_id, server_remote_id) WHERE server_remote_id IS NOT NULL;
-- For the purge of servers, which looks for the allocations of each.
CREATE INDEX allocations_server_id ON allocations (server_id) WHERE server_id IS NOT NULL;

CREATE TABLE server_variables (
    id uuid PRIMARY KEY,
    panel_id uuid NOT NULL REFERENCES panels (id) ON DELETE CASCADE,
    server_remote_id bigint,
    server_id uuid REFERENCES servers (id) ON DELETE CASCADE,
    egg_variable_remote_id bigint NOT NULL,
    egg_variable_id uuid REFERENCES egg_variables (id) ON DELETE SET NULL,
    -- What the panel holds; a server without a value has no row.
    server_value text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    UNIQUE (panel_id, server_remote_id, egg_variable_remote_id)
);
CREATE INDEX server_variables_server_id ON server_variables (server_id);

CREATE TABLE server_subusers (
    id uuid PRIMARY KEY,
    panel_id uuid NOT NULL REFERENCES panels (id) ON DELETE CASCADE,
    remote_id bigint,
    server_remote_id bigint NOT NULL,
    server_id uuid REFERENCES servers (id) ON DELETE CASCADE,
    user_remote_id bigint NOT NULL,
    user_id uuid REFERENCES panel_users (id) ON DELETE SET NULL,
    permissions text[] NOT NULL,
    remote_created_at timestamptz,
    remote_updated_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    UNIQUE (panel_id, remote_id)
);
CREATE INDEX server_subusers_server ON server_subusers (panel_id, server_remote_id);

CREATE TABLE database_hosts (
    id uuid PRIMARY KEY,
    panel_id uuid NOT NULL REFERENCES panels (id) ON DELETE CASCADE,
    remote_id bigint,
    name text NOT NULL,
    host text NOT NULL,
    port integer NOT NULL,
    username text NOT NULL,
    node_remote_id bigint,
    node_id uuid REFERENCES nodes (id) ON DELETE SET NULL,
    remote_created_at timestamptz,
    remote_updated_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    UNIQUE (panel_id, remote_id)
);

CREATE TABLE server_databases (
    id uuid PRIMARY KEY,
    panel_id uuid NOT NULL REFERENCES panels (id) ON DELETE CASCADE,
    remote_id bigint,
    server_remote_id bigint NOT NULL,
    server_id uuid REFERENCES servers (id) ON DELETE CASCADE,
    host_remote_id bigint NOT NULL,
    host_id uuid REFERENCES database_hosts (id) ON DELETE SET NULL,
    database text NOT NULL,
    username text NOT NULL,
    remote text NOT NULL,
    max_connections bigint,
    remote_created_at timestamptz,
    remote_updated_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    removed_at timestamptz,
    UNIQUE (panel_id, remote_id)
);
CREATE INDEX server_databases_server ON server_databases (panel_id, server_remote_id);

-- Accounts of ours. A sync neither creates nor changes them.
CREATE TABLE users (
    id text PRIMARY KEY,
    email text NOT NULL,
    email_verified_at timestamptz,
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email ON users (lower(email));

-- One account, one panel user, per panel.
CREATE TABLE user_links (
    panel_id uuid NOT NULL REFERENCES panels (id) ON DELETE CASCADE,
    user_id text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    panel_user_id uuid NOT NULL UNIQUE REFERENCES panel_users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (panel_id, user_id)
);

-- Addresses that look like one person and were not linked, with the reason.
CREATE TABLE link_conflicts (
    panel_id uuid NOT NULL REFERENCES panels (id) ON DELETE CASCADE,
    email text NOT NULL,
    reason text NOT NULL,
    user_ids text[] NOT NULL,
    panel_user_ids uuid[] NOT NULL,
    detected_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (panel_id, email)
);
