-- in the order /sync wants: without it the database sorts whole vaults, contents and all, on disk
create index cipher_owner on cipher (owner_id, created_at, cipher_id);
create index folder_owner on folder (owner_id);
create index device_user on device (user_id);
create index device_identifier on device (identifier);
