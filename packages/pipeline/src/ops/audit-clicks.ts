import type { DatabaseSync } from 'node:sqlite'
import { CLICKS, WINDOW_MS, type ClickEvent } from '@flowguard/contract'
import { onlyPartitionOf } from '../erasure/erased-place.ts'
import type { LogRecord } from '../log/event-log.ts'
import type { AttributedBooks, Claim } from './audit-attributed.ts'
import { checking, type Check } from './audit-check.ts'
import { settledIn } from './audit-recon.ts'
import { keptSinceMs, type PartitionWalk } from './audit-walk.ts'

/** Rows of the ledger that share event, ad and kind. Right only where as many users sent an event of this id: an id is one user's own. */
interface Repeat {
  eventId: string
  adId: string
  kind: string
  count: number
  day: string
}

const EVENT_ID = /"event_id":"((?:[^"\\]|\\.)*)"/g
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** The clicks that orders and charges speak of, looked for in `raw.clicks.v1`. */
export function clickBooks(db: DatabaseSync | undefined, { claims }: AttributedBooks) {
  const repeats = db ? repeatsIn(db) : []
  const wanted = new Map<string, Claim[]>()
  for (const claim of claims) {
    const key = `${claim.userId}\n${claim.clickId}`
    wanted.set(key, [...(wanted.get(key) ?? []), claim])
  }
  // As they stand in the text of an event.
  const ids = new Set(
    [...claims.map(({ clickId }) => clickId), ...repeats.map(({ eventId }) => eventId)].map((id) => JSON.stringify(id).slice(1, -1)),
  )
  const repeated = new Set(repeats.map(({ eventId, adId }) => `${adId}\n${eventId}`))
  const users = new Map<string, Set<string>>()
  const earned = new Set<Claim>()

  function visit({ value }: LogRecord) {
    // Most events are not parsed: only one whose text has an id that is looked for.
    for (const [, id] of value.matchAll(EVENT_ID)) {
      if (ids.has(id as string)) return note(JSON.parse(value) as ClickEvent)
    }
  }

  function note(event: ClickEvent) {
    const key = `${event.ad_id}\n${event.event_id}`
    if (repeated.has(key)) users.set(key, (users.get(key) ?? new Set()).add(event.user_id))
    if (event.event_type !== 'click' || event.is_bot) return
    for (const claim of wanted.get(`${event.user_id}\n${event.event_id}`) ?? []) {
      const ageMs = claim.orderTs - event.ts
      if (event.item_id === claim.itemId && event.ts === claim.clickTs && ageMs >= 0 && ageMs <= WINDOW_MS) earned.add(claim)
    }
  }

  return {
    /** Whether there is anything to look for. */
    isNeeded: ids.size > 0,
    visit,
    checks: (walks: readonly PartitionWalk[]): Check[] => [claimsCheck(claims, earned, walks), onceCheck(db, repeats, users, walks)],
  }
}

/** Without what reconciliation has added, and what it has settled. */
function repeatsIn(db: DatabaseSync): Repeat[] {
  const rows = db
    .prepare(
      `select event_id as eventId, ad_id as adId, kind, count(*) as count, min(day) as day from ledger left join recon_applied r on r.ledger_seq = ledger.seq
       where r.ledger_seq is null group by event_id, ad_id, kind having count(*) > 1`,
    )
    .all() as unknown as Repeat[]
  if (rows.length === 0) return rows
  const settled = settledIn(db)
  return rows.filter(({ kind, eventId, adId }) => !settled.hasCharge(kind, eventId, adId))
}

/** Every click that an order is due to is in the log: of the order's user and item, no bot's, and at most 30 minutes before it. */
function claimsCheck(claims: readonly Claim[], earned: ReadonlySet<Claim>, walks: readonly PartitionWalk[]): Check {
  const check = checking('every attributed click is in the log')
  const partitions = walks.filter(({ topic }) => topic === CLICKS).length
  let beyond = 0
  for (const claim of claims) {
    if (earned.has(claim)) continue
    const keptSince = partitions === 0 ? -Infinity : keptSinceMs(walks, CLICKS, onlyPartitionOf(claim.userId, partitions))
    if (claim.clickTs <= keptSince) beyond += 1
    else check.fault(`order ${claim.orderId}: no click ${claim.clickId} of its user and item in time`)
  }
  const detail = `clicks by user and id${beyond > 0 ? `; ${beyond} of them may be older than what the log keeps` : ''}`
  return check.done({ detail, expected: claims.length - beyond, actual: earned.size })
}

function onceCheck(
  db: DatabaseSync | undefined,
  repeats: readonly Repeat[],
  users: ReadonlyMap<string, Set<string>>,
  walks: readonly PartitionWalk[],
): Check {
  const check = checking('no event is charged twice')
  const keptSince = keptSinceMs(walks, CLICKS)
  let beyond = 0
  let extra = 0
  for (const { eventId, adId, kind, count, day } of repeats) {
    const right = kind === 'cpc' || kind === 'cpm' ? (users.get(`${adId}\n${eventId}`)?.size ?? 0) : 1
    if (count <= Math.max(1, right)) continue
    // An id that a client numbered itself may be another user's, whose event the log no longer keeps; a UUID is nobody else's.
    if (!UUID.test(eventId) && (kind === 'cpc' || kind === 'cpm') && Date.parse(day) <= keptSince) {
      beyond += 1
      continue
    }
    extra += count - Math.max(1, right)
    check.fault(`${eventId}: charged ${count} times to ad ${adId} as ${kind}`)
  }
  const { rows } = (db?.prepare('select count(*) as rows from ledger').get() ?? { rows: 0 }) as { rows: number }
  const detail = `rows of the ledger by event, ad and kind${beyond > 0 ? `; ${beyond} repeated ids are older than what the log keeps` : ''}`
  return check.done({ detail, expected: rows - extra, actual: rows })
}
