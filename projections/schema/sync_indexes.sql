create index cipher_owner on cipher (owner_id);
create index folder_owner on folder (owner_id);
create index device_user on device (user_id);
create index device_identifier on device (identifier);
