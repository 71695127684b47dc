-- in the order /sync wants: without it the database sorts whole vaults, contents and all, on disk
create index cipher_owner on cipher (owner_id, created_at, cipher_id);
create index folder_owner on folder (owner_id);
create index device_user on device (user_id);
create index device_identifier on device (identifier);
create index cipher_collection on cipher using gin (collection_ids) where shared;
create index membership_organization on membership (organization_id, created_at, membership_id);
create index membership_user on membership (user_id);
create index collection_organization on collection (organization_id);
create index collection_grant_organization on collection_grant (organization_id);
create index collection_grant_collection on collection_grant (collection_id);
create index collection_grant_grantee on collection_grant (grantee_id);
create index member_group_organization on member_group (organization_id);
create index group_member_organization on group_member (organization_id);
create index group_member_group on group_member (group_id);
create index group_member_membership on group_member (membership_id);
create index policy_organization on policy (organization_id);
create index filing_user on filing (user_id);
create index filing_cipher on filing (cipher_id);
