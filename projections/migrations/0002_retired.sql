-- Since when a generation is retired: it is kept for a while, to go back to.
alter table projection.generation add column retired_at timestamptz;
