import type { DatabaseSync } from 'node:sqlite'
import {
  ATTRIBUTED,
  METRICS,
  SESSION_GAP_MS,
  SESSIONS,
  TIMED_TOPICS,
  type AdWindow,
  type AttributedEvent,
  type Session,
} from '@flowguard/contract'
import { transaction } from '../kernel/sqlite.ts'
import type { LogRecord } from '../log/event-log.ts'
import type { LogView, WalkedLog } from '../log/log-view.ts'
import type { Handler } from '../reader/loop.ts'
import { windowKey } from './windows/ad-windows.ts'

// A stretch of the past worked out once more, beside the live stream: what differs is told, and nothing is changed.

export const STREAM_TOPICS = [ATTRIBUTED, METRICS, SESSIONS] as const
export type StreamTopic = (typeof STREAM_TOPICS)[number]
type Row = AttributedEvent | AdWindow | Session

/** From `from` on, before `to`, in ms of event time. */
export interface Stretch {
  from: number
  to: number
}

export type Difference = 'missing' | 'extra' | 'changed'

export interface Differing {
  topic: StreamTopic
  /** What the row is about: an order's id, a window, a session. */
  key: string
  /** `missing`: live it is not there; `extra`: it is there live alone. */
  difference: Difference
  live: Row | null
  recomputed: Row | null
}

export interface Compared {
  topic: StreamTopic
  live: number
  recomputed: number
  equal: number
  differences: Record<Difference, number>
}

/** By when a row belongs to a stretch, its name in it, and when it can no longer change. */
const ROWS = {
  [ATTRIBUTED]: (row: Row) => {
    const { timestamp, event_id } = row as AttributedEvent
    const ts = Date.parse(timestamp)
    return { ts, key: event_id, settledAt: ts + 1 }
  },
  [METRICS]: (row: Row) => {
    const { window_start, window_end, item_id, campaign_id } = row as AdWindow
    return { ts: Date.parse(window_start), key: `${window_start} ${windowKey(item_id, campaign_id)}`, settledAt: Date.parse(window_end) }
  },
  [SESSIONS]: (row: Row) => {
    const { started_at, ended_at, session_id } = row as Session
    return { ts: Date.parse(started_at), key: session_id, settledAt: Date.parse(ended_at) + SESSION_GAP_MS + 1 }
  },
} as const satisfies Record<StreamTopic, (row: Row) => { ts: number; key: string; settledAt: number }>

/** Both sides of a comparison, on a disk: there may be more rows than memory holds. `passed`: the live stream's watermark; what it has not settled is no difference. */
export function comparison(db: DatabaseSync, { from, to }: Stretch, passed: number) {
  db.exec('create table compared (topic text, key text, live text, recomputed text, primary key (topic, key)) strict, without rowid')
  const put = {
    live: db.prepare('insert into compared (topic, key, live) values (?, ?, ?) on conflict do update set live = excluded.live'),
    recomputed: db.prepare(
      'insert into compared (topic, key, recomputed) values (?, ?, ?) on conflict do update set recomputed = excluded.recomputed',
    ),
  }
  const KIND = `case when live is null then 'missing' when recomputed is null then 'extra' when live <> recomputed then 'changed' end`

  return {
    /** Takes in every row that a log holds of the stream's topics, as far as it is of the stretch. */
    async add(side: 'live' | 'recomputed', log: Pick<LogView, 'batches' | 'partitions'>) {
      for (const topic of STREAM_TOPICS) {
        for (let partition = 0; partition < log.partitions(topic); partition += 1) {
          for await (const batch of log.batches(topic, partition)) {
            const rows = batch.records().map(({ value }) => JSON.parse(value) as Row)
            transaction(db, () => {
              for (const row of rows) {
                const { ts, key, settledAt } = ROWS[topic](row)
                if (ts >= from && ts < to && settledAt <= passed) put[side].run(topic, key, canonical(row))
              }
            })
          }
        }
      }
    },
    totals(): Compared[] {
      return STREAM_TOPICS.map((topic) => {
        const found = db
          .prepare(
            `select count(live) as live, count(recomputed) as recomputed, count(*) filter (where live = recomputed) as equal,
               count(*) filter (where ${KIND} = 'missing') as missing, count(*) filter (where ${KIND} = 'extra') as extra,
               count(*) filter (where ${KIND} = 'changed') as changed
             from compared where topic = ?`,
          )
          .get(topic) as Record<'live' | 'recomputed' | 'equal' | Difference, number>
        const { live, recomputed, equal, ...differences } = found
        return { topic, live, recomputed, equal, differences }
      })
    },
    *differing(): Generator<Differing> {
      const rows = db.prepare(
        `select topic, key, ${KIND} as difference, live, recomputed from compared where ${KIND} is not null order by topic, key`,
      )
      for (const row of rows.iterate()) {
        const { topic, key, difference, live, recomputed } = row as Record<string, string | null>
        yield {
          topic: topic as StreamTopic,
          key: key as string,
          difference: difference as Difference,
          live: live ? (JSON.parse(live) as Row) : null,
          recomputed: recomputed ? (JSON.parse(recomputed) as Row) : null,
        }
      }
    },
  }
}

/** The row with its fields in one order, so that equal rows are equal texts whoever wrote them. */
function canonical(row: unknown): string {
  return JSON.stringify(row, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  )
}

/** The records of orders and clicks that a log holds, about as they were appended: no partition runs ahead of the others. */
export async function* inOrderOfAppending(log: WalkedLog & Pick<LogView, 'partitions'>): AsyncGenerator<readonly LogRecord[]> {
  const partitions = TIMED_TOPICS.flatMap((topic) =>
    Array.from({ length: log.partitions(topic) }, (_, partition) => ({ topic, partition })),
  )
  const heads = await Promise.all(
    partitions.map(async ({ topic, partition }) => {
      const batches = log.batches(topic, partition)[Symbol.asyncIterator]()
      return { batches, next: await nextOf(batches) }
    }),
  )
  for (;;) {
    const first = heads.filter(({ next }) => next.length > 0).sort((a, b) => appendedAt(a.next) - appendedAt(b.next))[0]
    if (!first) return
    yield first.next
    first.next = await nextOf(first.batches)
  }
}

const appendedAt = ([first]: readonly LogRecord[]) => (first as LogRecord).appendedAt

async function nextOf(batches: AsyncIterator<{ records(): readonly LogRecord[] }>): Promise<readonly LogRecord[]> {
  const next = await batches.next()
  return next.done ? [] : next.value.records()
}

/** Works all of it off, batch by batch, as the reader would. Resolves to how many records there were. */
export async function workOff(
  db: DatabaseSync,
  handler: Handler,
  batches: AsyncIterable<readonly LogRecord[]>,
  { signal, onRecords }: { signal: AbortSignal; onRecords: (count: number) => void },
): Promise<number> {
  let count = 0
  for await (const batch of batches) {
    if (signal.aborted) break
    transaction(db, () => handler.apply(batch))
    count += batch.length
    onRecords(count)
  }
  return count
}
