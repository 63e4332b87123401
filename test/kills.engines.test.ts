import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { SEED } from '../packages/pipeline/src/kernel/testing/chance.ts'
import { ROLES } from '../packages/pipeline/src/roles.ts'
import { answersOf, assertLoaded, type Sent } from './support/answers.ts'
import { startEngineMachine } from './support/engine-machine.ts'
import { engine, network } from './support/engines.ts'
import { writeAds, writeEvents } from './support/files.ts'
import type { Machine, ProcessName } from './support/machine.ts'
import { madeUpCase, realCase } from './support/real.ts'

/** Real people are sent through all of this by replay.engines.test.ts, too: among kills, in the long form. */
const isLong = process.env['FLOWGUARD_SOAK'] !== undefined
const { name, events, expected } = isLong ? realCase(SEED) : madeUpCase(SEED)
/** Between the timed events, of the same instant. */
const GENERAL_EVERY = 10
const general = events
  .filter((_, at) => at % GENERAL_EVERY === 0)
  .map(({ user_id, timestamp }) => ({ event_type: 'page_view', event_id: randomUUID(), user_id, timestamp }))
const all = events.flatMap((event, at) => (at % GENERAL_EVERY === 0 ? [event, general[at / GENERAL_EVERY]] : [event])) as Sent[]

/** Each part that these answers need, a process of its own; two of those that scale by starting more. */
const FLEET = ROLES.filter((role) => role !== 'scheduler' && role !== 'notifier').flatMap((role): ProcessName[] =>
  role === 'workers' ? ['workers#1', 'workers#2'] : [role],
)
const VICTIMS: readonly ProcessName[] = ['gateway', 'relay', 'workers#1', 'stream', 'billing', 'loader', 'lake']
const SERVERS = ['kafka-2', 'redis', 'postgres', 's3'] as const
/** How long an engine is gone, and how long all goes well before the next is. */
const GONE_MS = 1_500
const WELL_MS = 1_000

interface Fault {
  what: string
  /** Resolves once all is as it was. */
  strike: (machine: Machine) => Promise<void>
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const ends = (how: 'kill' | 'stop'): Fault[] => [
  ...VICTIMS.map((victim) => ({
    what: `${how} ${victim}`,
    async strike(machine: Machine) {
      await machine[how](victim)
      await machine.start(victim)
    },
  })),
  ...SERVERS.map((server) => ({
    what: `${how} ${server}`,
    async strike() {
      await engine(server)[how]()
      await wait(GONE_MS)
      await engine(server).start()
    },
  })),
]

const resets: Fault[] = SERVERS.map((server) => ({
  what: `reset the network of ${server}`,
  async strike() {
    await network(server).reset()
    await wait(GONE_MS)
    await network(server).mend()
  },
}))

/** What is stopped in order is the mildest of it, and networks are reset in the tests of each adapter too: in the long form. */
const faults = [...ends('kill'), ...(isLong ? [...ends('stop'), ...resets] : [])]

test(
  `${name} (seed ${SEED}), while one after the other is killed${isLong ? ', stopped and reset' : ''}: the same answers, and the books balance`,
  struck,
)

/** Replays the file again and again until every fault has struck: what is sent anew counts once. */
async function struck(t: TestContext): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-kills-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  t.after(async () => {
    for (const server of SERVERS) await engine(server).start()
    await network('redis').mend()
  })
  await using machine = await startEngineMachine({
    idle: true,
    byProxy: true,
    general: 'redis',
    env: { ADS_FILE: writeAds(folder, events), ETL: 'off' },
  })
  await Promise.all(FLEET.map((process) => machine.start(process)))
  const file = writeEvents(folder, 'events.ndjson', all)
  const over = new AbortController()
  // As `up`, systemd and containers do with a process that gives itself up.
  const watching = setInterval(() => void revive(t, machine), WELL_MS)
  t.after(() => clearInterval(watching))
  const striking = (async () => {
    for (const { what, strike } of faults) {
      t.diagnostic(what)
      await strike(machine)
      await wait(WELL_MS)
    }
  })().finally(() => over.abort())
  let replays = 0
  for (; !over.signal.aborted || replays === 0; replays += 1) await replay(machine, file)
  await striking
  for (const process of FLEET) assert.ok(machine.isRunning(process), `${process} is gone: ${lastWords(machine, process)}`)
  await replay(machine, file, '--drain')
  t.diagnostic(`${replays} replays`)
  assert.deepEqual(await answersOf(machine.dataDir), expected)
  // One process at a time has the warehouse's file.
  await machine.stop('loader')
  await assertLoaded(machine)
  const { general_lane: lane } = (await (await fetch(`${machine.gatewayUrl}/metrics`)).json()) as { general_lane: Record<string, number> }
  assert.deepEqual([lane['processed'], lane['failed']], [general.length, 0])
}

const GIVEN_UP = /it did not stop: this process ends/
const revived = new Set<string>()

/** Starts a process again that has said that it gives itself up, and no other. */
async function revive(t: TestContext, machine: Machine): Promise<void> {
  for (const process of FLEET) {
    const words = lastWords(machine, process)
    if (machine.isRunning(process) || !GIVEN_UP.test(words) || revived.has(words)) continue
    revived.add(words)
    t.diagnostic(`${process} gave itself up: ${words.match(/"running":\[[^\]]*\]/)?.[0]}`)
    await machine.start(process)
  }
}

/** What its log ends with: as much as tells why it ended. */
const LAST_CHARS = 3_000
const lastWords = ({ dataDir }: Machine, name: ProcessName) => {
  const file = join(dataDir, 'logs', `${name.replace(/#.*/, '')}.log`)
  return existsSync(file) ? readFileSync(file, 'utf8').slice(-LAST_CHARS) : 'it logged nothing'
}

async function replay(machine: Machine, file: string, ...more: string[]): Promise<void> {
  const { code, stderr } = await machine.cli('replay', file, '--speed', 'max', '--restart', '--late', ...more)
  assert.equal(code, 0, [stderr.slice(-LAST_CHARS), ...FLEET.map((process) => `${process}: ${lastWords(machine, process)}`)].join('\n'))
}
