import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { hasCode } from '../kernel/errors.ts'
import { silentLogger, type Logger } from '../kernel/logging.ts'
import { eventually, temporaryFolder } from '../reader/testing/fixture.ts'
import { supervise } from './supervisor.ts'

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Each start writes a line into its file: the pid. */
const STARTED = `
  import { appendFileSync, readFileSync } from 'node:fs'
  const file = process.argv[2]
  appendFileSync(file, process.pid + '\\n')
  const starts = readFileSync(file, 'utf8').split('\\n').length - 1
`
const STAYS = `${STARTED}
  process.on('SIGTERM', () => { appendFileSync(file + '.stopped', process.env.WORD); process.exit(0) })
  setInterval(() => undefined, 1_000)
  process.send('ready')
`
const DIES_ONCE = `${STARTED}
  process.on('SIGTERM', () => process.exit(0))
  setInterval(() => undefined, 1_000)
  process.send('ready', () => { if (starts === 1) process.exit(9) })
`
const DIES_ALWAYS = `${STARTED}
  process.send('ready', () => process.exit(7))
`
const NEVER_READY = `${STARTED}
  process.exit(3)
`

/** Windows has no signal that a process could answer. */
const LAST_WORD = process.platform === 'win32' ? '' : 'bye'

/** Children by the scripts given, each named by its place. */
function supervised(...scripts: string[]) {
  const folder = temporaryFolder()
  const file = (name: string) => join(folder.path, name)
  const children = scripts.map((script, at) => {
    writeFileSync(file(`${at}.mjs`), script)
    const env = { ...process.env, WORD: 'bye' }
    return { name: `child-${at}`, entry: file(`${at}.mjs`), args: [file(`${at}.pids`)], flags: [], env, isVital: at === 0 }
  })
  const stop = new AbortController()
  const said: string[] = []
  const logger = { ...silentLogger, info: () => undefined, error: (_about: object, text: string) => said.push(text) } as unknown as Logger
  const onRestart = (name: string, restarts: number) => said.push(`${name} ${restarts}`)
  const onGivenUp = (name: string, how: string) => said.push(`${name} is given up: ${how}`)
  return {
    said,
    stop,
    run: () => supervise(children, { logger, onReady: () => said.push('ready'), onRestart, onGivenUp })(stop.signal),
    pids: (at: number) =>
      readOr(file(`${at}.pids`))
        .trim()
        .split('\n')
        .filter(Boolean)
        .map(Number),
    lastWord: (at: number) => readOr(file(`${at}.pids.stopped`)),
    [Symbol.dispose]: () => folder[Symbol.dispose](),
  }
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

test('it is ready once, when all children are; stopping asks each and waits for it', async () => {
  using of = supervised(STAYS, STAYS)
  const running = of.run()
  await eventually(() => of.said.length > 0, 'it is ready')
  const pids = [...of.pids(0), ...of.pids(1)]
  assert.deepEqual([of.said, pids.length, pids.every(isAlive)], [['ready'], 2, true])
  of.stop.abort()
  await running
  assert.deepEqual([of.lastWord(0), of.lastWord(1), pids.some(isAlive)], [LAST_WORD, LAST_WORD, false])
})

test('a child that dies after it was ready is started again, and its neighbour is left alone', async () => {
  using of = supervised(DIES_ONCE, STAYS)
  const running = of.run()
  await eventually(() => of.pids(0).length === 2 && of.said.includes('ready'), 'it was started again')
  of.stop.abort()
  await running
  assert.deepEqual(
    of.said.filter((each) => each !== 'ready'),
    ['ended with code 9; starting it again', 'child-0 1'],
  )
  assert.deepEqual([of.said.filter((each) => each === 'ready').length, of.pids(1).length], [1, 1])
})

test('a child that cannot start ends all, at once', async () => {
  using of = supervised(STAYS, NEVER_READY)
  await assert.rejects(
    of.run(),
    (error: Error) => hasCode(error, 'part_failed') && /child-1 ended with code 3 before it was ready/.test(error.message),
  )
  assert.equal(of.pids(1).length, 1)
  assert.ok(!of.pids(0).some(isAlive))
})

test('a vital child that dies over and over ends all', async () => {
  using of = supervised(DIES_ALWAYS, STAYS)
  await assert.rejects(
    of.run(),
    (error: Error) => hasCode(error, 'part_failed') && /child-0 ended with code 7, 6 times/.test(error.message),
  )
  assert.equal(of.pids(0).length, 6)
  assert.ok(of.said.includes('child-0 5'))
  assert.deepEqual([of.lastWord(1), of.pids(1).some(isAlive)], [LAST_WORD, false])
})

test('a child that is not vital and dies over and over is given up, and its neighbour goes on', async () => {
  using of = supervised(STAYS, DIES_ALWAYS)
  const running = of.run()
  await eventually(() => of.said.includes('child-1 is given up: ended with code 7, 6 times within a minute'), 'it is given up')
  assert.deepEqual([of.pids(1).length, of.pids(0).every(isAlive)], [6, true])
  of.stop.abort()
  await running
  assert.deepEqual([of.pids(1).length, of.lastWord(0)], [6, LAST_WORD])
})

test('stopped before it began, it starts nothing', async () => {
  using of = supervised(STAYS)
  of.stop.abort()
  await of.run()
  assert.deepEqual([of.pids(0), of.said], [[], []])
})

test('stopped while a child waits to be started again, it ends at once', async () => {
  using of = supervised(DIES_ALWAYS)
  const running = of.run()
  await eventually(() => of.said.includes('child-0 3'), 'it was started again three times')
  of.stop.abort()
  const before = performance.now()
  await running
  assert.ok(performance.now() - before < 1_000)
  assert.ok(!of.pids(0).some(isAlive))
})
