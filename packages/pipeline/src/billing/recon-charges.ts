import type { DatabaseSync } from 'node:sqlite'
import { Compile, Correction, rupeesToMilli } from '@flowguard/contract'
import type { LogRecord } from '../log/event-log.ts'
import type { Handler } from '../reader/loop.ts'
import type { Fate } from '../reader/places.ts'
import type { Budgets } from './budgets.ts'
import type { CounterChanges } from './counter-changes.ts'
import { parsedAs } from './parsed.ts'
import { billingTables } from './tables.ts'

const schema = Compile(Correction)

interface Options {
  db: DatabaseSync
  budgets: Budgets
  /** Where the counters are kept elsewhere too. */
  changes?: CounterChanges | undefined
}

/**
 * Applies the corrections of `recon.v1` to the ledger, each as a row of its own: a credit where too much was charged, else a charge of the kind that was due. The
 * counters of the ad's day are brought to what the ledger comes to, so that what was changed past them is mended with it.
 */
export function reconCharges({ db, budgets, changes }: Options): Handler {
  const tables = billingTables(db, changes)
  const applied = db.prepare('select 1 from recon_applied where correction_id = ?')
  const apply = db.prepare('insert into recon_applied values (?, ?)')

  function fateOf({ value }: LogRecord): Fate {
    const correction = parsedAs(schema, value)
    if ('invalid' in correction) return { dead: 'invalid_event', detail: correction.invalid }
    const { correction_id: id, kind, ad_id: adId, event_id: eventId, day } = correction
    const amount = rupeesToMilli(correction.amount)
    if (kind === 'attribution' || adId === null || amount === 0) return 'skipped'
    if (applied.get(id)) return 'duplicate'
    // What gives back a credit is a charge for the order again.
    const charged = kind === 'credit' ? 'cpa' : kind
    apply.run(tables.correct({ eventId, adId, day, amount, kind: amount < 0 ? 'credit' : charged }), id)
    return 'applied'
  }

  return {
    load: () => tables.clear(),
    apply(batch) {
      const fates = batch.map(fateOf)
      budgets.note(tables.write())
      return fates
    },
    timeOf: () => -Infinity,
  }
}
