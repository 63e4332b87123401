// Proves that the tests have teeth: plants one fault after the other in a copy of the code, and expects its tests to fail.
// node packages/pipeline/bin/bootstrap.mjs scripts/plant-faults.ts [name …]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'

const ROOT = resolve(import.meta.dirname, '..')
const SRC = 'packages/pipeline/src'
/** Without what makes a copy large, or is made anew. */
const LEFT_OUT = ['node_modules', '.git']

/** A fault may make its test wait for what never comes. */
const TEST_MS_MAX = 60_000

interface Fault {
  name: string
  file: string
  from: string
  to: string
  tests: string[]
  /** The one test that is to see it, where running all would take long. */
  only?: string
}

const FAULTS: Fault[] = [
  {
    name: 'the place is moved before the effect, in a transaction of its own',
    file: `${SRC}/reader/loop.ts`,
    from: `    guarded(path, () =>
      transaction(db, () => {
        const fates`,
    to: `    transaction(db, () => {
      for (const move of movesOf(batch, batch.map((): Fate => 'applied'))) places.move(move)
    })
    standings = guarded(path, places.standings)
    places.move = () => undefined
    guarded(path, () =>
      transaction(db, () => {
        const fates`,
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
    from: 'insertCharge.run(eventId, adId, day, amount, kind)',
    to: 'setTimeout(() => insertCharge.run(eventId, adId, day, amount, kind), 1_000)',
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
    tests: [`${SRC}/workers/worker.test.ts`],
  },
  {
    name: 'how often a general event was tried is known in memory only',
    file: `${SRC}/workers/tables.ts`,
    from: 'update lane_retries set tries = tries + 1,',
    to: 'update lane_retries set tries = tries,',
    tests: [`${SRC}/workers/processor.test.ts`],
  },
  {
    name: 'a general event that failed is a duplicate for ever',
    file: `${SRC}/workers/processor.ts`,
    from: "if (known.some(({ state }) => state !== 'failed')) return 'duplicate'",
    to: "if (known.length > 0) return 'duplicate'",
    tests: [`${SRC}/workers/processor.test.ts`],
  },
  {
    name: 'the partitions of a worker that died stay its own',
    file: `${SRC}/workers/leases.ts`,
    from: 'each.owner !== owner && each.until > now',
    to: 'each.owner !== owner',
    tests: [`${SRC}/workers/leases.test.ts`],
  },
  {
    name: 'dead letters of the general lane are forgotten before they are copied',
    file: `${SRC}/workers/retention.ts`,
    from: 'readBefore: shipped()',
    to: 'readBefore: new Map([...shipped()].map(([partition]) => [partition, Infinity]))',
    tests: [`${SRC}/workers/worker.test.ts`],
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
]

async function isRed(folder: string, { tests, only }: Fault): Promise<boolean> {
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      '--test',
      `--test-timeout=${TEST_MS_MAX}`,
      ...(only ? [`--test-name-pattern=${only}`] : []),
      ...tests,
    ],
    {
      cwd: folder,
      // Without the reference data: the made-up events are enough, and quicker.
      env: { ...process.env, FLOWGUARD_REFERENCE_DATA: undefined, NODE_TEST_CONTEXT: undefined },
      stdio: 'ignore',
    },
  )
  const [code] = (await once(child, 'exit')) as [number | null]
  return code !== 0
}

async function isCaught(fault: Fault): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-fault-'))
  try {
    cpSync(ROOT, folder, {
      recursive: true,
      filter: (path) => !LEFT_OUT.includes(relative(ROOT, path).split(/[\\/]/)[0] ?? '') && !/\.(db|db-wal|db-shm)$/.test(path),
    })
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction')
    const file = join(folder, fault.file)
    const text = readFileSync(file, 'utf8')
    if (text.split(fault.from).length !== 2) throw new Error(`${fault.file} no longer has the place where to plant: ${fault.name}`)
    writeFileSync(
      file,
      text.replace(fault.from, () => fault.to),
    )
    return await isRed(folder, fault)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const wanted = process.argv.slice(2)
const chosen = FAULTS.filter(({ name }) => wanted.length === 0 || wanted.some((word) => name.includes(word)))
let missed = 0
for (const fault of chosen) {
  const caught = await isCaught(fault)
  if (!caught) missed += 1
  process.stdout.write(`${caught ? 'caught' : 'MISSED'}  ${fault.name}\n`)
}
process.stdout.write(`${chosen.length - missed} passed, ${missed} failed\n`)
process.exitCode = missed > 0 || chosen.length === 0 ? 1 : 0
