import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { readSettings, ROOT } from './kernel/config.ts'
import { hasCode } from './kernel/errors.ts'
import { silentLogger } from './kernel/logging.ts'
import { temporaryFolder } from './reader/testing/fixture.ts'
import { runRoles } from './wiring.ts'

async function listening(port = 0) {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as { port: number }).port,
    [Symbol.asyncDispose]: async () => void (await once(server.close(), 'close')),
  }
}

test('where the second server of a process cannot listen, the first one lets go of its port, so that the process ends', async () => {
  using folder = temporaryFolder()
  await using taken = await listening()
  const free = await listening()
  await free[Symbol.asyncDispose]()
  const flags = { DATA_DIR: folder.path, GATEWAY_PORT: String(free.port), CATALOG_PORT: String(taken.port) }
  const started = runRoles(['gateway', 'catalog'], {
    settings: readSettings(flags, {}, ROOT),
    logger: silentLogger,
    signal: AbortSignal.timeout(10_000),
    onReady: () => assert.fail('it is not ready'),
  })
  await assert.rejects(started, (error) => hasCode(error, 'port_taken'))
  await using again = await listening(free.port)
  assert.equal(again.port, free.port)
})
