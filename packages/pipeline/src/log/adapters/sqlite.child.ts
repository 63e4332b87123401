import type { Topic } from '@flowguard/contract'
import { openSqliteLog } from './sqlite.ts'
import type { TopicSpecs } from '../topics.ts'

// What the tests of the embedded log run in a process of its own: `once TEXT` appends one record; `flood TEXT` appends
// numbered ones, by sixteen hands, until it is killed. Each value is printed as soon as it is acknowledged.
const [path = '', topics = '', what = '', text = ''] = process.argv.slice(2)
const TOPIC = 'alerts.v1' satisfies Topic
const log = openSqliteLog({ path, topics: JSON.parse(topics) as TopicSpecs, clock: Date.now })

async function append(values: readonly string[]): Promise<void> {
  await log.append(
    TOPIC,
    values.map((value) => ({ key: 'u', value, headers: {} })),
  )
  process.stdout.write(values.map((value) => `${value}\n`).join(''))
}

if (what === 'once') {
  await append([text])
  await log[Symbol.asyncDispose]()
} else {
  let count = 0
  const hand = async () => {
    for (;;) await append(Array.from({ length: 1 + (count % 7) }, () => `${text}-${count++}`))
  }
  await Promise.all(Array.from({ length: 16 }, hand))
}
