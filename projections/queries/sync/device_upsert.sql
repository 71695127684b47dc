-- $1 device_id[], $2 user_id[], $3 identifier[], $4 kind[], $5 name[], $6 created_at[], $7 active_at[], $8 push_token[]
insert into device (device_id, user_id, identifier, kind, name, created_at, active_at, push_token)
select * from unnest($1::uuid[], $2::uuid[], $3::text[], $4::smallint[], $5::text[], $6::bigint[], $7::bigint[], $8::text[])
on conflict (device_id) do update set
    user_id = excluded.user_id, identifier = excluded.identifier, kind = excluded.kind, name = excluded.name,
    created_at = excluded.created_at, active_at = excluded.active_at, push_token = excluded.push_token
