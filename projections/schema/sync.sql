create table account (
    user_id uuid primary key,
    stamp uuid not null,
    -- everything a profile, key and decryption answer needs: JSON of AccountView
    view text not null
);
create table cipher (
    cipher_id uuid primary key,
    owner_id uuid not null,
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
    created_at bigint not null
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
-- When a person's own vault last changed: a narrow row of its own, for it is written with every change.
create table revision (
    user_id uuid primary key,
    position bigint not null,
    at bigint not null
) with (fillfactor = 50);
