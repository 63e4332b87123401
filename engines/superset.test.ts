import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { EngineError } from './command.ts'
import { prepareSuperset, supersetHome, zipDashboards } from './superset.ts'

const DATABASE = 'snowflake://me:hunter2@account/DB'

test('the password of a database is no argument, and no error shows it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-superset-'))
  try {
    const python = join(folder, 'python3')
    const seen = join(folder, 'seen')
    writeFileSync(python, `#!/bin/sh\necho "$@" >> ${seen}\necho "cannot parse '$FLOWGUARD_DATABASE_URI'" >&2\nexit 1\n`, { mode: 0o755 })
    const tools = { python, folder, env: process.env }
    for (const work of [
      () => prepareSuperset(tools, supersetHome(tools, join(folder, 'home')), DATABASE),
      () => zipDashboards(tools, DATABASE, join(folder, 'x.zip')),
    ])
      await assert.rejects(work, (error) => {
        assert.ok(error instanceof EngineError)
        assert.match(error.message, /cannot parse 'the database'/)
        return !error.message.includes('hunter2')
      })
    assert.deepEqual(readFileSync(seen, 'utf8').match(/\w+\.py/g), ['prepare.py', 'contents.py'])
    assert.ok(!readFileSync(seen, 'utf8').includes('hunter2'))
  } finally {
    rmSync(folder, { recursive: true })
  }
})
