-- How far each process manager is: it reacts to every event after this position.
create table if not exists ops.process (
    name text primary key,
    position bigint not null
);
