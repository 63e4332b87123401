import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { Command } from 'commander'
import { DatabaseSync } from 'node:sqlite'
import { signatureOf } from '../notify/adapters/webhook.ts'
import { channelReader } from '../notify/channel-reader.ts'
import { Unavailable } from '../notify/sender.ts'
import { alert, alertMachine } from '../notify/testing/alerts.ts'
import { httpReceiver } from '../notify/testing/receivers.ts'
import { eventually } from '../reader/testing/fixture.ts'
import { alertsChannelsCommand } from './alerts-channels.ts'
import { alertsTestCommand } from './alerts-test.ts'
import { globalOptions, type Cli } from './cli.ts'
import { ownIo, temporaryFolder } from './testing/run.ts'

/** Runs `alerts …` with these channels in the file. */
async function run(args: readonly string[], node: unknown, cwd: string, env: NodeJS.ProcessEnv = {}) {
  const { io, text } = ownIo({ cwd, env })
  const cli: Cli = { io, exitCode: 0 }
  const program = new Command('alerts').addCommand(alertsTestCommand(cli, () => node)).addCommand(alertsChannelsCommand(cli))
  for (const option of globalOptions()) program.addOption(option)
  await program.parseAsync([...args], { from: 'user' })
  return { code: cli.exitCode, ...text }
}

test('one alert goes through every channel, and it is said what came of each', async () => {
  using folder = temporaryFolder()
  await using hook = await httpReceiver()
  const node = [
    { name: 'here', type: 'console', min_severity: 'critical' },
    { name: 'hook', type: 'webhook', url: hook.url, secret_env: 'HOOK_SECRET', allow_private: true },
    { name: 'unset', type: 'slack', url_env: 'SLACK_URL' },
  ]
  const { code, stdout, stderr } = await run(['test', '--json'], node, folder.path, { HOOK_SECRET: 's' })
  const said = JSON.parse(stdout) as { id: string; channels: { channel: string; ok: boolean; detail: string }[] }
  assert.equal(code, 1)
  assert.deepEqual(
    said.channels.map(({ channel, ok, detail }) => [channel, ok, detail]),
    [
      ['here', true, 'written'],
      ['hook', true, '200 ok'],
      ['unset', false, 'SLACK_URL is set neither in the environment nor in .env'],
    ],
  )
  assert.match(stderr, /^INFO: This is a test of the alerts {2}/)
  const { headers, body } = hook.received[0]!
  assert.equal(headers['webhook-signature'], `v1,${signatureOf('s', said.id, Number(headers['webhook-timestamp']), body)}`)
  assert.equal((await run(['test', '--channel', 'hook'], node, folder.path, { HOOK_SECRET: 's' })).code, 0)
  assert.equal(hook.received.length, 2)
  const unknown = await run(['test', '--channel', 'pigeon'], node, folder.path)
  assert.deepEqual([unknown.code, unknown.stderr], [2, 'There is no channel pigeon. There are here, hook, unset.\n'])
})

test('the channels show what waits, what was sent last, and what is wrong', async () => {
  await using at = alertMachine()
  const isDown = { send: () => Promise.reject(new Unavailable('503 away')) }
  const channel = (name: string) => ({ type: 'console', name, minSeverity: 'info', kinds: undefined }) as const
  at.begin(channelReader(channel('well'), { send: async () => 'taken' }, at.store))
  at.begin(channelReader(channel('down'), isDown, at.store))
  await eventually(() => at.place('well') !== undefined && at.place('down') !== undefined, 'both have begun')
  await at.raise(alert('one'), alert('two'))
  const troubles = new DatabaseSync(at.store.path, { readOnly: true }).prepare('select channel from channel_troubles')
  await eventually(() => at.place('well')?.next === 2 && troubles.all().length === 1, 'one has sent both, and one is down')
  const folder = join(at.store.path, '..')
  const { code, stdout } = await run(['channels', '--json', '--data-dir', folder], undefined, folder)
  const { channels } = JSON.parse(stdout) as {
    channels: { channel: string; waiting: number; sent: number; last: object; trouble: { detail: string } }[]
  }
  assert.equal(code, 3)
  assert.deepEqual(
    channels.map(({ channel: name, waiting, sent, trouble }) => [name, waiting, sent, trouble?.detail ?? null]),
    [
      ['down', 2, 0, '503 away'],
      ['well', 0, 2, null],
    ],
  )
  const shown = await run(['channels', '--data-dir', folder], undefined, folder)
  assert.match(shown.stdout, /down +down +2 +0 +nothing yet +since .*, tried \d+ times?: 503 away/)
  assert.match(shown.stdout, /well +well +0 +2 +.* delivered +WARNING: Fewer clicks than usual \(two\)/)
})
