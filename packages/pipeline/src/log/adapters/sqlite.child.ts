/** What the tests of the embedded log run in a process of its own: `once VALUE` appends one record, `flood NAME` numbered ones until it is killed. */
import { openSqliteLog } from './sqlite.ts'
import { ALERTS, record, TEST_TOPICS } from '../event-log.conformance.ts'

const [path = '', what = '', text = ''] = process.argv.slice(2)
const log = openSqliteLog({ path, topics: TEST_TOPICS, clock: Date.now })
const acknowledge = (value: string) => process.stdout.write(`${value}\n`)

if (what === 'once') {
  await log.append(ALERTS, [record('u', text)])
  acknowledge(text)
  await log[Symbol.asyncDispose]()
} else {
  let count = 0
  const writer = async () => {
    for (;;) {
      const group = Array.from({ length: 1 + (count % 7) }, () => `${text}-${count++}`)
      await log.append(
        ALERTS,
        group.map((value) => record('u', value)),
      )
      for (const value of group) acknowledge(value)
    }
  }
  await Promise.all(Array.from({ length: 16 }, writer))
}
