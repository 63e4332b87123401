// A thread that writes and reads without pause until it is told to stop: what the books are looked at beside.
import { parentPort, workerData } from 'node:worker_threads'
import { ATTRIBUTED, CLICKS } from '@flowguard/contract'
import { openMachine } from './fixture.ts'

const EVENTS_A_ROUND = 40

await using machine = openMachine(workerData as string)
const stop = new AbortController()
parentPort?.once('message', () => stop.abort())
const reading = machine.readUntil(stop.signal)
let at = 0
for (let round = 0; !stop.signal.aborted; round += 1) {
  const writing = Array.from({ length: EVENTS_A_ROUND }, (_, each) => {
    at += 50
    const user = `u${each % 7}`
    const id = `${round}-${each}`
    // Some are sent twice, and some are cancelled.
    if (each % 4 === 0)
      return machine
        .order({ id, user, at })
        .then((orderId) => (each % 8 === 0 ? machine.order({ id: `${id}-cancel`, user, at }, 'cancelled', orderId) : orderId))
    return machine.click({ id: each % 10 === 9 ? `${round}-${each - 1}` : id, user, at }, each % 3 === 0 ? 'cpa-1' : 'cpc-1')
  })
  const shipping = machine.ship()
  await Promise.all([...writing, shipping])
  await machine.heartbeat(at)
  // What all readers have passed may go at any time.
  if (round % 5 === 4) await machine.trimBefore(at - 20_000, [CLICKS, ATTRIBUTED])
  await new Promise((resolve) => setImmediate(resolve))
  if (round === 3) parentPort?.postMessage('under way')
}
await reading
