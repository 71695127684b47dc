-- The event store. Measured and explained in infra/docs/engine.md.

-- One row: the last position given out. Locking it orders all appends.
create table es.log_head(
  one boolean primary key default true check (one),
  position bigint not null,
  recorded_at timestamptz not null
) with (fillfactor = 10);
insert into es.log_head values (true, 0, '-infinity');

-- The last revision and position of each stream.
create table es.stream_head(
  category text not null,
  stream_id uuid not null,
  revision bigint not null,
  position bigint not null,
  primary key (category, stream_id)
) with (fillfactor = 80);

-- The digests (SHA-256) stay when data is scrubbed.
create table es.event(
  position bigint primary key,
  category text not null,
  stream_id uuid not null,
  revision bigint not null,
  event_id uuid not null,
  type text not null,
  schema smallint not null,
  recorded_at timestamptz not null,
  data bytea not null,
  meta bytea not null,
  data_digest bytea not null,
  meta_digest bytea not null
);
alter table es.event alter data set storage external; -- ciphertext and small JSON: no CPU for compressing it
create unique index event_stream on es.event(category, stream_id, revision);
create index event_recorded_at on es.event using brin(recorded_at) with (pages_per_range = 32);

-- History is only ever added to. Blanking the data of erased people says so first: set_config('es.scrub', 'on', true).
create function es.only_add() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and current_setting('es.scrub', true) = 'on' then
    return null;
  end if;
  raise exception 'events are only ever added (% refused)', tg_op using errcode = 'restrict_violation';
end $$;
create trigger event_only_add before update or delete or truncate on es.event
  for each statement execute function es.only_add();

-- Appends many groups of streams in one transaction; the caller runs it alone in one.
--
-- Per stream: category, id, expected revision (-1 none, -2 any, -4 one or more), number of events, group. Per event, in
-- the same order: id, type, schema, data, meta, digests. Streams of a group stand together; a stream occurs once.
-- Answers per stream, by its ordinal (from 1): status, and revision and position of its last event:
--   0 appended
--   1 an earlier try had appended the whole group (same ids in the same slots)
--   2 not as expected; revision is the present one, -1 if it has no events
--   3 as expected, but another stream of its group was not
-- A group is appended whole or not at all; one group's conflict does not touch the others.
--
-- The first statement takes the lock, the second looks: under READ COMMITTED each statement of a volatile function sees
-- what was committed before it began, so the checks see every earlier append. The two must not become one.
create function es.append_batch(
  a_category text[], a_stream uuid[], a_expected bigint[], a_count int[], a_group int[],
  e_id uuid[], e_type text[], e_schema smallint[], e_data bytea[], e_meta bytea[], e_data_digest bytea[], e_meta_digest bytea[])
returns table(ord int, status smallint, last_revision bigint, last_position bigint)
language plpgsql volatile
-- without these, a plan made while the tables were empty goes through stream_head once per row
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
declare base bigint; now_at timestamptz; oks int[]; revisions bigint[]; positions bigint[];
begin
  select l.position, greatest(clock_timestamp(), l.recorded_at) into base, now_at from es.log_head l where one for update;

  with req as materialized (
    select r.o::int o, r.c, r.s, r.x, r.n, r.g, (sum(r.n) over (order by r.o) - r.n)::int off, coalesce(h.revision, -1) cur
    from unnest(a_category, a_stream, a_expected, a_count, a_group) with ordinality r(c, s, x, n, g, o)
    left join lateral (
      select t.revision from es.stream_head t where t.category = r.c and t.stream_id = r.s offset 0) h on true),
  good as materialized (
    select q.*, bool_and(q.x = -2 or (q.x = -4 and q.cur >= 0) or q.x = q.cur) over (partition by q.g) whole from req q),
  ok as materialized (
    select k.*, base + sum(k.n) over (order by k.o) - k.n + 1 p0 from good k where k.whole),
  ins as (
    insert into es.event
    select k.p0 + i, k.c, k.s, k.cur + 1 + i, e_id[j], e_type[j], e_schema[j], now_at, e_data[j], e_meta[j], e_data_digest[j],
           e_meta_digest[j]
    from ok k cross join lateral generate_series(0, k.n - 1) i cross join lateral (select k.off + i + 1) x(j)),
  sh as (
    insert into es.stream_head as t select k.c, k.s, k.cur + k.n, k.p0 + k.n - 1 from ok k
    on conflict (category, stream_id) do update set revision = excluded.revision, position = excluded.position),
  hd as (
    update es.log_head set position = base + (select sum(n) from ok), recorded_at = now_at
    where one and exists (select 1 from ok))
  select coalesce(array_agg(k.o order by k.o), '{}'), array_agg(k.cur + k.n order by k.o), array_agg(k.p0 + k.n - 1 order by k.o)
  into oks, revisions, positions from ok k;

  return query select u.o, 0::smallint, u.r, u.p from unnest(oks, revisions, positions) u(o, r, p);

  if cardinality(oks) < cardinality(a_stream) then -- rare: which of the rest did an earlier try append?
    return query
    with req as materialized (
      select r.o::int o, r.c, r.s, r.x, r.n, r.g, (sum(r.n) over (order by r.o) - r.n)::int off
      from unnest(a_category, a_stream, a_expected, a_count, a_group) with ordinality r(c, s, x, n, g, o)),
    slot as materialized ( -- where the expected revision says the slots, compare the ids in them
      select q.*, coalesce(h.revision, -1) cur, d.first, d.last,
             min(d.first - q.off) over (partition by q.g) start -- of the group's first event, less its offset in the batch
      from req q
      left join lateral (
        select t.revision from es.stream_head t where t.category = q.c and t.stream_id = q.s offset 0) h on true
      left join lateral (
        select min(e.position) as first, max(e.position) as last from es.event e
        where q.x >= -1 and e.category = q.c and e.stream_id = q.s and e.revision between q.x + 1 and q.x + q.n
        having count(*) = q.n and bool_and(e.event_id = e_id[q.off + (e.revision - q.x)::int])) d on true
      where q.o <> all (oks)),
    seen as materialized ( -- the others lie beside them: a group is stored in one piece
      select q.*, coalesce(q.last, b.last) seen_last,
             bool_and(coalesce(q.last, b.last) is not null) over (partition by q.g) whole
      from slot q
      left join lateral (
        select max(e.position) as last from es.event e
        where q.x < -1 and e.position between q.start + q.off and q.start + q.off + q.n - 1
        having count(*) = q.n and bool_and(
          e.category = q.c and e.stream_id = q.s and e.event_id = e_id[(e.position - q.start)::int + 1])) b on true)
    select q.o,
           case when q.whole then 1 when q.x = -2 or (q.x = -4 and q.cur >= 0) or q.x = q.cur then 3 else 2 end::smallint,
           case when q.whole then (select e.revision from es.event e where e.position = q.seen_last) else q.cur end,
           case when q.whole then q.seen_last end
    from seen q;
  end if;
end $$;
