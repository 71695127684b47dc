create index audit_record_user on audit_record (user_id, position);
-- From moments to positions: both grow together.
create index audit_record_time on audit_record (recorded_at, position);
create index audit_record_organization on audit_record (organization_id, position, ordinal) where organization_id is not null;
-- What clients are shown: that somebody looked has no number, and would be most of what lies between two records that do.
create index audit_record_shown on audit_record (organization_id, position, ordinal)
    where organization_id is not null and type is not null;
create index audit_record_member on audit_record (organization_id, acting_user_id, position, ordinal)
    where organization_id is not null and acting_user_id is not null;
create index audit_record_cipher on audit_record (cipher_id, position, ordinal) where cipher_id is not null;
-- Those below hold few rows each: most records are about items, by somebody.
create index audit_record_refused on audit_record (organization_id, user_id, position, ordinal)
    where organization_id is not null and acting_user_id is null;
create index audit_record_collection on audit_record (collection_id, position, ordinal) where collection_id is not null;
create index audit_record_group on audit_record (group_id, position, ordinal) where group_id is not null;
create index audit_record_policy on audit_record (policy_id, position, ordinal) where policy_id is not null;
create index audit_record_membership on audit_record (membership_id, position, ordinal) where membership_id is not null;
