import assert from 'node:assert/strict'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { GENERAL, type DeadLetter } from '@flowguard/contract'
import { silentLogger } from '../../kernel/logging.ts'
import { observeReader } from '../../kernel/observer.ts'
import { openLaneStore } from '../../lane-store.ts'
import type { LogRecord } from '../../log/event-log.ts'
import type { Fate } from '../../reader/places.ts'
import { deadLetters, START, temporaryFolder, TOPICS } from '../../reader/testing/fixture.ts'
import { laneEffects } from '../effects.ts'
import { enrich, type Work } from '../enrich.ts'
import { WORKERS } from '../processor.ts'
import type { LaneTables } from '../tables.ts'

export const RECEIVED = new Date(START).toISOString()
const LIMIT_MS = 120_000

/** The lane's tables on some engine, with nothing in them, and a clock that a test moves. */
export interface LaneMachine extends AsyncDisposable {
  /** For logs and whatever else a test needs. */
  folder: string
  store: LaneTables
  /** The same tables as another process has them open. */
  another(): Promise<LaneTables>
  clock: () => number
  pass(ms: number): void
  letters(): Promise<DeadLetter[]>
  /** Of a statement that all engines understand. */
  rows(sql: string): Promise<Record<string, unknown>[]>
}

/** A case of a conformance suite. */
export type WithLane = (title: string, run: (machine: LaneMachine) => Promise<void>) => void

/** A lane's store in a folder of its own. */
export async function sqliteMachine(): Promise<LaneMachine> {
  const folder = temporaryFolder()
  let now = START
  const clock = () => now
  const opened = new DisposableStack()
  const open = () => opened.use(openLaneStore(join(folder.path, 'lane.db'), TOPICS, clock))
  const store = open()
  return {
    folder: folder.path,
    store,
    another: async () => open(),
    clock,
    pass: (ms: number) => void (now += ms),
    letters: () => deadLetters(store.lane),
    rows: async (sql: string) =>
      store.db
        .prepare(sql)
        .all()
        .map((row) => ({ ...row })),
    async [Symbol.asyncDispose]() {
      opened.dispose()
      folder[Symbol.dispose]()
    },
  }
}

/** One worker without its loop: applies records as the loop does, and tries again when it is told to. */
export async function processing({ store, clock }: Pick<LaneMachine, 'store' | 'clock'>, work: Work = enrich, worker = 'w1') {
  const effects = laneEffects({
    store,
    worker,
    work,
    clock,
    random: () => 1,
    logger: silentLogger,
    observer: observeReader(WORKERS, clock),
  })
  await effects.begin(
    'log',
    [0, 1].map((partition) => ({ topic: GENERAL, partition, next: 0 })),
  )
  return {
    retryDue: effects.retryDue,
    apply: async (...batch: LogRecord[]): Promise<readonly Fate[]> => (await effects.workOff(batch, await effects.reload())).fates,
    tally: async () => (await effects.reload())[0]!,
  }
}

let offset = 0

/** A record as the gateway writes it, of partition 0 unless another is said. Its content is what is in it. */
export function general(fields: Record<string, unknown> & { event_id: string }, partition = 0): LogRecord {
  const event = { event_type: 'custom', received_at: RECEIVED, is_bot: false, ts: START, ...fields }
  const key = (fields['user_id'] as string | undefined) ?? fields.event_id
  const headers = { content_hash: JSON.stringify(fields) }
  return { topic: GENERAL, partition, offset: offset++, key, value: JSON.stringify(event), headers, appendedAt: START }
}

export async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + LIMIT_MS
  while (!(await condition())) {
    assert.ok(performance.now() < deadline, `waited too long until ${what}`)
    await wait(5)
  }
}

/** Work that fails so often, whatever it is given. */
export const failing =
  (times: number): Work =>
  () => {
    if (times-- > 0) throw new Error('out of order')
    return { category: null }
  }
