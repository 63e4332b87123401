import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RECON, type Correction } from '@flowguard/contract'
import { feeding, memoryStore, recordsAt, START } from '../reader/testing/fixture.ts'
import { budgetAlerts } from './budgets.ts'
import { reconCharges } from './recon-charges.ts'
import { billingTables } from './tables.ts'

const correction = (more: Partial<Correction>): Correction => ({
  correction_id: 'recon/cpc/ad/click/1',
  kind: 'cpc',
  cause: 'late',
  detail: 'it came late',
  hour: '2026-01-31T10:00:00.000Z',
  event_id: 'click',
  ad_id: 'ad',
  day: '2026-01-31',
  order_id: null,
  user_id: 'u',
  stream: { count: 0, amount: 0, click_event_id: null, ad_id: 'ad' },
  batch: { count: 1, amount: 4.56, click_event_id: null, ad_id: 'ad' },
  amount: 4.56,
  waived: 0,
  found_at: '2026-02-01T01:00:00.000Z',
  run_id: 1,
  ...more,
})

test('corrections become rows of the ledger once each, and the counters what the ledger comes to', () => {
  using store = memoryStore()
  const { db, derived } = store
  const tables = billingTables(db)
  tables.charge({ eventId: 'click', adId: 'ad', day: '2026-01-31', amount: 456_000, kind: 'cpc' })
  tables.write()
  // By hand.
  db.exec('update ledger set amount = 900000')
  const reader = feeding(db, 'billing-recon', [RECON], () =>
    reconCharges({
      db,
      budgets: budgetAlerts(
        derived,
        () => undefined,
        () => START,
      ),
    }),
  )
  const values = [
    correction({ amount: -4.44, cause: 'unexplained' }),
    correction({ amount: -4.44, cause: 'unexplained' }),
    correction({ correction_id: 'recon/cpm/ad/seen/1', kind: 'cpm', event_id: 'seen', amount: 0.00123 }),
    correction({ correction_id: 'recon/credit/ad/cancel/2', kind: 'credit', event_id: 'cancel', amount: 25 }),
    correction({ correction_id: 'recon/attribution/order/1', kind: 'attribution', ad_id: null, amount: 0 }),
    correction({ correction_id: 'recon/cpc/ad/waived/1', amount: 0, waived: 1 }),
  ]
  const sent = recordsAt()
  const records = [...values, { correction_id: 'x' }].map((value) => sent.record(RECON, 'u', value, ''))
  const fates = reader.apply(records)
  assert.deepEqual(
    fates.map((fate) => (typeof fate === 'string' ? fate : fate.dead)),
    ['applied', 'duplicate', 'applied', 'applied', 'skipped', 'skipped', 'invalid_event'],
  )
  const rows = (sql: string) =>
    db
      .prepare(sql)
      .all()
      .map((row) => Object.values(row))
  const sums = [
    ['cpa', 1, 2_500_000],
    ['cpc', 1, 900_000],
    ['cpm', 1, 123],
    ['credit', 1, -444_000],
  ]
  assert.deepEqual(rows('select kind, count(*), sum(amount) from ledger group by kind order by kind'), sums)
  assert.deepEqual(rows('select kind, count, amount from ad_counters order by kind'), sums)
  reader.restart()
  assert.deepEqual(reader.apply([{ ...records[2]!, offset: 9 }]), ['duplicate'])
})
