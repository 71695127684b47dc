-- 0003_mail.sql: letters on their way. Not history: a sent one keeps no content, an erased person's are unreadable.
create schema if not exists ops;

create table ops.mail(
  id uuid primary key,                 -- the event that caused it: putting it in again does nothing
  subject uuid not null,               -- whose key seals the payload
  letter text not null,                -- its kind, for people who look
  payload bytea,                       -- sealed: address and letter; gone once sent
  state text not null default 'waiting' check (state in ('waiting', 'sent', 'failed')),
  attempts integer not null default 0,
  next_attempt_at timestamptz not null default now(),
  leased_until timestamptz,            -- somebody is sending it; past that it counts as abandoned
  last_error text,                     -- never an address
  created_at timestamptz not null default now(),
  sent_at timestamptz,
  check (payload is not null or state = 'sent')
);

create index mail_waiting on ops.mail(next_attempt_at) where state = 'waiting';
create index mail_subject on ops.mail(subject);
