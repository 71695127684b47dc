-- One row per login. Tokens themselves are never stored, only their SHA-256 hashes. The arrays are parallel, oldest
-- first: tokens already replaced, and the last moment each is still taken.
create table ops.refresh_family (
    family uuid primary key,
    user_id uuid not null,
    device_id uuid not null,
    client_id text not null,
    stamp text not null,
    scopes text[] not null,
    created timestamptz not null,
    last_used timestamptz not null,
    expires_at timestamptz not null,
    retired_hash bytea[] not null default '{}',
    retired_good_until timestamptz[] not null default '{}',
    current_hash bytea not null check (length(current_hash) = 32),
    next_hash bytea not null check (length(next_hash) = 32),
    ended timestamptz,
    check (cardinality(retired_hash) = cardinality(retired_good_until))
);
create index refresh_family_user on ops.refresh_family (user_id, device_id);
create index refresh_family_expires on ops.refresh_family (expires_at);
