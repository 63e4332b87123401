import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLICKS, DEAD, type DeadLetter } from '@flowguard/contract'
import { FlowGuardError, hasCode } from '../kernel/errors.ts'
import { dropDead, retryDead } from './dead-settle.ts'
import { deadRound, type RoundAsked } from './dead-round.ts'
import { deadLetter, deadLetters, type DeadFilter } from './dead.ts'
import { openMachine, T0, temporaryFolder, type TestMachine } from './fixture.ts'
import type { Stores } from './stores.ts'
import { summary } from './summary.ts'

const BYTES = Buffer.from([0x7b, 0xff, 0xfe, 0x0a, 0x7d])
const ALL: DeadFilter = {}

/** Three records that cannot be read, and one that conflicts: the first three are buried by two readers each. */
async function withDead(): Promise<AsyncDisposable & { machine: TestMachine; stores: Stores }> {
  const folder = temporaryFolder()
  const machine = openMachine(folder.path)
  await machine.heartbeat(0)
  await machine.raw.append(CLICKS, [{ key: 'u1', value: BYTES, headers: { traceparent: `00-${'12'.repeat(16)}-${'34'.repeat(8)}-01` } }])
  await machine.raw.append(CLICKS, [{ key: 'u1', value: '{"event_type":"click","event_id":"half"}', headers: {} }])
  await machine.read()
  machine.setTime(T0 + 1_000)
  await machine.raw.append(CLICKS, [{ key: 'u2', value: 'no JSON', headers: {} }])
  await machine.click({ id: 'twice', at: 1_000 })
  await machine.raw.append(CLICKS, [
    { key: 'u1', value: JSON.stringify({ ...CLICK, event_id: 'twice' }), headers: { content_hash: 'another' } },
  ])
  await machine.read()
  const stores = machine.stores()
  return {
    machine,
    stores,
    async [Symbol.asyncDispose]() {
      await stores[Symbol.asyncDispose]()
      await machine[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

const CLICK = { event_type: 'click', ad_id: 'cpc-1', user_id: 'u1', item_id: 1, received_at: '', is_bot: false, ts: T0 + 1_000 }

function settling({ machine, stores }: { machine: TestMachine; stores: Stores }, sent: (letter: DeadLetter) => Promise<void>) {
  return {
    db: machine.pipeline.db,
    clock: () => T0 + 5_000,
    round: async (filter: DeadFilter, asked: RoundAsked) => deadRound(stores, filter, asked),
    send: async (letter: DeadLetter) => {
      await sent(letter)
      return { partition: 3, offset: 17 }
    },
  }
}

test('dead letters are grouped by reason and reader, and listed page by page, the newest first', async () => {
  await using all = await withDead()
  const first = await deadLetters(all.stores, ALL, { after: undefined, limit: 4 })
  assert.equal(first.total, 7)
  assert.deepEqual(first.groups.map(({ reason, reader, count, waiting }) => `${reason} ${reader} ${count} ${waiting}`).sort(), [
    'id_conflict stream 1 1',
    'invalid_event billing 3 3',
    'invalid_event stream 3 3',
  ])
  assert.equal(first.letters.length, 4)
  const second = await deadLetters(all.stores, ALL, { after: first.next_after ?? undefined, limit: 4 })
  assert.equal(second.next_after, null)
  const pages = [...first.letters, ...second.letters]
  assert.equal(new Set(pages.map(({ dead_id: id }) => id)).size, 7)
  assert.deepEqual(
    pages.map(({ died_at: at }) => at),
    pages
      .map(({ died_at: at }) => at)
      .sort()
      .reverse(),
  )
  assert.deepEqual(
    (await deadLetters(all.stores, { reason: 'id_conflict' }, { after: undefined, limit: 10 })).letters.map(({ event_id: id, reader }) => [
      id,
      reader,
    ]),
    [['twice', 'stream']],
  )
})

test('one letter is shown with its bytes as they are, decoded where they can be, and what is wrong with them', async () => {
  await using all = await withDead()
  const { letters } = await deadLetters(all.stores, { reader: 'stream', reason: 'invalid_event' }, { after: undefined, limit: 10 })
  const shown = await Promise.all(letters.map(({ dead_id: id }) => deadLetter(all.stores, id)))
  const bytes = shown.find((each) => each?.trace_id !== null)
  assert.deepEqual(Buffer.from(bytes?.value_base64 ?? '', 'base64'), BYTES)
  assert.match(bytes?.fault ?? '', /not UTF-8/)
  const half = shown.find((each) => each?.event_id === 'half')
  assert.deepEqual(half?.decoded, { event_type: 'click', event_id: 'half' })
  assert.match(half?.fault ?? '', /\//)
  assert.equal(await deadLetter(all.stores, 'stream/raw.clicks.v1-9-9'), undefined)
})

test('a retry sends each record once, as it was, and every letter of it counts as retried', async () => {
  await using all = await withDead()
  assert.equal((await summary(all.stores)).dead, 7)
  const sent: DeadLetter[] = []
  const result = await retryDead(
    { reason: 'invalid_event' },
    'mended',
    settling(all, async (letter) => void sent.push(letter)),
  )
  assert.deepEqual(result, { letters: 6, records: 3, failed: [] })
  assert.ok(sent.some(({ value_base64: value }) => value === BYTES.toString('base64')))
  assert.equal((await summary(all.stores)).dead, 1)
  assert.equal((await deadLetters(all.stores, { state: 'waiting' }, { after: undefined, limit: 10 })).total, 1)
  const [retried] = (await deadLetters(all.stores, { state: 'retried' }, { after: undefined, limit: 10 })).letters
  assert.deepEqual((await deadLetter(all.stores, retried?.dead_id ?? ''))?.actions, [
    { action: 'retried', at: new Date(T0 + 5_000).toISOString(), reason: 'mended', sent_to: 'raw.clicks.v1-3@17', edited: false },
  ])
  const again = await retryDead(
    { reason: 'invalid_event' },
    '',
    settling(all, async () => assert.fail('sent again')),
  )
  assert.deepEqual(again, { letters: 0, records: 0, failed: [] })
})

test('what cannot be sent stays and is named; a gateway that does not answer ends it', async () => {
  await using all = await withDead()
  const refused = await retryDead(
    ALL,
    '',
    settling(all, async () => Promise.reject(new FlowGuardError('refused', 'too large'))),
  )
  assert.equal(refused.records, 0)
  assert.equal(refused.failed.length, 4)
  assert.equal((await summary(all.stores)).dead, 7)
  const unreachable = async () => Promise.reject(new FlowGuardError('unreachable', 'nobody there'))
  await assert.rejects(retryDead(ALL, '', settling(all, unreachable)), (error) => hasCode(error, 'unreachable'))
})

test('a record that was made here cannot be sent again', async () => {
  await using all = await withDead()
  const letter = {
    dead_id: 'billing-orders/attributed.events.v1-0-0',
    reader: 'billing-orders',
    topic: 'attributed.events.v1',
    partition: 0,
    offset: 0,
  }
  const more = {
    reason: 'invalid_event',
    detail: '',
    tries: 1,
    died_at: new Date(T0).toISOString(),
    key: 'u',
    headers: {},
    value_base64: '',
  }
  await all.machine.pipeline.derived.append(DEAD, [{ key: 'u', value: JSON.stringify({ ...letter, ...more }), headers: {} }])
  const { failed } = await retryDead(
    { reader: 'billing-orders' },
    '',
    settling(all, async () => assert.fail('sent')),
  )
  assert.match(failed[0]?.detail ?? '', /made here/)
})

test('a letter that is dropped stays readable, and no longer waits', async () => {
  await using all = await withDead()
  const [one] = (await deadLetters(all.stores, { reason: 'id_conflict' }, { after: undefined, limit: 1 })).letters
  const result = await dropDead(
    { dead_id: one?.dead_id },
    'a client that counts wrongly',
    settling(all, async () => undefined),
  )
  assert.deepEqual(result, { letters: 1, records: 1, failed: [] })
  assert.equal((await deadLetter(all.stores, one?.dead_id ?? ''))?.state, 'dropped')
  assert.equal((await summary(all.stores)).dead, 6)
})

test('a letter that dies again while all are retried is left for the next time', async () => {
  await using all = await withDead()
  const { machine, stores } = all
  let sent = 0
  const settled = await retryDead({ reason: 'invalid_event' }, '', {
    ...settling(all, async () => {
      sent += 1
      machine.setTime(T0 + 6_000)
      await machine.raw.append(CLICKS, [{ key: 'u2', value: 'no JSON', headers: {} }])
      await machine.read()
    }),
  })
  assert.equal(sent, 3)
  assert.equal(settled.records, 3)
  assert.equal((await deadLetters(stores, { reason: 'invalid_event', state: 'waiting' }, { after: undefined, limit: 10 })).total, 6)
})

const oneAtATime = (after: string | null | undefined): { only: RoundAsked } => ({ only: { after: after ?? undefined, limit: 1 } })

test('round by round, each letter is gone through once, and what is left is told', async () => {
  await using all = await withDead()
  const sent: string[] = []
  const told: (number | undefined)[] = []
  let after: string | null | undefined
  do {
    const round = await retryDead({ reason: 'invalid_event' }, '', {
      ...settling(all, async ({ topic, partition, offset }) => void sent.push(`${topic}-${partition}-${offset}`)),
      ...oneAtATime(after),
    })
    assert.deepEqual([round.letters, round.records], [2, 1])
    told.push(round.left)
    after = round.next_after
  } while (after)
  assert.deepEqual(told, [4, 2, 0])
  assert.equal(new Set(sent).size, 3)
  assert.equal(sent.length, 3)
})

test('a round does not come back to what could not be sent', async () => {
  await using all = await withDead()
  const failed: string[] = []
  let after: string | null | undefined
  do {
    const round = await retryDead(ALL, '', {
      ...settling(all, async () => Promise.reject(new FlowGuardError('refused', 'too large'))),
      ...oneAtATime(after),
    })
    failed.push(...round.failed.map(({ dead_id: id }) => id))
    after = round.next_after
  } while (after)
  assert.equal(failed.length, 4)
  assert.equal(new Set(failed).size, 4)
})

test('a round that the gateway leaves in the middle says where to go on; nothing is sent twice', async () => {
  await using all = await withDead()
  const sent: string[] = []
  const only = { after: undefined, limit: 10 }
  const first = await retryDead(ALL, '', {
    ...settling(all, async ({ dead_id: id }) => {
      if (sent.length === 2) throw new FlowGuardError('unreachable', 'nobody there')
      sent.push(id)
    }),
    only,
  })
  assert.deepEqual([first.records, first.failed], [2, []])
  const rest = await retryDead(ALL, '', {
    ...settling(all, async ({ dead_id: id }) => void sent.push(id)),
    only: { ...only, after: first.next_after ?? undefined },
  })
  assert.deepEqual([rest.letters, rest.left, rest.next_after], [first.left, 0, null])
  assert.equal(new Set(sent).size, 4)
  assert.equal((await summary(all.stores)).dead, 0)
})

test('what died after the count is left alone', async () => {
  await using all = await withDead()
  const { as_of: asOf } = await deadLetters(all.stores, ALL, { after: undefined, limit: 1 })
  assert.ok(!Number.isNaN(Date.parse(asOf)))
  const before = { diedBy: T0 + 500 }
  const result = await dropDead(
    before,
    'the first two',
    settling(all, async () => undefined),
  )
  assert.equal(result.records, 2)
  assert.equal((await deadLetters(all.stores, { state: 'waiting' }, { after: undefined, limit: 10 })).total, 3)
})
