-- $1 folder_id[], $2 owner_id[], $3 name[], $4 revised_at[], $5 created_at[]
insert into folder (folder_id, owner_id, name, revised_at, created_at)
select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[])
on conflict (folder_id) do update set
    owner_id = excluded.owner_id, name = excluded.name, revised_at = excluded.revised_at, created_at = excluded.created_at
