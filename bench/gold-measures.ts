import { fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Made, Order } from './gold-run.ts'
import type { Report } from './report.ts'

const MIB = 1024 * 1024
const SECONDS_AIM = 30
const MEMORY_MB_AIM = 2_048
const LARGE = 10_000_000

/** Silver and gold from bronze: of `events` over a month, and all of them in one day. */
export async function gold(folder: string, events: readonly number[], report: Report): Promise<void> {
  const group = 'Silver and gold from bronze (half impressions, a third clicks, a sixth orders)'
  for (const count of events) {
    for (const days of [30, 1]) {
      const made = await runApart({ path: join(folder, `gold-${count}-${days}.duckdb`), count, days })
      const name = `${count.toLocaleString('en-US')} events over ${days === 1 ? 'a day' : `${days} days`}`
      const isAim = count >= LARGE
      report.add(
        {
          group,
          name: `${name}: gold`,
          value: made.goldSeconds,
          unit: 's',
          ...(isAim && { aim: { atMost: SECONDS_AIM } }),
          note: 'with its checks',
        },
        { group, name: `${name}: silver`, value: made.silverSeconds, unit: 's', note: 'with its checks' },
        {
          group,
          name: `${name}: all of the run`,
          value: made.seconds,
          unit: 's',
          note: `${made.cpuSeconds.toFixed(1)} s of CPU; ${made.slowest}`,
        },
        { group, name: `${name}: highest memory`, value: made.rssMax / MIB, unit: 'MiB', ...(isAim && { aim: { atMost: MEMORY_MB_AIM } }) },
      )
    }
  }
}

/** In processes of their own: what filled bronze is not to count as the run's memory. */
export async function runApart(order: Omit<Order, 'what'>): Promise<Made> {
  const ask = async (what: Order['what']) => {
    const child = fork(join(import.meta.dirname, 'gold-run.ts'), { execArgv: ['--disable-warning=ExperimentalWarning'] })
    child.send({ ...order, what } satisfies Order)
    const answers = new Promise<Made>((resolve, reject) => {
      child.once('message', (made) => resolve(made as Made))
      child.once('exit', (code) => reject(new Error(`the ${what} of ${order.path} ended with ${code}`)))
    })
    const made = await answers
    if (child.exitCode === null) await once(child, 'exit')
    return made
  }
  await ask('fill')
  return ask('run')
}
