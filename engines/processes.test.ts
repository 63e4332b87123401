import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { isAlive, kill } from './processes.ts'

test('a process is killed, and one that is gone by then is no failure', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 60_000)'], { stdio: 'ignore' })
  const pid = child.pid as number
  const ended = once(child, 'exit')
  kill(pid)
  assert.deepEqual(await ended, [null, 'SIGKILL'])
  assert(!isAlive(pid))
  kill(pid)
})
