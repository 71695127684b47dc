-- one array for each column, in the order of the table
insert into cipher
    (cipher_id, owner_id, kind, content, frame, folder_id, favorite, archived_at, deleted_at, revised_at, created_at)
select * from unnest(
    $1::uuid[], $2::uuid[], $3::smallint[], $4::text[], $5::text[], $6::uuid[], $7::boolean[], $8::bigint[], $9::bigint[],
    $10::bigint[], $11::bigint[])
on conflict (cipher_id) do update set
    owner_id = excluded.owner_id, kind = excluded.kind, content = excluded.content, frame = excluded.frame,
    folder_id = excluded.folder_id, favorite = excluded.favorite, archived_at = excluded.archived_at,
    deleted_at = excluded.deleted_at, revised_at = excluded.revised_at, created_at = excluded.created_at
