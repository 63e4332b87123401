import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { listenOn, portOf } from './listen.ts'

test('a port that is taken is named, with the setting that chooses another', async () => {
  const [first, second] = [createServer(), createServer()]
  await listenOn(first, '127.0.0.1', 0)
  const { port } = first.address() as AddressInfo
  try {
    await assert.rejects(listenOn(second, '127.0.0.1', port), {
      message: `port ${port} on 127.0.0.1 is taken: stop what listens there, or choose another with STORE_PORT`,
    })
  } finally {
    await new Promise((resolve) => first.close(resolve))
  }
  await listenOn(second, '127.0.0.1', port)
  await new Promise((resolve) => second.close(resolve))
})

test('what is no port is said as such', () => {
  assert.equal(portOf('3000'), 3000)
  for (const text of ['65536', '-1', '3000.5', '3e3', 'eighty', ' '])
    assert.throws(() => portOf(text), { message: `STORE_PORT must be a port from 0 to 65535, not ${text}` })
})
