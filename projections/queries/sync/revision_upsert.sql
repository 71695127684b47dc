-- $1 user_id[], $2 position[], $3 at[] (folded over the batch from nothing), $4 count[] (changes in the batch).
-- An event that was parked comes late: it does not set back the position.
-- Each change moves `at` by a millisecond at least, so that two never look like one: the fold over the batch from the
-- stored value is the greater of the fold from nothing and the stored value plus the number of changes.
-- The stored values are joined, not looked up from `on conflict`, which cannot see $4 without going through all of it.
insert into revision (owner_id, position, at)
select t.u, greatest(t.p, r.position), greatest(t.a, r.at + t.n)
from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) as t (u, p, a, n)
left join lateral (select position, at from revision where owner_id = t.u offset 0) r on true
on conflict (owner_id) do update set position = excluded.position, at = excluded.at
returning owner_id, position, at
