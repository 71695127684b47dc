create index audit_record_user on audit_record (user_id, position);
