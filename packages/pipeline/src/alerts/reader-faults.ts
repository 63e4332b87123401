import { SECOND_MS } from '@flowguard/contract'
import { CHANNEL_READER } from '../reader/readers.ts'
import type { Raised } from './book.ts'
import type { PipelineRules } from './rules.ts'

/** What is wrong now: of a rule and subject, once. */
export type Fault = Omit<Raised, 'kind' | 'at' | 'times'>

/** Readers that go by batches: up to a minute of the lake's, and what the warehouse may need for one while a run has it. */
const BATCHING: readonly string[] = ['loader', 'lake']
const BATCHING_MORE_MS = 90_000
const STOPPED =
  'Records wait, and it reads none; nothing is lost. `npx flowguard health-check` and `npx flowguard logs` say why; where its process is gone, start it again.'
interface Batch {
  ms: number
  records: number
}
/** Of readers by name: how long one of their batches may wait, and of how many records, where that is more than BATCHING_MORE_MS has room for. */
export type Batches = Readonly<Record<string, Batch>>
const NO_BATCH: Batch = { ms: 0, records: 0 }
/** As a reader among the others: its place is before when it has answered. */
export const FLINK = 'flink'
const FLINK_STOPPED =
  'Orders wait to be answered, and none is lost. `npx flowguard stream flink status` says how its job is, `npx flowguard stream flink deploy` starts it where it is over.'
/** It is known to have answered only checkpoints later; of a job that has just been started, later still (stream/flink/progress.ts). */
const FLINK_MORE_MS = 30_000
const CHANNEL_STOPPED =
  'Alerts wait for it, and none is lost. `npx flowguard alerts channels` says what is wrong with it; `npx flowguard alerts test` tries it.'
/** What is remembered of a reader at most: looks at which there were more than before. */
const LOOKS_MAX = 24 * 3_600

/** What is looked at of a reader: its places, and how much lies behind them. */
export interface Read {
  name: string
  lag: number
  partitions: readonly { next: number }[]
  tally: { dead: number }
}

interface Known {
  /** The sum of its places. */
  read: number
  /** Since when it has read nothing although something waited. */
  stillSince: number | undefined
  /** Since when too many have waited and did not become fewer, and how many it were then. */
  behindSince: { at: number; lag: number; isTold: boolean } | undefined
  /** Dead letters from then on, until there were more; the oldest first. */
  dead: { at: number; count: number }[]
}

/** What is wrong with readers, from one look at their places after the other. */
export function readerFaults(batches: Batches = {}) {
  const known = new Map<string, Known>()

  function look(reader: Read, rules: PipelineRules, now: number): Fault[] {
    const read = reader.partitions.reduce((sum, { next }) => sum + next, 0)
    const before = known.get(reader.name) ?? { read: -1, stillSince: undefined, behindSince: undefined, dead: [] }
    known.set(reader.name, before)
    const batch = batches[reader.name] ?? NO_BATCH
    return [
      ...stopped(reader, read, before, rules, now, batch),
      ...behind(reader, before, rules, now, batch),
      ...dying(reader, before, rules, now),
    ]
  }

  return {
    clear: () => known.clear(),
    look: (readers: readonly Read[], rules: PipelineRules, now: number) => readers.flatMap((reader) => look(reader, rules, now)),
  }
}

function stopped(
  { name, lag }: Read,
  read: number,
  known: Known,
  { reader_stopped: rule }: PipelineRules,
  now: number,
  batch: Batch,
): Fault[] {
  const isStill = lag > 0 && read === known.read
  known.read = read
  known.stillSince = isStill ? (known.stillSince ?? now) : undefined
  if (!rule || known.stillSince === undefined) return []
  const allowedMs =
    rule.for_seconds * SECOND_MS + batch.ms + (BATCHING.includes(name) ? BATCHING_MORE_MS : name === FLINK ? FLINK_MORE_MS : 0)
  const stillMs = now - known.stillSince
  if (stillMs < allowedMs) return []
  return [
    {
      rule: 'reader_stopped',
      subject: name,
      severity: rule.severity,
      ...(name.startsWith(CHANNEL_READER)
        ? { title: `The channel ${name.slice(CHANNEL_READER.length)} takes no alert`, detail: CHANNEL_STOPPED }
        : name === FLINK
          ? { title: 'Flink answers nothing', detail: FLINK_STOPPED }
          : { title: `The reader ${name} stands still`, detail: STOPPED }),
      reason: `no record read for ${Math.round(stillMs / SECOND_MS)} s, and ${lag} wait`,
      value: lag,
      expected: { low: null, high: 0 },
    },
  ]
}

function behind({ name, lag }: Read, known: Known, { reader_behind: rule }: PipelineRules, now: number, batch: Batch): Fault[] {
  if (!rule || lag < rule.at_least + batch.records) {
    known.behindSince = undefined
    return []
  }
  const since = known.behindSince
  // One that catches up is waited for; what comes in lots makes it no worse than its lowest.
  if (!since || (!since.isTold && lag < since.lag)) {
    known.behindSince = { at: now, lag, isTold: false }
    return []
  }
  if (now - since.at < rule.for_seconds * SECOND_MS) return []
  since.isTold = true
  return [
    {
      rule: 'reader_behind',
      subject: name,
      severity: rule.severity,
      title: `The reader ${name} is ${lag} records behind`,
      detail:
        'More comes in than it reads, or something slows it down: the disk, another process, a store at its limit. docs/OPERATIONS.md says what to look at.',
      reason: `${lag} records wait; ${rule.at_least + batch.records} or more have for ${Math.round((now - since.at) / SECOND_MS)} s, and they do not become fewer`,
      value: lag,
      expected: { low: 0, high: rule.at_least + batch.records - 1 },
    },
  ]
}

function dying({ name, tally }: Read, known: Known, { dead_letters: rule }: PipelineRules, now: number): Fault[] {
  if (!rule) {
    known.dead = []
    return []
  }
  const from = now - rule.within_seconds * SECOND_MS
  if (known.dead.at(-1)?.count !== tally.dead) known.dead.push({ at: now, count: tally.dead })
  while (known.dead.length > LOOKS_MAX || (known.dead[1]?.at ?? Infinity) <= from) known.dead.shift()
  const count = tally.dead - (known.dead[0]?.count ?? tally.dead)
  if (count < rule.at_least) return []
  return [
    {
      rule: 'dead_letters',
      subject: name,
      severity: rule.severity,
      title: `${count} dead letters of ${name} within ${Math.round(rule.within_seconds / 60)} minutes`,
      detail: '`npx flowguard dead list` shows them by cause. Mend the cause, and retry them; their batch has gone on.',
      reason: `${count} within ${rule.within_seconds} s; fewer than ${rule.at_least} are usual`,
      value: count,
      expected: { low: 0, high: rule.at_least - 1 },
    },
  ]
}
