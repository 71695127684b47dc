create table account (
    user_id uuid primary key,
    stamp uuid not null,
    -- everything a profile, key and decryption answer needs: JSON of AccountView
    view text not null
);
create table cipher (
    cipher_id uuid primary key,
    -- a person, or an organization if it is shared
    owner_id uuid not null,
    shared boolean not null,
    -- ids with commas, of which the database makes a list it can search in
    collections text,
    kind smallint not null,
    -- JSON members, ready to be spliced: what clients sealed
    content text not null,
    -- JSON members, ready to be spliced: what we know of it
    frame text not null,
    folder_id uuid,
    favorite boolean not null,
    -- milliseconds since 1970, as all times here
    archived_at bigint,
    deleted_at bigint,
    revised_at bigint not null,
    created_at bigint not null,
    collection_ids uuid[] generated always as (string_to_array(collections, ',')::uuid[]) stored
);
-- sealed text does not compress; and up to 4 kB (two rows to a page) it stays in the row, for to fetch it from elsewhere
-- doubles what reading a vault costs
alter table cipher alter content set storage external;
alter table cipher set (toast_tuple_target = 4096);
create table folder (
    folder_id uuid primary key,
    owner_id uuid not null,
    name text not null,
    revised_at bigint not null,
    created_at bigint not null
);
create table device (
    device_id uuid primary key,
    user_id uuid not null,
    identifier text not null,
    kind smallint not null,
    name text,
    created_at bigint not null,
    active_at bigint not null,
    push_token text
);
-- When a person's own vault or an organization last changed: a narrow row of its own, for it is written with every change.
create table revision (
    owner_id uuid primary key,
    position bigint not null,
    at bigint not null
) with (fillfactor = 50);
create table organization (
    organization_id uuid primary key,
    -- JSON of OrganizationView
    view text not null
);
create table membership (
    membership_id uuid primary key,
    organization_id uuid not null,
    -- once it is known
    user_id uuid,
    -- confirmed, and not revoked: it gives rights
    active boolean not null,
    -- number of the role
    role smallint not null,
    created_at bigint not null,
    -- JSON of MembershipView
    view text not null
);
create table collection (
    collection_id uuid primary key,
    organization_id uuid not null,
    name text not null,
    external_id text,
    -- the member whose own items it holds
    default_of uuid,
    -- whose own items it held
    formerly_of uuid,
    revised_at bigint not null,
    created_at bigint not null
);
create table collection_grant (
    grant_id uuid primary key,
    organization_id uuid not null,
    collection_id uuid not null,
    -- a membership, or a group
    grantee_id uuid not null,
    to_group boolean not null,
    read_only boolean not null,
    hide_passwords boolean not null,
    manage boolean not null
);
create table member_group (
    group_id uuid primary key,
    organization_id uuid not null,
    name text not null,
    external_id text,
    revised_at bigint not null,
    created_at bigint not null
);
create table group_member (
    place_id uuid primary key,
    organization_id uuid not null,
    group_id uuid not null,
    membership_id uuid not null
);
create table policy (
    policy_id uuid primary key,
    organization_id uuid not null,
    kind smallint not null,
    enabled boolean not null,
    -- JSON
    data text,
    revised_at bigint not null
);
-- how members file items of organizations
create table filing (
    filing_id uuid primary key,
    user_id uuid not null,
    cipher_id uuid not null,
    folder_id uuid,
    favorite boolean not null,
    archived_at bigint
);
create table security_task (
    task_id uuid primary key,
    organization_id uuid not null,
    cipher_id uuid not null,
    -- SecurityTaskType of the API catalogue
    kind smallint not null,
    completed boolean not null,
    created_at bigint not null,
    revised_at bigint not null
);
