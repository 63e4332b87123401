import type { WalkedLog } from '../log/log-view.ts'
import type { Standing } from '../reader/places.ts'
import type { LaneFate, LaneFigures, LaneRow, LaneTwice, LaneView } from './lane-view.ts'
import { WORKERS } from './processor.ts'
import { DURATION_BUCKETS } from './tables.ts'

/** Rows of one statement, its parameters $1, $2 and so on; of those that are asked at once, each as of its own moment. */
export type AskLane = <T>(sql: string, ...values: (string | number)[]) => Promise<T[]>

/** As a number on every engine: of a bigint PostgreSQL would give the text. */
const number = (what: string) => `cast(${what} as double precision)`

const STANDINGS = `select reader, topic, ${number('partition')} as partition, log_id as "logId",
  ${['began', 'expired', 'next', 'heartbeats', 'read', 'applied', 'duplicate', 'late', 'skipped', 'dead'].map((name) => `${number(name)} as ${name}`).join(', ')},
  ${number('time_ms')} as "timeMs" from places order by reader, topic, partition`
/** All of it in one statement, so that it is of one moment. */
const FIGURES = `
  select 'place' as what, ${number('partition')} as at, ${number('next')} as a, ${number('applied')} as b, ${number('dead')} as c, ${number('duplicate')} as d
    from places where reader = '${WORKERS}'
  union all select 'waiting', 0, ${number('count(*)')}, 0, 0, 0 from lane_retries
  union all select 'workers', 0, ${number('count(*)')}, 0, 0, 0 from lane_workers where until_ms > $1
  union all select 'took', ${number('bucket')}, ${number('events')}, ${number('seconds')}, 0, 0 from lane_durations`
const APPLIED = `
  select ${number('log_partition')} as partition, ${number('count(*)')} as count from processed_events group by log_partition
  union all select ${number('log_partition')}, ${number('processed')} from lane_forgotten
  union all select ${number('log_partition')}, ${number('count(*)')} from lane_retries group by log_partition`

const all = (columns: string) =>
  `(select ${columns} from processed_events union all select ${columns} from failed_events union all select ${columns} from lane_retries) as rows_of_all`
const twice = (columns: string, given: string) =>
  `select ${given}, ${number('count(*)')} as count from ${all(columns)} group by ${columns} having count(*) > 1`
const ROWS = `select ${number('count(*)')} as rows, ${number(`count(distinct event_id || ' ' || coalesce(user_id, ''))`)} as events
  from ${all('event_id, user_id')}`
const SAME = "event_id = $1 and coalesce(user_id, '') = $2"
const FATES = {
  processed: `select 'processed' as state, category, session_start, processed_at, processed_by, ${number('retry_count')} as retry_count from processed_events where ${SAME}`,
  waiting: `select 'waiting' as state, ${number('tries')} as tries, ${number('next_at')} as next_at, error from lane_retries where ${SAME}`,
  failed: `select 'failed' as state, error, ${number('retry_count')} as retry_count, failed_at, failed_by from failed_events where ${SAME}`,
}
const WRITTEN = {
  processed: { at: 'processed_at', by: 'processed_by', what: 'category' },
  failed: { at: 'failed_at', by: 'failed_by', what: 'error' },
}

/** A look at the lane's tables, which are the same on every engine. */
export function laneViewOn(ask: AskLane, log: WalkedLog): LaneView {
  return {
    log,
    standings: () => ask<Standing>(STANDINGS),
    figures: async (now) => figuresOf(await ask<Figure>(FIGURES, now)),
    async applied() {
      const sums = new Map<number, number>()
      for (const { partition, count } of await ask<{ partition: number; count: number }>(APPLIED))
        sums.set(partition, (sums.get(partition) ?? 0) + count)
      return sums
    },
    async rows() {
      const [sums] = await ask<{ rows: number; events: number }>(ROWS)
      const events = await ask<{ event_id: string; user_id: string | null; count: number }>(twice('event_id, user_id', 'event_id, user_id'))
      const records = await ask<{ partition: number; offset: number; count: number }>(
        twice('log_partition, log_offset', `${number('log_partition')} as partition, ${number('log_offset')} as "offset"`),
      )
      return {
        ...(sums as { rows: number; events: number }),
        twice: [...events, ...records].map(({ count, ...of }): LaneTwice => ({ of, count })),
      }
    },
    failedLetters: async () => (await ask<{ id: string }>('select dead_id as id from failed_events')).map(({ id }) => id),
    async fateOf(eventId, userId = '') {
      for (const sql of Object.values(FATES)) {
        const [fate] = await ask<LaneFate>(sql, eventId, userId)
        if (fate) return fate
      }
      return undefined
    },
    async knownHashes(eventId, userId = '') {
      const of = (table: string) => `select content_hash as hash from ${table} where ${SAME}`
      const rows = await ask<{ hash: string }>(`${of('processed_events')} union all ${of('lane_retries')}`, eventId, userId)
      return new Set(rows.map(({ hash }) => hash))
    },
    after(fate, seq, countMax) {
      const { at, by, what } = WRITTEN[fate]
      return ask<LaneRow>(
        `select '${fate}' as fate, ${number('seq')} as seq, event_id, event_type, user_id, ${at} as at, ${by} as by, ${what} as what
         from ${fate}_events where seq > $1 order by ${fate}_events.seq limit $2`,
        seq,
        countMax,
      )
    },
    async lastSeq(fate) {
      const [row] = await ask<{ seq: number | null }>(`select ${number('max(seq)')} as seq from ${fate}_events`)
      return row?.seq ?? 0
    },
  }
}

interface Figure {
  what: 'place' | 'waiting' | 'workers' | 'took'
  at: number
  a: number
  b: number
  c: number
  d: number
}

function figuresOf(figures: readonly Figure[]): LaneFigures {
  const of = (what: Figure['what']) => figures.filter((each) => each.what === what)
  const sum = (what: Figure['what'], key: 'a' | 'b' | 'c' | 'd') => of(what).reduce((total, each) => total + each[key], 0)
  const waiting = sum('waiting', 'a')
  return {
    nexts: new Map(of('place').map(({ at, a }) => [at, a])),
    processed: sum('place', 'b') - waiting,
    failed: sum('place', 'c'),
    duplicate: sum('place', 'd'),
    waiting,
    workers: sum('workers', 'a'),
    durations: {
      bounds: DURATION_BUCKETS,
      buckets: Array.from({ length: DURATION_BUCKETS.length + 1 }, (_, bucket) => of('took').find(({ at }) => at === bucket)?.a ?? 0),
      seconds: sum('took', 'b'),
    },
  }
}
