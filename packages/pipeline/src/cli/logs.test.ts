import assert from 'node:assert/strict'
import { appendFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import test from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { lastLines, tailOf } from './log-files.ts'
import { run, start, temporaryFolder } from './testing/run.ts'

const WAIT_MS_MAX = 20_000
const ALL = () => true

function line(second: number, msg: string, more: object = {}): string {
  return `${JSON.stringify({ level: 'info', time: `2026-01-01T00:00:${String(second).padStart(2, '0')}.000Z`, name: 'x', ...more, msg })}\n`
}

function withLogs() {
  const folder = temporaryFolder()
  mkdirSync(folder.file('logs'))
  return { folder, log: (name: string) => folder.file(`logs/${name}`), [Symbol.dispose]: () => folder[Symbol.dispose]() }
}

test('the last lines are read from the end, over chunks, into the file before; a torn line is left out', () => {
  using logs = withLogs()
  const all = Array.from({ length: 3_000 }, (_, at) => line(at % 60, `m${at}`, { pad: 'é'.repeat(at % 90) }))
  writeFileSync(logs.log('edge.log.1'), all.slice(0, 1_000).join(''))
  writeFileSync(logs.log('edge.log'), `${all.slice(1_000).join('')}{"level":"info","msg":"to`)
  const texts = (count: number) => lastLines(logs.folder.file('logs'), 'edge', count, ALL).map(({ text }) => `${text}\n`)
  assert.deepEqual(texts(2_500), all.slice(-2_500))
  assert.deepEqual(texts(3), all.slice(-3))
  assert.deepEqual(texts(9_999), all)
})

test('a tail goes on in the new file when the old one was put aside, and loses nothing of either', () => {
  using logs = withLogs()
  const path = logs.log('edge.log')
  writeFileSync(path, line(1, 'before'))
  using tail = tailOf(logs.folder.file('logs'), 'edge', 'end')
  const said = () => tail.read().map(({ fields }) => fields['msg'])
  assert.deepEqual(said(), [])
  appendFileSync(path, `${line(2, 'a')}{"msg":`)
  assert.deepEqual(said(), ['a'])
  appendFileSync(path, '"b"}\n')
  appendFileSync(path, line(3, 'c'))
  renameSync(path, `${path}.1`)
  writeFileSync(path, line(4, 'd'))
  assert.deepEqual(said(), ['b', 'c', 'd'])
  appendFileSync(path, line(5, 'e'))
  assert.deepEqual(said(), ['e'])
})

test('logs of all the parts are merged by time, and end where a number of lines was asked for', async () => {
  using logs = withLogs()
  writeFileSync(logs.log('edge.log'), line(1, 'one') + line(3, 'three', { level: 'warn' }))
  writeFileSync(logs.log('pipeline.log'), `${line(2, 'two')}Error: no JSON\n${line(4, 'four', { level: 'error' })}`)
  const { code, stdout } = await run(['logs', '-n', '10', '--data-dir', logs.folder.path])
  assert.equal(code, 0)
  assert.deepEqual(
    stdout
      .trim()
      .split('\n')
      .map((text) => text.split(/\s+/)[0]),
    ['edge', 'pipeline', 'pipeline', 'edge', 'pipeline'],
  )
  assert.match(stdout, /00:00:03\.000.*WARN.*three/)
  const loud = await run(['logs', '-n', '10', '--level', 'warn', '--json', '--data-dir', logs.folder.path])
  assert.deepEqual(
    loud.stdout
      .trim()
      .split('\n')
      .map((text) => (JSON.parse(text) as { msg: string }).msg),
    ['three', 'four'],
  )
  const one = await run(['logs', '-n', '1', '--part', 'edge', '--data-dir', logs.folder.path])
  assert.match(one.stdout, /^edge .*three\n$/)
})

test('--trace gives every line about one event, whichever part wrote it', async () => {
  using logs = withLogs()
  writeFileSync(logs.log('edge.log'), line(1, 'taken', { trace_id: 'aa', event_id: 'e1' }) + line(2, 'other', { trace_id: 'aab' }))
  writeFileSync(logs.log('pipeline.log'), line(3, 'buried', { trace_id: 'aa' }))
  const { stdout } = await run(['logs', '--trace', 'aa', '--data-dir', logs.folder.path])
  assert.match(stdout, /^edge .*taken.*\npipeline .*buried.*\n$/)
  assert.match((await run(['logs', '--trace', 'e1', '--data-dir', logs.folder.path])).stdout, /^edge .*\n$/)
})

test('without a number it goes on: over a rotation, and to parts that begin later', async () => {
  using logs = withLogs()
  const path = logs.log('edge.log')
  writeFileSync(path, line(1, 'first'))
  const running = start(['logs', '--data-dir', logs.folder.path])
  const saw = async (word: string) => {
    const deadline = performance.now() + WAIT_MS_MAX
    while (!running.text.stdout.includes(word)) {
      assert.ok(performance.now() < deadline, word)
      await wait(5)
    }
  }
  await saw('first')
  appendFileSync(path, line(2, 'second'))
  await saw('second')
  renameSync(path, `${path}.1`)
  writeFileSync(path, line(3, 'third'))
  await saw('third')
  writeFileSync(logs.log('pipeline.log'), line(4, 'fourth'))
  await saw('fourth')
  running.interrupt()
  const { code, stdout } = await running.done
  assert.equal(code, 130)
  assert.equal(stdout.match(/first|second|third|fourth/g)?.length, 4)
})
