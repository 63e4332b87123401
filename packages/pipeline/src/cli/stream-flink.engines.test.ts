import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { engine } from '../../../../test/support/engines.ts'
import { flinkStage } from '../stream/testing/flink.ts'
import { EXIT } from './cli.ts'
import { run, temporaryFolder } from './testing/run.ts'

test('stream flink: a job that is not there, what Flink refuses in its words, and a gateway that is gone are told', async () => {
  using folder = temporaryFolder()
  await using stage = await flinkStage(folder.path)
  const { address, gatewayUrl, jobsUrl } = stage.options
  const env = {
    LOG_URL: `kafka://${address.brokers.join(',')}/${address.prefix}`,
    FLINK_GATEWAY_URL: gatewayUrl,
    FLINK_JOBS_URL: jobsUrl,
    DATA_DIR: folder.path,
  }
  assert.equal((await run(['stream', 'flink', 'status'], { env })).code, EXIT.unhealthy)
  const stopped = await run(['stream', 'flink', 'stop'], { env })
  assert.equal(stopped.code, EXIT.failed)
  assert.match(stopped.stderr, /stream flink deploy/)
  const lost = await run(['stream', 'flink', 'deploy', '--from', `file://${join(folder.path, 'chk-7')}`], { env })
  assert.equal(lost.code, EXIT.failed)
  assert.match(lost.stderr, /chk-7/)
  await engine('flink-gateway').kill()
  try {
    const away = await run(['stream', 'flink', 'deploy'], { env })
    assert.equal(away.code, EXIT.failed)
    assert(away.stderr.includes(`${new URL(env.FLINK_GATEWAY_URL).origin} does not answer`), away.stderr)
  } finally {
    await engine('flink-gateway').start()
  }
})
