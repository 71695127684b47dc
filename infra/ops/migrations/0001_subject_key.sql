-- Data keys that personal data in events is sealed with, one or more per subject (a user, an organization, the
-- installation), each wrapped under the key-encryption key named kek_id. Destroying a key blanks wrapped_dek and keeps
-- the row, so that the key is never made again and the erasure stays on record.
create table ops.subject_key (
    subject_id uuid not null,
    key_no int not null check (key_no > 0),
    kek_id text not null,
    wrapped_dek bytea,
    created timestamptz not null default clock_timestamp(),
    destroyed timestamptz,
    primary key (subject_id, key_no),
    check ((wrapped_dek is null) = (destroyed is not null))
);
