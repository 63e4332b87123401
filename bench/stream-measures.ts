import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Report } from './report.ts'
import type { StreamMade, StreamOrder } from './stream-run.ts'

const MIB = 1024 * 1024

/** Attribution, windows and sessions together, as users grow: what is held is what lies within the windows. */
export async function stream(folder: string, users: readonly number[], report: Report): Promise<void> {
  const group = 'Attribution, windows and sessions, five events a user within 25 minutes, from the record to the commit'
  for (const count of users) {
    const { events, seconds, heapBytes, bufferBytes, loadSeconds } = await runApart({ folder, users: count })
    const name = `${count.toLocaleString('en-US')} users`
    const held = heapBytes + bufferBytes
    report.add(
      { group, name, value: events / seconds, unit: 'events/s', note: 'by one core' },
      { group, name: `${name}: memory`, value: held / MIB, unit: 'MiB', note: `${Math.round(held / count)} bytes a user` },
      { group, name: `${name}: ready after a restart`, value: loadSeconds, unit: 's' },
    )
  }
}

async function runApart(order: StreamOrder): Promise<StreamMade> {
  const execArgv = ['--disable-warning=ExperimentalWarning', '--expose-gc', '--max-semi-space-size=16']
  const child = fork(join(import.meta.dirname, 'stream-run.ts'), { execArgv })
  child.send(order)
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the stream over ${order.users} users ended with ${code}`)
  })
  const [made] = (await Promise.race([once(child, 'message'), ended])) as [StreamMade]
  ended.catch(() => undefined)
  return made
}
