-- $1 user_id[], $2 position[], $3 at[] (folded over the batch from nothing), $4 count[] (changes in the batch).
-- An event that was parked comes late: it does not set back the position.
-- Each change moves `at` by a millisecond at least, so that two never look like one: the fold over the batch from the
-- stored value is the greater of the fold from nothing and the stored value plus the number of changes.
insert into revision as r (user_id, position, at)
select u, p, a from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) as t (u, p, a, n)
on conflict (user_id) do update set
    position = greatest(excluded.position, r.position),
    at = greatest(excluded.at, r.at + (select n from unnest($1::uuid[], $4::bigint[]) as c (u, n) where c.u = r.user_id))
returning user_id, position, at
