-- Merkle trees over the history, one for each log. State that is only ever added to: unlike a read model it is never made
-- again from the events, for it is what shows that they were changed.

-- How far each tree is: leaves, and the position of the last event it has looked at.
create table ops.log_tree(
  log text primary key,
  size bigint not null default 0,
  position bigint not null default 0
) with (fillfactor = 50);

-- Hashes in pieces of 256, as in C2SP tlog-tiles. Those of level 0 know the position after which their first leaf lies:
-- positions need not be dense, and an index is found by them.
create table ops.log_tree_tile(
  log text not null,
  level smallint not null,
  index bigint not null,
  after_position bigint,
  hashes bytea not null check (length(hashes) between 32 and 8192 and length(hashes) % 32 = 0),
  primary key (log, level, index),
  check ((level = 0) = (after_position is not null))
);
alter table ops.log_tree_tile alter hashes set storage external; -- hashes cannot be compressed
create index log_tree_tile_position on ops.log_tree_tile(log, after_position) where level = 0;

-- Every signed checkpoint.
create table ops.log_checkpoint(
  log text not null,
  size bigint not null,
  note text not null,
  signed_at timestamptz not null default clock_timestamp(),
  primary key (log, size)
);

-- A tile grows and is never rewritten; a checkpoint stays.
create function ops.log_only_adds() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and tg_table_name = 'log_tree_tile' then
    if (new.log, new.level, new.index, new.after_position) is not distinct from (old.log, old.level, old.index, old.after_position)
      and substr(new.hashes, 1, length(old.hashes)) = old.hashes then
      return new;
    end if;
  end if;
  raise exception '% is only ever added to (% refused)', tg_table_name, tg_op using errcode = 'restrict_violation';
end $$;
create trigger log_tree_tile_only_adds before update or delete on ops.log_tree_tile
  for each row execute function ops.log_only_adds();
create trigger log_checkpoint_only_adds before update or delete on ops.log_checkpoint
  for each row execute function ops.log_only_adds();
