import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { hasCode } from './errors.ts'
import { createLogger, LOGS } from './logging.ts'

function folder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'flowguard-logging-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

const edgeLogger = (dataDir: string) => createLogger('edge', { DATA_DIR: dataDir, LOG_LEVEL: 'info' }, 'fatal')
const fileIn = (dataDir: string) => join(dataDir, LOGS, 'edge.log')

test('a line is JSON with time, level, process and correlation id', () => {
  using dir = folder()
  const file = fileIn(dir.path)
  edgeLogger(dir.path).info({ trace_id: 'abc' }, 'hello')
  const line = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  assert.deepEqual([line['level'], line['name'], line['trace_id'], line['msg']], ['info', 'edge', 'abc', 'hello'])
  assert.match(String(line['time']), /^\d{4}-\d\d-\d\dT/)
})

test('a file grown large is kept once beside the new one', () => {
  using dir = folder()
  const file = fileIn(dir.path)
  mkdirSync(join(dir.path, LOGS))
  writeFileSync(file, Buffer.alloc(17 * 1024 * 1024, 'x'))
  edgeLogger(dir.path).info('hello')
  assert.ok(existsSync(`${file}.1`))
  assert.ok(readFileSync(file).length < 1_000)
})

test('of processes that share a file, none writes on into the one that another has set aside', async () => {
  using dir = folder()
  const file = fileIn(dir.path)
  const [first, second] = [edgeLogger(dir.path), edgeLogger(dir.path)]
  first.info('small')
  second.info('small')
  writeFileSync(file, Buffer.alloc(17 * 1024 * 1024, 'x'))
  await until(() => {
    first.info('of the first')
    return existsSync(`${file}.1`)
  })
  await until(() => {
    second.info('of the second')
    return readFileSync(file, 'utf8').includes('of the second')
  })
  assert.equal(readFileSync(`${file}.1`).subarray(0, 1).toString(), 'x')
})

async function until(condition: () => boolean): Promise<void> {
  for (const limit = performance.now() + 10_000; !condition();) {
    assert.ok(performance.now() < limit)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test('a full disk does not end the process that logs', { skip: !existsSync('/dev/full') && 'needs /dev/full' }, async () => {
  using dir = folder()
  const file = fileIn(dir.path)
  mkdirSync(join(dir.path, LOGS))
  symlinkSync('/dev/full', file)
  const logger = edgeLogger(dir.path)
  logger.info('one')
  logger.info('two')
  await new Promise((resolve) => setImmediate(resolve))
})

test('a folder that cannot be made is said as the operator can mend it', () => {
  using dir = folder()
  writeFileSync(join(dir.path, LOGS), '')
  assert.throws(
    () => edgeLogger(dir.path),
    (error) => hasCode(error, 'store_unwritable'),
  )
})
