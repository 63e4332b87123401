import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { hasCode } from './errors.ts'
import { createLogger } from './logging.ts'

function folder(): { path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'flowguard-logging-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}

test('a line is JSON with time, level, process and correlation id', () => {
  using dir = folder()
  const file = join(dir.path, 'logs', 'edge.log')
  createLogger({ name: 'edge', file, level: 'info', stderrLevel: 'fatal' }).info({ trace_id: 'abc' }, 'hello')
  const line = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>
  assert.deepEqual([line['level'], line['name'], line['trace_id'], line['msg']], ['info', 'edge', 'abc', 'hello'])
  assert.match(String(line['time']), /^\d{4}-\d\d-\d\dT/)
})

test('a file grown large is kept once beside the new one', () => {
  using dir = folder()
  const file = join(dir.path, 'edge.log')
  writeFileSync(file, Buffer.alloc(17 * 1024 * 1024, 'x'))
  createLogger({ name: 'edge', file, level: 'info', stderrLevel: 'fatal' }).info('hello')
  assert.ok(existsSync(`${file}.1`))
  assert.ok(readFileSync(file).length < 1_000)
})

test('a full disk does not end the process that logs', { skip: !existsSync('/dev/full') && 'needs /dev/full' }, async () => {
  using dir = folder()
  const file = join(dir.path, 'edge.log')
  symlinkSync('/dev/full', file)
  const logger = createLogger({ name: 'edge', file, level: 'info', stderrLevel: 'fatal' })
  logger.info('one')
  logger.info('two')
  await new Promise((resolve) => setImmediate(resolve))
})

test('a folder that cannot be made is said as the operator can mend it', () => {
  using dir = folder()
  writeFileSync(join(dir.path, 'data'), '')
  const file = join(dir.path, 'data', 'logs', 'edge.log')
  assert.throws(
    () => createLogger({ name: 'edge', file, level: 'info', stderrLevel: 'fatal' }),
    (error) => hasCode(error, 'store_unwritable'),
  )
})
