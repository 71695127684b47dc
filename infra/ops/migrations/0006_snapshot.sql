-- Saved folds of long streams: places to start reading from, never a source. Unlogged, for each may be lost at any time:
-- writing one costs no log and no flush, standbys and base backups leave them out, and a crash of the server empties it.
create unlogged table ops.snapshot (
    category text not null,
    stream_id uuid not null,
    revision bigint not null,           -- of the last event folded
    event_id uuid not null,             -- its id: a stream with another one there has another history
    fold text not null,                 -- which fold made it
    state bytea not null,               -- JSON, sealed for whom it is about
    primary key (category, stream_id)
);
alter table ops.snapshot alter state set storage external; -- ciphertext: no CPU for compressing it
