import { pause } from '../../kernel/lifecycle.ts'
import type { Postgres } from '../../kernel/postgres.ts'
import type { Database } from '../database.ts'
import { unpackRecords } from '../outbox-rows.ts'

/** A row of the outbox is read as a whole: what is larger is split. The number of a record is made of its row's and its place in it, from 1. */
export const OUTBOX_ROW_COUNT_MAX = 1_000
/** How long what is committed waits for transactions that began before it, until it is read without it. */
const HELD_BACK_MS_MAX = 1_000
const HELD_BACK_POLL_MS = 4

type Outbox = Pick<Database, 'outbox' | 'shipped' | 'outboxVersion'>

/**
 * The outbox as the relay sees it: rows whose transaction ended before every one that is open, in the order of (xid, id). So none can come later that belongs before
 * one that was seen. A row that another is to come before waits; any writing transaction of the server's that is open holds it back.
 */
export function postgresOutboxOn(postgres: Postgres): Outbox {
  /** Resolves once what was committed at this moment can be read, or it has waited long enough. */
  async function settled(): Promise<void> {
    const deadline = performance.now() + HELD_BACK_MS_MAX
    let until: string | null = null
    do {
      const [row]: { until: string; held: boolean }[] = await postgres.rows(HELD_BACK, [until])
      if (!row?.held) return
      until ??= row.until
      await pause(HELD_BACK_POLL_MS, new AbortController().signal)
    } while (performance.now() < deadline)
  }

  return {
    async outbox(countMax) {
      await settled()
      const rows = await postgres.rows<{ id: number; records: string }>(OLDEST, [countMax])
      return rows.flatMap(({ id, records }) => unpackRecords(records).map((record, at) => ({ id: id * OUTBOX_ROW_COUNT_MAX + at, record })))
    },
    async shipped(lastId) {
      await postgres.changed(SHIPPED, [Math.floor(lastId / OUTBOX_ROW_COUNT_MAX), (lastId % OUTBOX_ROW_COUNT_MAX) + 1])
    },
    async outboxVersion() {
      const [row] = await postgres.rows<{ written: number | null; shippable: number | null }>(VERSION)
      return `${row?.written}/${row?.shippable}`
    },
  }
}

/**
 * Rows of another server's transactions, as a dump that was put back has them: no transaction of this one would ever pass theirs. They go first, in the order of their
 * numbers.
 */
export async function adoptOutbox(postgres: Postgres): Promise<void> {
  await postgres.changed(`update outbox set xid = '0' where xid >= pg_snapshot_xmax(pg_current_snapshot())`)
}

const HELD_BACK = {
  name: 'outbox_held_back',
  text: `select pg_snapshot_xmax(pg_current_snapshot()) as until, exists (
      select 1 from outbox where xid >= pg_snapshot_xmin(pg_current_snapshot()) and xid < coalesce($1::xid8, pg_snapshot_xmax(pg_current_snapshot()))
    ) as held`,
}

const OLDEST = {
  name: 'outbox_oldest',
  text: `select id, records from (
      select id, xid, records, records_count, sum(records_count) over (order by xid, id) as total
      from (select * from outbox where xid < pg_snapshot_xmin(pg_current_snapshot()) order by xid, id limit $1) as oldest
    ) as counted
    where total <= $1 or total = records_count order by xid, id`,
}

/** All before the row that holds the record, and that row where the record is its last. No row holds it: it was forgotten before. */
const SHIPPED = {
  name: 'outbox_shipped',
  text: `delete from outbox using (select xid, id, records_count from outbox where id = $1) as last
    where (outbox.xid, outbox.id) < (last.xid, last.id) or (outbox.id = last.id and last.records_count <= $2)`,
}

const VERSION = {
  name: 'outbox_version',
  text: `select (select id from outbox order by id desc limit 1) as written,
    (select id from outbox where xid < pg_snapshot_xmin(pg_current_snapshot()) order by xid desc, id desc limit 1) as shippable`,
}
