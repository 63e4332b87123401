import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePort } from '../../../../test/support/machine.ts'
import { EXIT } from './cli.ts'
import { run } from './testing/run.ts'

const KAFKA = { LOG_URL: 'kafka://127.0.0.1:1/shop.' }

test('without Kafka there is nothing for Flink to read, and it says which setting is meant', async () => {
  const { code, stderr } = await run(['stream', 'flink', 'status'])
  assert.equal(code, EXIT.misused)
  assert.match(stderr, /LOG_URL must be kafka:/)
})

for (const command of ['deploy', 'status', 'stop']) {
  test(`${command}: where no Flink answers, it says where it asked and what to set`, async () => {
    const at = `http://127.0.0.1:${await freePort()}`
    const { code, stdout, stderr } = await run(['stream', 'flink', command], {
      env: { ...KAFKA, FLINK_JOBS_URL: at, FLINK_GATEWAY_URL: at },
    })
    assert.equal(code, EXIT.failed)
    assert.equal(stdout, '')
    assert(stderr.includes(`${at} does not answer`), stderr)
    assert.match(stderr, /FLINK_GATEWAY_URL and FLINK_JOBS_URL/)
  })
}

test('its help tells of all three, and an unknown one is misuse', async () => {
  const { code, stdout } = await run(['stream', 'flink', '--help'])
  assert.equal(code, EXIT.done)
  for (const name of ['deploy', 'status', 'stop']) assert.match(stdout, new RegExp(`^ +${name}\\b`, 'm'))
  assert.equal((await run(['stream', 'flink', 'deploy', '--parallelism', '0'], { env: KAFKA })).code, EXIT.misused)
})
