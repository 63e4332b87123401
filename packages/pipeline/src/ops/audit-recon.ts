import type { DatabaseSync } from 'node:sqlite'
import { RECON, type Correction } from '@flowguard/contract'
import type { LogRecord } from '../log/event-log.ts'
import type { Standing } from '../reader/places.ts'
import { checking, type Check } from './audit-check.ts'
import type { DeadBooks } from './audit-dead.ts'
import { isTrimmed, type PartitionWalk } from './audit-walk.ts'

const keyOf = (kind: string, eventId: string, adId: string | null) => `${kind}\n${adId ?? ''}\n${eventId}`

/** What reconciliation has settled: there the other books need not agree with each other, but with what the batch says. */
export function settledIn(db: DatabaseSync | undefined) {
  const rows = (db
    ?.prepare(
      'select kind, event_id as eventId, ad_id as adId, max(stream_count) as times from recon_differences group by kind, event_id, ad_id',
    )
    .all() ?? []) as unknown as {
    kind: string
    eventId: string
    adId: string | null
    times: number
  }[]
  const keys = new Map(rows.map(({ kind, eventId, adId, times }) => [keyOf(kind, eventId, adId), times]))
  return {
    /** With so many answers, or fewer. */
    hasOrder: (eventId: string, answers: number) => answers <= (keys.get(keyOf('attribution', eventId, null)) ?? -1),
    hasCharge: (kind: string, eventId: string, adId: string) => keys.has(keyOf(kind, eventId, adId)),
  }
}

/** Corrections from what was found to `recon.v1`, and from there to the ledger. */
export function reconBooks(db: DatabaseSync | undefined, standings: readonly Standing[], dead: DeadBooks) {
  const place = standings.find(({ reader }) => reader === 'billing-recon')
  const inTopic = new Set<string>()
  const due = new Map<string, Correction>()

  function visit(record: LogRecord) {
    const correction = JSON.parse(record.value) as Correction
    inTopic.add(correction.correction_id)
    const isRead = place !== undefined && record.offset >= place.began && record.offset < place.next && !dead.has('billing-recon', record)
    if (isRead && correction.kind !== 'attribution' && correction.amount !== 0) due.set(correction.correction_id, correction)
  }
  return {
    visit,
    checks: (walks: readonly PartitionWalk[]): Check[] => (db ? [appliedCheck(db, { inTopic, due }, walks), settledCheck(db)] : []),
  }
}

/** What was found is in the topic, and what billing has read of it is one row of the ledger each. */
function appliedCheck(
  db: DatabaseSync,
  { inTopic, due }: { inTopic: ReadonlySet<string>; due: ReadonlyMap<string, Correction> },
  walks: readonly PartitionWalk[],
): Check {
  const check = checking('every correction is in the ledger')
  const left = new Map(due)
  let actual = 0
  for (const row of db
    .prepare(
      `select r.correction_id as id, l.event_id as eventId, l.ad_id as adId, l.amount, d.amount as due, d.ad_id as dueAd, d.event_id as dueEvent
       from recon_applied r left join ledger l on l.seq = r.ledger_seq left join recon_differences d using (correction_id)`,
    )
    .iterate() as Iterable<unknown> as Iterable<Record<string, string | number | null>>) {
    actual += 1
    left.delete(row['id'] as string)
    if (row['amount'] === null) check.fault(`${row['id']}: its row of the ledger is gone`)
    else if (row['amount'] !== row['due'] || row['adId'] !== row['dueAd'] || row['eventId'] !== row['dueEvent'])
      check.fault(`${row['id']}: ${row['amount']} milli-paise in the ledger, ${row['due'] ?? 'nothing'} was found`)
  }
  for (const id of left.keys()) check.fault(`${id}: read by billing, and no row of the ledger`)
  if (!isTrimmed(walks, RECON))
    for (const { id } of db.prepare('select correction_id as id from recon_differences').all() as { id: string }[])
      if (!inTopic.has(id)) check.fault(`${id}: found, and not in ${RECON}`)
  return check.done({ detail: `corrections of ${RECON} against rows of the ledger of their own`, expected: actual + left.size, actual })
}

/** Charge, corrections and what was waived come to what the batch said last. */
function settledCheck(db: DatabaseSync): Check {
  const check = checking('what was corrected = what the batch says')
  const charged = db.prepare(
    `select coalesce(sum(l.amount), 0) as amount from ledger l left join recon_applied r on r.ledger_seq = l.seq
     where l.ad_id = ? and l.day = ? and l.kind = ? and l.event_id = ? and r.ledger_seq is null`,
  )
  let [expected, actual] = [0, 0]
  for (const row of db
    .prepare(
      `select kind, event_id as eventId, ad_id as adId, day, sum(amount + waived) as settled, batch_amount as batch, max(rowid) as latest
       from recon_differences where kind <> 'attribution' group by kind, event_id, ad_id, day`,
    )
    .iterate() as Iterable<unknown> as Iterable<Settled>) {
    const { kind, eventId, adId, day, settled, batch } = row
    const { amount } = charged.get(adId, day, kind, eventId) as { amount: number }
    expected += 1
    if (amount + settled === batch) actual += 1
    else check.fault(`${kind} of ${eventId} to ad ${adId}: ${amount} charged and ${settled} corrected, for ${batch} milli-paise`)
  }
  return check.done({ detail: 'charges with their corrections, by event, ad and kind', expected, actual })
}

interface Settled {
  kind: string
  eventId: string
  adId: string
  day: string
  settled: number
  batch: number
}
