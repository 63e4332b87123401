import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CLICKS, GENERAL, RAW_TOPICS, TIMED_TOPICS, type RawTopic } from '@flowguard/contract'
import { readSettings } from '../kernel/config.ts'
import { silentLogger } from '../kernel/logging.ts'
import type { EventLog } from '../log/event-log.ts'
import { readAll, record } from '../log/testing/records.ts'
import { rawLogs, rawLogToAppend, rawReader } from './logs.ts'
import { openMachine } from './open-machine.ts'

test('what every reader of a topic has passed is not kept for those that read other topics', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-raw-'))
  {
    const settings = readSettings({ DATA_DIR: folder }, {}, folder)
    await using machine = openMachine(settings, silentLogger, new AbortController().signal)
    const log = await rawLogToAppend(machine)
    await log.append(CLICKS, [record('u1', 'a', { partition: 0 }), record('u2', 'b', { partition: 0 })])
    const logs: EventLog[] = []
    const reads: (readonly [RawTopic, ...RawTopic[]])[] = [TIMED_TOPICS, TIMED_TOPICS, RAW_TOPICS, [GENERAL]]
    for (const topics of reads) logs.push(await rawReader(machine, topics))
    const [stream, billing, loader, anew] = [
      await readAll(logs[0]!, CLICKS),
      await readAll(logs[1]!, CLICKS),
      await readAll(logs[2]!, CLICKS),
      await readAll(logs[0]!, CLICKS),
    ]
    assert.equal(stream.length, 2)
    assert.ok(stream.every((each, at) => each === billing[at] && each === loader[at]))
    assert.ok(stream.every((each, at) => each !== anew[at]))
  }
  rmSync(folder, { recursive: true })
})

test('on Kafka orders and clicks are one log and general events another, wherever general events lie: so neither gets another id', () => {
  const KAFKA = 'kafka://127.0.0.1:9092'
  const holds = (LOG_URL: string, EVENTS_LOG_URL?: string) =>
    rawLogs(readSettings({ LOG_URL, ...(EVENTS_LOG_URL ? { EVENTS_LOG_URL } : {}) }, {}, tmpdir())).map(({ address, holds }) => [
      address.engine,
      holds,
    ])
  assert.deepEqual(holds(KAFKA), [
    ['kafka', TIMED_TOPICS],
    ['kafka', [GENERAL]],
  ])
  assert.deepEqual(holds(KAFKA, KAFKA), holds(KAFKA))
  assert.deepEqual(holds(KAFKA, 'redis://127.0.0.1:6379'), [
    ['kafka', TIMED_TOPICS],
    ['redis', [GENERAL]],
  ])
  assert.deepEqual(holds('sqlite:'), [['sqlite', RAW_TOPICS]])
})
