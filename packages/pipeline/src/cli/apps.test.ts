import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readSettings, ROOT } from '../kernel/config.ts'
import { silentLogger } from '../kernel/logging.ts'
import { apps } from './apps.ts'
import { createOutput } from './output.ts'
import { temporaryFolder } from './testing/run.ts'

const GOOD = `console.log('a line of a tool'); console.log('{"step":"building"}'); console.log('{"step":"built","seconds":1}')`
const OPEN = `${GOOD}; console.log('{"step":"listening"}'); process.once('SIGTERM', () => process.exit()); setInterval(() => {}, 1000)`

/** Runs apps of these texts until what was said matches, and resolves to it. */
async function said(texts: Readonly<Record<'console' | 'store', string>>, until: RegExp): Promise<string> {
  using folder = temporaryFolder()
  for (const [name, text] of Object.entries(texts)) {
    mkdirSync(folder.file(name))
    writeFileSync(folder.file(`${name}/main.ts`), text.replaceAll('FOLDER', JSON.stringify(folder.path)))
  }
  const stop = new AbortController()
  let notes = ''
  const sink = { write: (part: string) => void (notes += part), isTTY: false, columns: 200 }
  const settings = readSettings({}, { STORE_PORT: '3999' }, folder.path)
  const running = apps({
    folder: folder.path,
    settings,
    out: createOutput({ stdout: sink, stderr: sink, env: {}, isJson: false, now: Date.now }),
    env: {},
    logger: silentLogger,
  })(stop.signal)
  const limit = performance.now() + 30_000
  while (!until.test(notes)) {
    assert.ok(performance.now() < limit, notes)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  stop.abort()
  await running
  return notes
}

test('both are built, the store is opened, and what the tools say besides is not shown', async () => {
  const notes = await said({ console: GOOD, store: OPEN }, /is open/)
  assert.match(notes, /The console is built: http:.*8080\nThe store is being built.*\nThe store is open: http:.*3999/)
  assert.ok(!notes.includes('a line of a tool'))
})

test('one that cannot be built or started is said, and the other goes on', async () => {
  const failing = `console.log('{"step":"failed","detail":"planted"}'); process.exit(1)`
  assert.match(await said({ console: failing, store: OPEN }, /is open/), /The console: planted. The rest goes on/)
  assert.match(await said({ console: GOOD, store: failing }, /The store: planted. The rest goes on/), /The console is built/)
  assert.match(await said({ console: GOOD, store: 'process.exit(3)' }, /The store:/), /The store: ended with 3. The rest goes on/)
})

test('a store whose port is taken is not tried again: the port is named, and what chooses another', async () => {
  const listen = join(ROOT, 'apps/store/src/lib/listen.ts')
  const taken = `import { createServer } from 'node:http'
import { listenOn } from ${JSON.stringify(listen)}
const other = createServer()
await new Promise((resolve) => other.listen(0, '127.0.0.1', resolve))
const failed = (error) => { console.log(JSON.stringify({ step: 'failed', detail: error.message })); process.exit(1) }
await listenOn(createServer(), '127.0.0.1', other.address().port).catch(failed)`
  const notes = await said({ console: GOOD, store: taken }, /The store:/)
  assert.match(notes, /The store: port \d+ on 127\.0\.0\.1 is taken: .* STORE_PORT\. The rest goes on/)
  assert.doesNotMatch(notes, /started again/)
})

test('a store that dies is started again', async () => {
  const dying = `import { existsSync, writeFileSync } from 'node:fs'
const again = FOLDER + '/again'
if (existsSync(again)) console.log('{"step":"built","seconds":2}')
else { writeFileSync(again, ''); console.log('{"step":"listening"}'); setTimeout(() => process.exit(1), 50) }
setInterval(() => {}, 1000)`
  const notes = await said({ console: GOOD, store: dying }, /started again \(1\)/)
  assert.match(notes, /The store is open[^]*The store ended and is started again \(1\)/)
})
