import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../kernel/logging.ts'
import { LEASE_MS, leasesOf } from './leases.ts'
import { laneMachine, type LaneMachine } from './testing/fixture.ts'

const PARTITIONS = 6

function worker({ store, clock }: LaneMachine, owner: string) {
  const leases = leasesOf({ db: store.db, path: store.path, owner, partitions: PARTITIONS, clock, logger: silentLogger })
  return { ...leases, holds: () => Array.from({ length: PARTITIONS }, (_, at) => at).filter(leases.isMine) }
}

test('partitions are shared evenly, and each is one worker’s', () => {
  using machine = laneMachine()
  const all = ['a', 'b', 'c', 'd'].map((name) => worker(machine, name))
  const [a, b] = all
  a!.renew()
  assert.deepEqual(a!.holds(), [0, 1, 2, 3, 4, 5])
  for (let round = 0; round < 3; round += 1) for (const each of all) each.renew()
  assert.deepEqual(
    all.map((each) => each.holds().length),
    [2, 2, 1, 1],
  )
  assert.deepEqual(
    all.flatMap((each) => each.holds()).toSorted((a, b) => a - b),
    [0, 1, 2, 3, 4, 5],
  )
  b!.release()
  for (const each of [all[0]!, all[2]!, all[3]!]) each.renew()
  assert.deepEqual(b!.holds(), [])
  assert.deepEqual(
    [all[0]!, all[2]!, all[3]!].flatMap((each) => each.holds()).toSorted((a, b) => a - b),
    [0, 1, 2, 3, 4, 5],
  )
})

test('what a worker held that says nothing any more is another’s when its lease has lapsed, and not before', () => {
  using machine = laneMachine()
  const [dead, heir] = [worker(machine, 'dead'), worker(machine, 'heir')]
  for (let round = 0; round < 2; round += 1) for (const each of [dead, heir]) each.renew()
  machine.pass(LEASE_MS - 1)
  heir.renew()
  assert.deepEqual([dead.holds().length, heir.holds().length], [3, 3])
  machine.pass(1)
  assert.deepEqual(dead.holds(), [])
  heir.renew()
  assert.deepEqual(heir.holds(), [0, 1, 2, 3, 4, 5])
})
