/** What an operator did with a dead letter; several retries are several rows. The letters themselves lie in `dead.v1`, and are never changed. */
export const DEAD_ACTIONS_SCHEMA = `
  create table if not exists dead_actions (
    seq integer primary key, dead_id text not null, action text not null check (action in ('retried', 'dropped')), at integer not null,
    reason text not null
  ) strict;
  create index if not exists dead_actions_by_id on dead_actions (dead_id);
`

/** Where a retry appended the record (`topic-partition@offset`), and whether with other bytes. */
export const DEAD_SENT_SCHEMA = `
  alter table dead_actions add column sent_to text;
  alter table dead_actions add column edited integer not null default 0;
`
