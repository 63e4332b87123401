import { ATTRIBUTED, RECON, TIMED_TOPICS } from '@flowguard/contract'
import { adsInMemory } from '../billing/ads.ts'
import { budgetAlerts } from '../billing/budgets.ts'
import { clickCharges } from '../billing/click-charges.ts'
import { orderCharges } from '../billing/order-charges.ts'
import { reconCharges } from '../billing/recon-charges.ts'
import { termsIn } from '../billing/terms.ts'
import { guarded } from '../kernel/sqlite.ts'
import { gateIn } from '../reader/gate.ts'
import { readerLoop } from '../reader/loop.ts'
import { tellCounters } from './counters.ts'
import { readingDatabase } from './edge-stores.ts'
import { rawReader } from './logs.ts'
import type { StartRole } from './machine.ts'

export const start: StartRole = async (machine) => {
  const { settings, topics, clock, logger } = machine
  const { db, path, derived } = await machine.pipeline()
  const log = await rawReader(machine, TIMED_TOPICS)
  const database = await readingDatabase(machine)
  const doubleClickMs = Number(settings.DOUBLE_CLICK_MS)
  const terms = guarded(path, () => termsIn(db, { doubleClickMs, clock }))
  const readAds = async () => {
    const ads = await database.ads()
    guarded(path, () => terms.note(ads))
    return ads
  }
  const { adOf, load, refresh } = adsInMemory(readAds, { logger })
  await load()
  const budgets = budgetAlerts(derived, adOf, clock)
  const store = { db, path, derived, clock, logger }
  const { changes, parts } = await tellCounters(machine, { db, path })
  const gate = gateIn(db, 'billing', topics)
  const clicks = clickCharges({ db, gate, adOf, budgets, changes, doubleClickMs, logger })
  const orders = orderCharges({ db, topics, adOf, budgets, changes, clock })
  return [
    refresh,
    ...parts,
    readerLoop({ name: 'billing', topics: TIMED_TOPICS, log, handler: clicks }, store),
    readerLoop({ name: 'billing-orders', topics: [ATTRIBUTED], log: derived, handler: orders }, store),
    readerLoop({ name: 'billing-recon', topics: [RECON], log: derived, handler: reconCharges({ db, budgets, changes }) }, store),
  ]
}
