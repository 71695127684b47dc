create index audit_record_user on audit_record (user_id, position);
-- From moments to positions: both grow together.
create index audit_record_time on audit_record (recorded_at, position);
create index audit_record_organization on audit_record (organization_id, position, ordinal) where organization_id is not null;
create index audit_record_member on audit_record (organization_id, acting_user_id, position, ordinal)
    where organization_id is not null and acting_user_id is not null;
create index audit_record_cipher on audit_record (cipher_id, position, ordinal) where cipher_id is not null;
