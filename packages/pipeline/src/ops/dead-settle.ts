import type { DatabaseSync } from 'node:sqlite'
import type { DeadLetter } from '@flowguard/contract'
import { hasCode } from '../kernel/errors.ts'
import { guarded, transaction } from '../kernel/sqlite.ts'
import type { Position } from '../log/event-log.ts'
import type { Edited } from './dead-edit.ts'
import { ROUND_COUNT_MAX, type Round, type RoundAsked } from './dead-round.ts'
import type { DeadFilter } from './dead.ts'
import { isRaw } from './topics.ts'

const REASON_CHARS_MAX = 500

export interface Settled {
  /** Letters, and the records behind them: one that two readers buried is sent again once. */
  letters: number
  records: number
  failed: { dead_id: string; detail: string }[]
  /** `topic-partition@offset`, where it was one record that was sent. */
  sent_to?: string
  /** Of a round: letters that fit and have yet to be gone through. */
  left?: number
  /** Of a round: the next one's `after`; null where nothing is left. */
  next_after?: string | null
  /** Of a round: RFC 3339, what died later was left alone. The next one's `died_by`. */
  died_by?: string
}

interface Settling {
  /** The pipeline's own connection: only its process writes there. */
  db: DatabaseSync
  clock: () => number
  round: (filter: DeadFilter, asked: RoundAsked) => Promise<Round>
  /** Only this round; else round after round, until nothing is left. */
  only?: RoundAsked | undefined
  /** Appends a letter's bytes to its topic again; resolves to where they lie. */
  send: (letter: DeadLetter) => Promise<Pick<Position, 'partition' | 'offset'>>
}

/**
 * Sends what fits the filter again, as it was or as an operator edited the one, and notes it. What cannot be sent stays, and is named. Stops where the gateway
 * does not answer. A record that several readers buried is sent once, for all of them read it again.
 */
export async function retryDead(filter: DeadFilter, reason: string, settling: Settling, edited?: Edited): Promise<Settled> {
  let sentTo: string | undefined
  const settled = await settle({ ...filter, withTwins: true }, settling, async ({ ids, letter }) => {
    if (!isRaw(letter.topic)) throw new Error(`a record of ${letter.topic} was made here, and cannot be sent again`)
    const { partition, offset } = await settling.send({ ...letter, ...edited })
    sentTo = `${letter.topic}-${partition}@${offset}`
    note(settling, ids, { action: 'retried', reason, sentTo, isEdited: edited !== undefined })
  })
  return settled.records === 1 && sentTo !== undefined ? { ...settled, sent_to: sentTo } : settled
}

/** Notes that nobody wants what fits the filter. The letters stay where they are for as long as the topic keeps them. */
export async function dropDead(filter: DeadFilter, reason: string, settling: Omit<Settling, 'send'>): Promise<Settled> {
  return settle(filter, settling, async ({ ids }) => note(settling, ids, { action: 'dropped', reason }))
}

async function settle(
  filter: DeadFilter,
  { round, clock, only }: Pick<Settling, 'round' | 'clock' | 'only'>,
  each: (one: { ids: string[]; letter: DeadLetter }) => Promise<void>,
): Promise<Settled> {
  const settled: Settled = { letters: 0, records: 0, failed: [] }
  // What dies again meanwhile is another letter: with it, this would never end.
  const known = { ...filter, diedBy: Math.min(filter.diedBy ?? Infinity, clock()) }
  const diedBy = new Date(known.diedBy).toISOString()
  let after = only?.after
  for (;;) {
    const { records, left } = await round(known, { after, limit: only?.limit ?? ROUND_COUNT_MAX })
    for (const [index, one] of records.entries()) {
      try {
        await each(one)
        settled.letters += one.ids.length
        settled.records += 1
      } catch (error) {
        const isUnreachable = hasCode(error, 'unreachable')
        if (isUnreachable && settled.records + settled.failed.length === 0) throw error
        // Whoever goes round by round goes on from here, once the gateway answers.
        if (isUnreachable && only)
          return { ...settled, left: left + lettersOf(records.slice(index)), next_after: after ?? null, died_by: diedBy }
        settled.failed.push({ dead_id: one.letter.dead_id, detail: (error as Error).message })
        if (isUnreachable) return settled
      }
      after = one.at
    }
    if (only) return { ...settled, left, next_after: left === 0 ? null : (after ?? null), died_by: diedBy }
    if (left === 0) return settled
  }
}

const lettersOf = (records: Round['records']) => records.reduce((sum, { ids }) => sum + ids.length, 0)

interface Noted {
  action: 'retried' | 'dropped'
  reason: string
  sentTo?: string
  isEdited?: boolean
}

function note({ db, clock }: Pick<Settling, 'db' | 'clock'>, ids: readonly string[], { action, reason, sentTo, isEdited }: Noted) {
  const insert = db.prepare('insert into dead_actions (dead_id, action, at, reason, sent_to, edited) values (?, ?, ?, ?, ?, ?)')
  guarded(db.location() ?? 'the dead letters', () =>
    transaction(db, () => {
      for (const id of ids) insert.run(id, action, clock(), reason.slice(0, REASON_CHARS_MAX), sentTo ?? null, isEdited ? 1 : 0)
    }),
  )
}
