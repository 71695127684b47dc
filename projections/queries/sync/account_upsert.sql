-- $1 user_id[], $2 stamp[], $3 view[]
insert into account (user_id, stamp, view)
select * from unnest($1::uuid[], $2::uuid[], $3::text[])
on conflict (user_id) do update set stamp = excluded.stamp, view = excluded.view
