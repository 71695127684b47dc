-- Appends as es.append_batch does, and refuses rows whose fence has an event: status 4, and nothing of their group is
-- stored. A fence is a stream; a row without one has nulls. Rows that are stored already are answered as there.
--
-- The lock comes first, as there: the look at the fences then sees every append before this one. That a fence is closed in
-- the very batch that holds a row behind it, the caller prevents. A closed fence is rare, so one probe for each row is all
-- that a batch pays as a rule.
create function es.append_fenced(
  a_category text[], a_stream uuid[], a_expected bigint[], a_count int[], a_group int[], a_fence_category text[], a_fence uuid[],
  e_id uuid[], e_type text[], e_schema smallint[], e_data bytea[], e_meta bytea[], e_data_digest bytea[], e_meta_digest bytea[])
returns table(ord int, status smallint, last_revision bigint, last_position bigint)
language plpgsql volatile
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
declare
  unreachable constant bigint := 1::bigint << 62; -- what no stream will ever be at
  closed boolean;
  expected bigint[];
begin
  perform from es.log_head where one for update;

  closed := exists (
    select from unnest(a_fence_category, a_fence) f(c, s)
    cross join lateral (select from es.stream_head t where t.category = f.c and t.stream_id = f.s offset 0) h);
  if not closed then
    return query select * from es.append_batch(a_category, a_stream, a_expected, a_count, a_group,
                                               e_id, e_type, e_schema, e_data, e_meta, e_data_digest, e_meta_digest);
    return;
  end if;

  select array_agg(case when h.closed and not exists (
           select from es.event e
           where e.category = r.c and e.stream_id = r.s and e.revision = r.x + 1 and e.event_id = e_id[r.off + 1])
         then unreachable else r.x end order by r.o)
  into expected
  from (select q.*, (sum(q.n) over (order by q.o) - q.n)::int off
        from unnest(a_category, a_stream, a_expected, a_count, a_fence_category, a_fence) with ordinality q(c, s, x, n, fc, f, o)) r
  left join lateral (
    select true closed from es.stream_head t where t.category = r.fc and t.stream_id = r.f offset 0) h on true;

  return query
  select b.ord, case when b.status = 2 and expected[b.ord] <> a_expected[b.ord] then 4::smallint else b.status end,
         b.last_revision, b.last_position
  from es.append_batch(a_category, a_stream, expected, a_count, a_group,
                       e_id, e_type, e_schema, e_data, e_meta, e_data_digest, e_meta_digest) b;
end $$;
