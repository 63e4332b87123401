import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DAY_MS, EDITED_FROM, GENERAL } from '@flowguard/contract'
import { mulberry32 } from '../cli/prng.ts'
import { SEED } from '../kernel/testing/chance.ts'
import type { LogRecord } from '../log/event-log.ts'
import type { Fate } from '../reader/places.ts'
import { START } from '../reader/testing/fixture.ts'
import type { Work } from './enrich.ts'
import { companyConformance } from './lane-company.conformance.ts'
import { rivalConformance } from './lane-rivals.conformance.ts'
import { failing, general, processing, RECEIVED, type LaneMachine, type WithLane } from './testing/fixture.ts'

/** What the lane's tables hold to on every engine. */
export function laneConformance(name: string, make: () => Promise<LaneMachine>): void {
  const withLane: WithLane = (title, run) =>
    void test(`${name}: ${title}`, async () => {
      await using machine = await make()
      await run(machine)
    })
  processingConformance(withLane)
  retryConformance(withLane)
  rivalConformance(withLane)
  companyConformance(withLane)
}

const kindOf = (fate: Fate) => (typeof fate === 'string' ? fate : fate.dead)

function processingConformance(withLane: WithLane): void {
  withLane('an event is written down with what was worked out for it, by whom and when', async (machine) => {
    machine.pass(1_500)
    const { apply } = await processing(machine)
    const purchase = general({
      event_id: 'p',
      event_type: 'purchase',
      user_id: 'u',
      properties: { amount: 1_500 },
      timestamp: '2026-01-31T23:20:00+00:00',
      ts: START - 1_800_000,
    })
    const view = general({ event_id: 'v', event_type: 'page_view', user_id: 'u' })
    assert.deepEqual(await apply(purchase, view), ['applied', 'applied'])
    const at = new Date(START + 1_500).toISOString()
    const shared = { user_id: 'u', received_at: RECEIVED, processed_at: at, processed_by: 'w1', retry_count: 0 }
    assert.deepEqual(
      await machine.rows(
        'select event_id, event_type, user_id, properties, timestamp, received_at, category, session_start, processed_at, processed_by, retry_count from processed_events order by seq',
      ),
      [
        {
          event_id: 'p',
          event_type: 'purchase',
          properties: '{"amount":1500}',
          timestamp: '2026-01-31T23:20:00.000Z',
          category: 'high_value',
          session_start: null,
          ...shared,
        },
        {
          event_id: 'v',
          event_type: 'page_view',
          properties: null,
          timestamp: RECEIVED,
          category: null,
          session_start: '2026-01-31T23:20:00.000Z',
          ...shared,
        },
      ],
    )
    assert.deepEqual(await machine.rows('select cast(sum(events) as bigint) as events, sum(seconds) as seconds from lane_durations'), [
      { events: 2, seconds: 3 },
    ])
  })

  withLane('a repeat counts once, by user and id; another content under the same is a conflict', async (machine) => {
    const { apply } = await processing(machine)
    const event = { event_id: 'a', user_id: 'u' }
    assert.deepEqual(await apply(general(event), general(event)), ['applied', 'duplicate'])
    const others = [general(event), general({ event_id: 'a', user_id: 'v' }), general({ event_id: 'a' })]
    assert.deepEqual(await apply(...others), ['duplicate', 'applied', 'applied'])
    assert.deepEqual((await apply(general({ ...event, properties: {} }))).map(kindOf), ['id_conflict'])
    assert.equal((await machine.rows('select * from processed_events')).length, 3)
    assert.equal((await machine.rows('select * from failed_events')).length, 0)
  })

  withLane('what the checks find is failed at once, and what is no general event is only a dead letter', async (machine) => {
    const { apply } = await processing(machine)
    const bad = general({ event_id: 'a', event_type: 'purchase', properties: { amount: 0 } })
    const order = { ...general({ event_id: 'b' }), value: '{"event_type":"nonsense"}' }
    const fates = await apply(bad, order, general({ event_id: 'c' }))
    assert.deepEqual(fates.map(kindOf), ['invalid_event', 'invalid_event', 'applied'])
    assert.deepEqual(await machine.rows('select event_id, reason, error, retry_count, dead_id from failed_events'), [
      {
        event_id: 'a',
        reason: 'invalid_event',
        error: '/properties/amount must be a positive number',
        retry_count: 0,
        dead_id: `workers/${GENERAL}-0-${bad.offset}`,
      },
    ])
    assert.deepEqual(
      new Map((await machine.letters()).map(({ offset, tries }) => [offset, tries])),
      new Map([bad, order].map(({ offset }) => [offset, 1])),
    )
  })

  withLane('text of any kind comes back as it was', async (machine) => {
    const { apply, retryDue } = await processing(machine, ({ event_id: id }, tries) => {
      if (id.startsWith('late') && tries === 0) throw new Error(`\0 ${id}`)
      return { category: null }
    })
    const texts = ['\0', 'a\0b', '\uffff', '"{},\\', "'", 'नमस्ते 🍛', '\n\t', 'NULL', '']
    const ids = texts.flatMap((text) => [`now ${text}`, `late ${text}`])
    await apply(...ids.map((id) => general({ event_id: id, user_id: `u ${id}`, properties: { text: id } })))
    machine.pass(60_000)
    await retryDue()
    const rows = await machine.rows('select event_id, user_id, properties from processed_events')
    assert.deepEqual(new Set(rows.map(({ event_id: id }) => id)), new Set(ids))
    for (const { event_id: id, user_id: user, properties } of rows)
      assert.deepEqual([user, JSON.parse(properties as string)], [`u ${id as string}`, { text: id }])
    assert.deepEqual(
      new Set(await apply(...ids.map((id) => general({ event_id: id, user_id: `u ${id}`, properties: { text: id } })))),
      new Set(['duplicate']),
    )
  })

  withLane(
    'sessions go on from batch to batch, and are forgotten a day after the last event of their user was appended',
    async (machine) => {
      const { apply } = await processing(machine)
      const view = (user: string, minute: number) =>
        general({ event_id: `${user}${minute}`, event_type: 'page_view', user_id: user, ts: START - 3_600_000 + minute * 60_000 })
      await apply(view('u', 0), view('u', 20))
      await apply(view('u', 50), view('v', 50), { ...view('u', 5), appendedAt: START + DAY_MS })
      const starts = await machine.rows('select event_id, session_start from processed_events order by event_id')
      const at = (minute: number) => new Date(START - 3_600_000 + minute * 60_000).toISOString()
      assert.deepEqual(
        starts.map(({ event_id: id, session_start: start }) => [id, start]),
        [
          ['u0', at(0)],
          ['u20', at(0)],
          ['u5', at(0)],
          ['u50', at(0)],
          ['v50', at(50)],
        ],
      )
      await machine.store.forgetSessions(START + 1)
      assert.deepEqual(await machine.rows('select user_id from lane_sessions'), [{ user_id: 'u' }])
    },
  )

  withLane('a batch comes to what its records come to one by one', async (machine) => {
    const random = mulberry32(SEED)
    const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T
    const fields = Array.from({ length: 200 }, () => ({
      event_id: pick(['a', 'b', 'c', 'd', 'e']),
      user_id: pick(['u', 'v']),
      event_type: pick(['custom', 'user_signup', 'page_view', 'purchase']),
      ts: START - Math.floor(random() * 100) * 60_000,
      ...(random() < 0.5 ? { properties: { amount: 1 } } : {}),
    }))
    const work: Work = ({ event_id: id }) => {
      if (id === 'e') throw new Error('out of order')
      return { category: null }
    }
    const records = fields.map((each) => general(each))
    const { apply } = await processing(machine, work)
    const together = await apply(...records)
    const rows = () =>
      machine.rows(
        `select event_id, user_id, session_start as what from processed_events union all select event_id, user_id, error from failed_events
         union all select event_id, user_id, content_hash from lane_retries union all select 'session', user_id, cast(started_at as text) from lane_sessions order by 1, 2`,
      )
    const expected = await rows()
    for (const table of ['processed_events', 'failed_events', 'lane_retries', 'lane_sessions']) await machine.rows(`delete from ${table}`)
    const single: Fate[] = []
    for (const each of fields) single.push(...(await apply(general(each))))
    assert.deepEqual(together, single, `seed ${SEED}`)
    assert.deepEqual(await rows(), expected, `seed ${SEED}`)
  })
}

