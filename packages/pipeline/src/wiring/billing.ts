import { ATTRIBUTED, TIMED_TOPICS } from '@flowguard/contract'
import { adsInMemory } from '../billing/ads.ts'
import { budgetAlerts } from '../billing/budgets.ts'
import { clickCharges } from '../billing/click-charges.ts'
import { orderCharges } from '../billing/order-charges.ts'
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
  const { adOf, load, refresh } = adsInMemory(() => database.ads(), { logger })
  await load()
  const budgets = budgetAlerts(derived, adOf, clock)
  const store = { db, path, derived, clock, logger }
  const { changes, parts } = await tellCounters(machine, { db, path })
  const gate = gateIn(db, 'billing', topics)
  const clicks = clickCharges({ db, gate, adOf, budgets, changes, doubleClickMs: Number(settings.DOUBLE_CLICK_MS), logger })
  const orders = orderCharges({ db, topics, adOf, budgets, changes, clock })
  return [
    refresh,
    ...parts,
    readerLoop({ name: 'billing', topics: TIMED_TOPICS, log, handler: clicks }, store),
    readerLoop({ name: 'billing-orders', topics: [ATTRIBUTED], log: derived, handler: orders }, store),
  ]
}
