import assert from 'node:assert/strict'
import { connect, createServer } from 'node:net'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { pino } from 'pino'
import { freePort } from '../../../../../test/support/machine.ts'
import { committedPlaces, kafkaTopics } from '../testing/kafka.ts'
import { ALERTS } from '../testing/records.ts'
import { kafkaHints } from './kafka-hints.ts'

const LIMIT_MS = 30_000

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + LIMIT_MS; !(await isTrue());) {
    assert.ok(performance.now() < deadline, 'not in time')
    await wait(20)
  }
}

/** The way to a broker at a port where nobody answered before. What it lets through is up to `pass`. */
async function wayTo(broker: string, port: number, pass: () => Promise<void>): Promise<AsyncDisposable> {
  const at = broker.lastIndexOf(':')
  const server = createServer((client) => {
    const upstream = connect(Number(broker.slice(at + 1)), broker.slice(0, at))
    for (const each of [client, upstream]) {
      each.on('error', () => undefined)
      each.on('close', () => (client.destroy(), upstream.destroy()))
    }
    client.on('data', (bytes) => void pass().then(() => upstream.write(bytes)))
    upstream.pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return { [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())) }
}

test('a place that could not be told, and one noted while another is being told, are told without any later one', async () => {
  await using store = await kafkaTopics([ALERTS])
  const { address } = store
  const port = await freePort()
  const lines: string[] = []
  const sink = new Writable({ write: (chunk, _encoding, done) => (lines.push(String(chunk)), done()) })
  using hints = kafkaHints({ ...address, brokers: [`127.0.0.1:${port}`] }, pino({ level: 'warn' }, sink))
  const place = (next: number) => [{ topic: ALERTS, partition: 0, next }] as const
  const isTold = async (next: number) => (await committedPlaces(address, 'billing', ALERTS, [0]))[0] === next

  hints.note('billing', place(1))
  await until(() => lines.length > 0)
  let hold = Promise.resolve()
  let asked = 0
  await using _way = await wayTo(address.brokers[0] as string, port, () => ((asked += 1), hold))
  await until(() => isTold(1))

  // Another group is to be looked for, through here.
  const { promise, resolve } = Promise.withResolvers<void>()
  hold = promise
  const before = asked
  hints.note('stream', place(2))
  await until(() => asked > before)
  hints.note('stream', place(3))
  resolve()
  await until(async () => (await committedPlaces(address, 'stream', ALERTS, [0]))[0] === 3)
})
