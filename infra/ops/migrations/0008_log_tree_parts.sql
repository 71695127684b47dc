-- The log of an organization is a part of the history: which events it holds stands in their metadata, and where its leaves
-- lie must be written down. Sixteen bytes for each leaf of a tile, numbers with the highest byte first: the position of the event before
-- it in the store, whatever that is of, and its own.
alter table ops.log_tree_tile add positions bytea;
alter table ops.log_tree_tile add constraint log_tree_tile_positions
  check (positions is null or level = 0 and length(positions) * 2 = length(hashes));
alter table ops.log_tree_tile alter positions set storage external;
-- Behind which event the logs of organizations begin: metadata did not always say in which logs an event stands.
alter table ops.log_tree add parts_since bigint not null default 0;
update ops.log_tree set parts_since = position;

create or replace function ops.log_only_adds() returns trigger language plpgsql as $$
begin
  if tg_op = 'UPDATE' and tg_table_name = 'log_tree_tile' then
    if (new.log, new.level, new.index, new.after_position) is not distinct from (old.log, old.level, old.index, old.after_position)
      and substr(new.hashes, 1, length(old.hashes)) = old.hashes
      and substr(new.positions, 1, length(old.positions)) is not distinct from old.positions then
      return new;
    end if;
  end if;
  raise exception '% is only ever added to (% refused)', tg_table_name, tg_op using errcode = 'restrict_violation';
end $$;
