import type { Clock } from '../../kernel/lifecycle.ts'
import type { Postgres, Statements } from '../../kernel/postgres.ts'
import type { LaneTables, Lease } from '../tables.ts'

/** Who works and who holds what: one worker at a time looks and takes, else two might take the same. */
export function postgresSharing(postgres: Postgres, leaseClock: Clock | undefined): Pick<LaneTables, 'share' | 'leave'> {
  const alone = <T>(work: (on: Statements) => Promise<T>) =>
    postgres.transaction(async (on) => {
      await on.rows("select pg_advisory_xact_lock(hashtextextended('flowguard lane leases', 0))")
      return work(on)
    })
  return {
    share: (owner, leaseMs, divide) =>
      alone(async (on) => {
        const now = leaseClock?.() ?? (await serverTimeOn(on))
        const until = now + leaseMs
        await on.changed(LIVE, [owner, until])
        await on.changed('delete from lane_workers where until_ms <= $1', [now])
        const owners = (await on.rows<{ owner: string }>('select owner from lane_workers order by owner')).map((each) => each.owner)
        const leases = await on.rows<Lease>('select log_partition as partition, owner, until_ms as until from lane_leases')
        const mine = divide({ now, owners, leases })
        await on.changed('delete from lane_leases where owner = $1 and log_partition <> all($2::int[])', [owner, mine])
        await on.changed(TAKE, [mine, owner, until])
        return mine
      }),
    leave: (owner) =>
      alone(async (on) => {
        await on.changed('delete from lane_leases where owner = $1', [owner])
        await on.changed('delete from lane_workers where owner = $1', [owner])
      }),
  }
}

async function serverTimeOn(on: Statements): Promise<number> {
  const [row] = await on.rows<{ now: number }>('select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as now')
  return (row as { now: number }).now
}

export function postgresForgetting(postgres: Postgres): Pick<LaneTables, 'forgetProcessed' | 'forgetFailed' | 'forgetSessions'> {
  return {
    async forgetProcessed(before, countMax) {
      const [row] = await postgres.rows<{ count: number }>(FORGET_PROCESSED, [before, countMax])
      return (row as { count: number }).count
    },
    forgetFailed: (before, countMax) => postgres.changed(FORGET_FAILED, [before, countMax]),
    forgetSessions: async (touchedBefore) => void (await postgres.changed(FORGET_SESSIONS, [touchedBefore])),
  }
}

const LIVE = 'insert into lane_workers values ($1, $2) on conflict (owner) do update set until_ms = excluded.until_ms'
const TAKE = `
  insert into lane_leases select at, $2, $3 from unnest($1::int[]) as at
  on conflict (log_partition) do update set owner = excluded.owner, until_ms = excluded.until_ms`
const FORGET_PROCESSED = `
  with old as (select seq, processed_at from processed_events order by seq limit $2),
    gone as (delete from processed_events p using old where p.seq = old.seq and old.processed_at < $1 returning p.log_partition),
    noted as (
      insert into lane_forgotten as f select log_partition, count(*) from gone group by log_partition order by log_partition
      on conflict (log_partition) do update set processed = f.processed + excluded.processed
    )
  select count(*) as count from gone`
const FORGET_FAILED = `
  delete from failed_events where failed_at < $1 and seq in (select seq from failed_events order by seq limit $2)`
const FORGET_SESSIONS = 'delete from lane_sessions where touched_at < $1'
