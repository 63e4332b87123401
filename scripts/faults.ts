const SRC = 'packages/pipeline/src'

export interface Fault {
  name: string
  file: string
  from: string
  to: string
  tests: string[]
  /** The one test that is to see it, where running all would take long. */
  only?: string
}

/** What `npm run test:faults` plants; each text stands once in its file (test/faults.test.ts). */
export const FAULTS: readonly Fault[] = [
  {
    name: 'reconciliation forgets what it has settled',
    file: `${SRC}/reconcile/compare-sql.ts`,
    from: 'where x.batch_amount - x.stream_amount - coalesce(s.amount, 0) <> 0',
    to: 'where x.batch_amount - x.stream_amount <> 0',
    tests: [`${SRC}/reconcile/reconcile.test.ts`],
    only: 'each planted fault',
  },
  {
    name: 'a click that was flagged still earns',
    file: `${SRC}/reconcile/batch-sql.ts`,
    from: 'f.first_offset = w.source_offset and x.event_id is null as is_valid',
    to: 'f.first_offset = w.source_offset as is_valid',
    tests: [`${SRC}/reconcile/reconcile.test.ts`],
    only: 'each planted fault',
  },
  {
    name: 'the place is moved before the effect, in a transaction of its own',
    file: `${SRC}/reader/loop.ts`,
    from: '      const committed = guarded(path, () => transaction(db, () => commitNow(batch, standings, dead)))',
    to: `      transaction(db, () => {
        const all = batch.map((): Fate => 'applied')
        for (const move of movesOf(name, batch, all, standings, (topic, partition) => handler.timeOf(topic, partition))) places.move(move)
      })
      places.move = () => undefined
      const committed = guarded(path, () => transaction(db, () => commitNow(batch, standings, dead)))`,
    tests: ['test/crash-points.test.ts'],
    only: 'reader.after-effect',
  },
  {
    name: 'a click is answered before it is flushed',
    file: `${SRC}/log/adapters/sqlite.ts`,
    from: 'waiting.push({ topic, records, resolve, reject })',
    to: 'waiting.push({ topic, records, resolve, reject }); resolve([])',
    tests: ['test/flush.test.ts'],
  },
  {
    name: 'an order is answered before it is flushed',
    file: `${SRC}/database/adapters/sqlite-orders.ts`,
    from: 'take: (drafts) => grouped(() => drafts.map(takeNow)),',
    to: `take: (drafts) => {
      void grouped(() => drafts.map(takeNow))
      return Promise.resolve(drafts.map(({ orderId }) => ({ kind: 'accepted', orderId })))
    },`,
    tests: ['test/flush.test.ts'],
  },
  {
    name: 'commits are not flushed to the disk',
    file: `${SRC}/kernel/sqlite.ts`,
    from: 'pragma synchronous = full',
    to: 'pragma synchronous = off',
    tests: [`${SRC}/log/adapters/sqlite.test.ts`],
  },
  {
    name: 'the ledger is written outside the transaction',
    file: `${SRC}/billing/tables.ts`,
    from: '      insertCharge.run(eventId, adId, day, amount, kind)',
    to: '      setTimeout(() => insertCharge.run(eventId, adId, day, amount, kind), 1_000)',
    tests: ['test/crash-points.test.ts'],
    only: 'reader.after-commit',
  },
  {
    name: 'repeats are not recognised',
    file: `${SRC}/reader/seen.ts`,
    from: "if (found >= 0) return words![found + 3] === slot[3] ? 'same' : 'other'",
    to: "if (found >= 0) return 'new'",
    tests: [`${SRC}/stream/processor.test.ts`],
  },
  {
    name: 'the outbox is cleared before the log has its orders',
    file: `${SRC}/outbox/relay.ts`,
    from: `      if (!(await lasting('appending orders to the log', () => log.append(ORDERS, records), end))) return
      step('relay.after-append')
      // By itself, so that a store that cannot forget them just now does not have them appended again.
      await lasting('clearing the outbox', () => database.shipped(last.id), end)
      step('relay.after-delete')`,
    to: `      await lasting('clearing the outbox', () => database.shipped(last.id), end)
      step('relay.after-delete')
      if (!(await lasting('appending orders to the log', () => log.append(ORDERS, records), end))) return
      step('relay.after-append')`,
    tests: ['test/crash-points.test.ts'],
    only: 'relay.after-delete',
  },
  {
    name: 'a click of 30:00.001 ago earns the order',
    file: `${SRC}/stream/attribution/last-click.ts`,
    from: '<= WINDOW_MS',
    to: '<= WINDOW_MS + 1',
    tests: [`${SRC}/stream/processor.test.ts`],
  },
  {
    name: 'an order is answered at the watermark instead of behind it',
    file: `${SRC}/reader/due-queue.ts`,
    from: '(item.ts < watermark ? due : rest)',
    to: '(item.ts <= watermark ? due : rest)',
    tests: [`${SRC}/reader/due-queue.test.ts`],
  },
  {
    name: 'a late click earns orders',
    file: `${SRC}/reader/gate.ts`,
    from: "return behindMs > LATENESS_MS ? { kind: 'late', event, behindMs } : { kind: 'event', event }",
    to: "return { kind: 'event', event }",
    tests: [`${SRC}/stream/processor.test.ts`],
  },
  {
    name: 'a reader that shares its partitions moves the place wherever it stood',
    file: `${SRC}/reader/places.ts`,
    from: 'where reader = ? and topic = ? and partition = ? and next = ?`)',
    to: 'where reader = ? and topic = ? and partition = ? and ? >= 0`)',
    tests: [`${SRC}/workers/adapters/sqlite-lane.test.ts`],
  },
  {
    name: 'how often a general event was tried is known in memory only',
    file: `${SRC}/workers/adapters/sqlite-lane.ts`,
    from: 'update lane_retries set tries = tries + 1,',
    to: 'update lane_retries set tries = tries,',
    tests: [`${SRC}/workers/adapters/sqlite-lane.test.ts`],
  },
  {
    name: 'a general event that failed is a duplicate for ever',
    file: `${SRC}/workers/processor.ts`,
    from: "if (known.some(({ state }) => state !== 'failed')) return 'duplicate'",
    to: "if (known.length > 0) return 'duplicate'",
    tests: [`${SRC}/workers/adapters/sqlite-lane.test.ts`],
  },
  {
    name: 'the partitions of a worker that died stay its own',
    file: `${SRC}/workers/leases.ts`,
    from: 'each.owner !== owner && each.until > now',
    to: 'each.owner !== owner',
    tests: [`${SRC}/workers/adapters/sqlite-lane.test.ts`],
  },
  {
    name: 'dead letters of the general lane are forgotten before they are copied',
    file: `${SRC}/workers/retention.ts`,
    from: 'readBefore: shipped()',
    to: 'readBefore: new Map([...shipped()].map(([partition]) => [partition, Infinity]))',
    tests: [`${SRC}/workers/adapters/sqlite-lane.test.ts`],
  },
  {
    name: 'on this machine a change needs no key',
    file: `${SRC}/http/keys.ts`,
    from: "(keyed === 'changes' && !isChange)",
    to: "keyed === 'changes'",
    tests: [`${SRC}/http/keys.test.ts`],
  },
  {
    name: 'dead letters are settled side by side',
    file: `${SRC}/ops/routes-dead.ts`,
    from: 'const done = last.then(work)',
    to: 'const done = work()',
    tests: [`${SRC}/ops/routes-dead.test.ts`],
  },
  {
    name: 'a hover is charged',
    file: `${SRC}/billing/click-charges.ts`,
    from: '&& isChargeable(event)',
    to: '',
    tests: [`${SRC}/billing/click-charges.test.ts`],
  },
  {
    name: 'an erased person comes back from the log',
    file: `${SRC}/erasure/erased-log.ts`,
    from: 'value: erasedRaw(record.value, pseudonym), memo',
    to: 'memo',
    tests: [`${SRC}/erasure/erased-list.test.ts`],
  },
  {
    name: 'a dead letter keeps an erased person in its bytes',
    file: `${SRC}/erasure/person.ts`,
    from: "if (typeof raw === 'string') erased['value_base64']",
    to: "if (raw === 0) erased['value_base64']",
    tests: [`${SRC}/erasure/person.test.ts`],
  },
  {
    name: 'a file of the lake that gave way to another stays',
    file: `${SRC}/lake/rewrite.ts`,
    from: 'if (from.name !== to.name) await files.remove(from.name)',
    to: 'if (from.name === to.name) await files.remove(from.name)',
    tests: [`${SRC}/lake/rewrite.test.ts`],
  },
  {
    name: 'a day made table by table is level before its last table is made',
    file: `${SRC}/etl/parts.ts`,
    from: 'await leave(await readersOf(model.name, days))',
    to: 'await readersOf(model.name, days)',
    tests: [`${SRC}/etl/parts.test.ts`],
    only: 'a table is not made before',
  },
  {
    name: 'a check that stops lets its day pass',
    file: `${SRC}/etl/quality.ts`,
    from: "severity === 'stop' && failing > 0",
    to: "severity === 'stop' && failing < 0",
    tests: [`${SRC}/etl/quality.test.ts`],
    only: 'keeps its day out',
  },
  {
    name: 'a backfill that was cut off begins from the start',
    file: `${SRC}/etl/store.ts`,
    from: "where r.state in ('interrupted', 'failed') and r.tables is null and coalesce(d.run_id < p.run_id, true)",
    to: "where r.state in ('interrupted', 'failed') and r.tables is null",
    tests: ['test/backfill-kills.test.ts'],
  },
  {
    name: 'the copy for other programs says who somebody is',
    file: `${SRC}/warehouse/export.ts`,
    from: `name === 'gold.user_cohort_metrics' ? numbered : `,
    to: '',
    tests: [`${SRC}/cli/warehouse.test.ts`],
    only: 'nobody by their id',
  },
  {
    name: 'charges that were corrected stay as they were in the warehouse',
    file: `${SRC}/billing/published.ts`,
    from: 'charges !== 0 || amount !== 0',
    to: 'charges !== 0',
    tests: [`${SRC}/billing/published.test.ts`],
  },
  {
    name: 'Spark reads records of the lake that bronze does not have',
    file: `${SRC}/etl/adapters/spark-bronze.ts`,
    from: "where ${ranges.join(' or ') || 'false'})`",
    to: 'where true)`',
    tests: ['test/spark.test.ts', `${SRC}/etl/adapters/spark-job.test.ts`],
  },
  {
    name: 'Spark does not wait for the lake',
    file: `${SRC}/etl/adapters/spark.ts`,
    from: 'if (place.next <= last)',
    to: 'if (place.next < 0)',
    tests: ['test/spark.test.ts'],
    only: 'a lake that has yet to write',
  },
]
