import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CHARGE_KINDS } from '@flowguard/contract'
import { countedIn, readCounters } from './counter-changes.ts'
import { differingCounters, noSums, plusText, type CounterSums, type Dump } from './counters.ts'
import { charge, openedStore } from './testing/view.ts'
import { fc } from '../kernel/testing/chance.ts'

const plain = (sums: CounterSums) =>
  new Map(
    [...sums]
      .map(([set, fields]) => [set, new Map([...fields].filter(([, value]) => value !== 0n))] as const)
      .filter(([, fields]) => fields.size > 0),
  )
/** The counters as somebody has them who was told everything up to `place`. */
function toldUpTo(changes: readonly { seq: number; sums: string }[], place: number, epoch = 'e'): Dump {
  const sums = noSums()
  for (const each of changes) if (each.seq <= place) plusText(sums, each.sums)
  return { epoch, place, sets: [...sums].map(([set, fields]) => ({ set, place, fields })) }
}

test('whatever is charged and counted, the changes add up to the tables, and to what is read to fill others', async () => {
  const some = fc.record({
    ad: fc.constantFrom('cpc', 'cpa', 'an ad: of/its own'),
    item: fc.integer({ min: 1, max: 3 }),
    day: fc.constantFrom('2026-01-30', '2026-01-31'),
    kind: fc.constantFrom(...CHARGE_KINDS),
    amount: fc.integer({ min: -5, max: 10_000_000_000 }),
    counts: fc.record({ impressions: fc.nat(9), clicks: fc.nat(9), orders: fc.nat(9), revenuePaise: fc.nat(9_999_999) }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(some, { maxLength: 20 }), async (all) => {
      using at = openedStore({ isTold: true })
      for (const [n, { ad, item, day, kind, amount, counts }] of all.entries()) {
        at.charge(charge(`e${n}`, day, { adId: ad, kind, amount }))
        at.count(item, day, counts)
      }
      const { sums, changes, place } = countedIn(at.path)
      const told = noSums()
      for (const each of changes) plusText(told, each.sums)
      assert.deepEqual(plain(told), plain(sums))
      assert.equal(place, changes.at(-1)?.seq ?? 0)
      const filled = noSums()
      const filledWith = await readCounters(at.path, async (part) => {
        for (const [set, fields] of part) filled.set(set, new Map([...(filled.get(set) ?? []), ...fields]))
      })
      assert.deepEqual([plain(filled), filledWith.place], [plain(sums), place])
    }),
    { numRuns: 30 },
  )
})

test('counters that are kept here alone leave no changes', () => {
  using at = openedStore({ isTold: false })
  at.charge(charge('a', '2026-01-31'))
  assert.deepEqual([at.changes.after(0, 10), at.changes.latest()], [[], 0])
})

test('changes are numbered without gaps, and on beyond deletion', () => {
  using at = openedStore({ isTold: true })
  for (let n = 0; n < 700; n += 1) at.charge(charge(`e${n}`, '2026-01-31'))
  at.changes.removeTold(700)
  assert.deepEqual([at.changes.oldest(), at.changes.latest()], [201, 700])
  at.changes.setEpoch('e')
  at.changes.forget()
  assert.deepEqual([at.changes.oldest(), at.changes.latest(), at.changes.epoch()], [701, 700, undefined])
  at.charge(charge('next', '2026-01-31'))
  assert.deepEqual(
    at.changes.after(0, 10).map(({ seq }) => seq),
    [701],
  )
})

test('counters elsewhere are compared as they were where each of them stands', () => {
  using at = openedStore({ isTold: true })
  for (let n = 0; n < 6; n += 1) {
    at.charge(charge(`e${n}`, n % 2 === 0 ? '2026-01-30' : '2026-01-31'))
    at.count(7, '2026-01-31', { clicks: 1 })
  }
  const ours = countedIn(at.path)
  for (const place of [0, 1, 5, 12]) {
    const compared = differingCounters(toldUpTo(ours.changes, place), ours)
    assert.deepEqual(compared?.differing, [], String(place))
    assert.equal((compared?.compared ?? 0) > 0, true)
  }
  // Each set may have been looked at at another moment.
  const [early, late] = [toldUpTo(ours.changes, 5), toldUpTo(ours.changes, 9)]
  assert.deepEqual(differingCounters({ ...early, sets: [...early.sets.slice(0, 1), ...late.sets.slice(1)] }, ours)?.differing, [])

  const wrong = toldUpTo(ours.changes, 12)
  const fields = wrong.sets.find(({ set }) => set === 'charges:2026-01-31')?.fields as Map<string, bigint>
  fields.set('cpc.count:cpc', 4n)
  fields.set('cpc.amount:nobody', 1n)
  assert.deepEqual(differingCounters(wrong, ours)?.differing, [
    'charges:2026-01-31 cpc.count:cpc: 4, and should be 3',
    'charges:2026-01-31 cpc.amount:nobody: 1, and should be 0',
  ])
  const lacking = { ...wrong, sets: wrong.sets.filter(({ set }) => set !== 'charges:2026-01-31') }
  assert.equal(differingCounters(lacking, ours)?.differing.length, 2)
  assert.equal(differingCounters({ ...early, place: 13 }, ours), undefined)
  assert.equal(differingCounters(early, { ...ours, changes: ours.changes.slice(7) }), undefined)
})
