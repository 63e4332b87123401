/** What an operator did with a dead letter; several retries are several rows. The letters themselves lie in `dead.v1`, and are never changed. */
export const DEAD_ACTIONS_SCHEMA = `
  create table if not exists dead_actions (
    seq integer primary key, dead_id text not null, action text not null check (action in ('retried', 'dropped')), at integer not null,
    reason text not null
  ) strict;
  create index if not exists dead_actions_by_id on dead_actions (dead_id);
`