function retryConformance(withLane: WithLane): void {
  withLane('one whose handling fails is tried again later, and holds up nobody', async (machine) => {
    const { apply, retryDue, tally } = await processing(machine, failing(2))
    const [first, other] = [general({ event_id: 'a' }), general({ event_id: 'b' })]
    assert.deepEqual(await apply(first), ['applied'])
    assert.equal(await retryDue(), 0)
    machine.pass(499)
    assert.equal(await retryDue(), 0)
    machine.pass(1)
    assert.equal(await retryDue(), 1)
    assert.deepEqual(await machine.rows('select tries, error from lane_retries'), [{ tries: 2, error: 'Error: out of order' }])
    assert.deepEqual(await apply(other, general({ event_id: 'a' })), ['applied', 'duplicate'])
    machine.pass(1_000)
    // Another worker, after this one was killed: what it knows is in the store.
    const heir = await processing({ store: await machine.another(), clock: machine.clock })
    assert.equal(await heir.retryDue(), 1)
    assert.deepEqual(await machine.rows('select event_id, retry_count from processed_events order by event_id'), [
      { event_id: 'a', retry_count: 2 },
      { event_id: 'b', retry_count: 0 },
    ])
    const { applied, dead } = await tally()
    assert.deepEqual([applied, dead], [2, 0])
  })

  withLane('after three tries it has failed, with one dead letter, and the books say so', async (machine) => {
    const { apply, retryDue, tally } = await processing(machine, failing(Infinity))
    const record = general({ event_id: 'a', user_id: 'u' })
    await apply(record)
    for (let round = 0; round < 5; round += 1) {
      machine.pass(60_000)
      await retryDue()
    }
    const deadId = `workers/${GENERAL}-0-${record.offset}`
    assert.deepEqual(await machine.rows('select event_id, reason, error, retry_count, dead_id from failed_events'), [
      { event_id: 'a', reason: 'handler_failed', error: 'Error: out of order', retry_count: 2, dead_id: deadId },
    ])
    const letters = await machine.letters()
    assert.deepEqual(
      letters.map(({ dead_id, reason, tries, key, value_base64: bytes }) => [
        dead_id,
        reason,
        tries,
        key,
        Buffer.from(bytes, 'base64').toString(),
      ]),
      [[deadId, 'handler_failed', 3, 'u', record.value]],
    )
    const { read, applied, dead } = await tally()
    assert.deepEqual([read, applied, dead], [1, 0, 1])
    assert.equal((await machine.rows('select * from lane_retries')).length, 0)
  })

  withLane('one that failed may be sent again: it is processed, and no longer failed', async (machine) => {
    const event = { event_id: 'a', user_id: 'u' }
    const broken = await processing(machine, failing(Infinity))
    await broken.apply(general(event))
    for (let round = 0; round < 2; round += 1) {
      machine.pass(60_000)
      await broken.retryDue()
    }
    const mended = await processing(machine)
    const [conflict] = await mended.apply(general({ ...event, properties: { other: true } }))
    assert.equal(kindOf(conflict!), 'id_conflict')
    assert.deepEqual(await mended.apply(general(event), general(event)), ['applied', 'duplicate'])
    assert.deepEqual(await machine.rows('select event_id from processed_events'), [{ event_id: 'a' }])
    assert.deepEqual(await machine.rows('select event_id from failed_events'), [])
  })

  withLane("an operator's edit takes the place of what failed, and of nothing else", async (machine) => {
    const { apply } = await processing(machine)
    const edited = (fields: Parameters<typeof general>[0]): LogRecord => {
      const record = general(fields)
      return { ...record, headers: { ...record.headers, [EDITED_FROM]: `${GENERAL}-0@0` } }
    }
    const bad = { event_id: 'a', event_type: 'purchase', user_id: 'u' }
    await apply(general(bad))
    assert.deepEqual(await apply(edited({ ...bad, properties: { amount: 5 } })), ['applied'])
    assert.deepEqual(await machine.rows('select event_id, properties from processed_events'), [
      { event_id: 'a', properties: '{"amount":5}' },
    ])
    assert.deepEqual(await machine.rows('select event_id from failed_events'), [])
    assert.deepEqual((await apply(edited({ ...bad, properties: { amount: 6 } }))).map(kindOf), ['id_conflict'])
  })

  withLane('one that fails again is failed once, with a letter of each time', async (machine) => {
    const { apply } = await processing(machine)
    const bad = { event_id: 'a', event_type: 'user_signup' }
    const [first, second, third] = [general(bad), general(bad), general(bad)]
    assert.deepEqual((await apply(first, second)).map(kindOf), ['invalid_event', 'invalid_event'])
    assert.deepEqual((await apply(third)).map(kindOf), ['invalid_event'])
    assert.deepEqual(await machine.rows('select dead_id from failed_events'), [{ dead_id: `workers/${GENERAL}-0-${third.offset}` }])
    assert.equal((await machine.letters()).length, 3)
  })
}
