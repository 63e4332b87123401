import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { CLICKS, GENERAL, RAW_TOPICS } from '@flowguard/contract'
import { ownRedis } from '../../../../test/support/redis-server.ts'
import { readSettings } from '../kernel/config.ts'
import { silentLogger } from '../kernel/logging.ts'
import { readAll, record } from '../log/testing/records.ts'
import { rawFeeds, rawLogToAppend, timedLogToAppend } from './logs.ts'
import { openMachine } from './open-machine.ts'

test('of two logs each has its own check; what appends to both reads neither, and that of orders and clicks can be read', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-logs-'))
  t.after(() => rmSync(folder, { recursive: true }))
  await using server = await ownRedis()
  const settings = readSettings({ DATA_DIR: folder, EVENTS_LOG_URL: server.url }, {}, folder)
  await using machine = openMachine(settings, silentLogger, new AbortController().signal)
  const log = await rawLogToAppend(machine)
  assert.ok(!('read' in log))
  await log.append(CLICKS, [record('u1', 'a click', { partition: 0 })])
  await log.append(GENERAL, [record('u1', 'an event')])
  assert.deepEqual(
    (await readAll(await timedLogToAppend(machine), CLICKS)).map(({ value }) => value),
    ['a click'],
  )
  const feeds = await rawFeeds(machine, RAW_TOPICS)
  assert.equal(feeds.length, 2)

  const failing = async () => {
    const names: string[] = []
    for (const [name, { check }] of Object.entries(machine.checks)) await check().catch(() => names.push(name))
    return names
  }
  assert.deepEqual(Object.keys(machine.checks).toSorted(), ['events log', 'log'])
  assert.deepEqual(await failing(), [])
  await server.kill()
  assert.deepEqual(await failing(), ['events log'])
})
