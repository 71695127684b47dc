-- One record for each thing somebody did, as compliance people read it.
create table audit_record (
    position bigint not null,
    -- Several records may come of one event.
    ordinal smallint not null,
    -- EventType of the API catalogue; null for what upstream leaves out
    type int,
    name text not null,
    at bigint not null,
    recorded_at bigint not null,
    actor text not null,
    acting_user_id uuid,
    -- whose log it stands in; null: that of a person
    organization_id uuid,
    user_id uuid,
    cipher_id uuid,
    folder_id uuid,
    collection_id uuid,
    group_id uuid,
    policy_id uuid,
    membership_id uuid,
    -- EventSystemUser of the API catalogue
    system_user smallint,
    device_id uuid,
    device_type smallint,
    client text,
    client_version text,
    ip text,
    origin text not null,
    -- the stream of the event
    category text not null,
    stream_id uuid not null,
    event_id uuid not null,
    correlation uuid not null,
    -- JSON: what more there is to say, never contents
    detail text not null,
    -- whose membership it is about, from when that is known
    member_user_id uuid,
    primary key (position, ordinal)
);

-- Whose memberships are; one that is over stays.
create table audit_member (
    membership_id uuid primary key,
    user_id uuid not null
);
