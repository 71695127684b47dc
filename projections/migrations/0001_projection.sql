-- What projectors know of themselves. Rows of read models live in read_g<generation>, behind views in schema read.
create schema if not exists projection;
create schema if not exists read;

-- One physical copy of a projector's tables.
create table projection.generation (
    projector text not null,
    generation int not null,
    version int not null,
    state text not null check (state in ('building', 'live', 'retired')),
    -- Every event up to here is in the rows.
    position bigint not null default 0,
    -- Raised by each new owner: an owner that lost its lock writes no more.
    epoch bigint not null default 0,
    created_at timestamptz not null default now(),
    live_at timestamptz,
    primary key (projector, generation)
);
create unique index generation_live on projection.generation (projector) where state = 'live';
create sequence projection.generation_number as int;

-- Events a projector could not take, and the later events of their streams.
create table projection.parked (
    projector text not null,
    generation int not null,
    position bigint not null,
    category text not null,
    stream_id uuid not null,
    type text not null,
    error text not null,
    tries int not null,
    -- An operator wants it tried again: the owner does, with all that is parked behind it.
    retry boolean not null default false,
    parked_at timestamptz not null default now(),
    primary key (projector, generation, position)
);
