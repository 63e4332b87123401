import assert from 'node:assert/strict'
import { globSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { command, EngineError, find } from './command.ts'
import { prepareSuperset, supersetHome, zipDashboards } from './superset.ts'

const DATABASE = 'snowflake://me:hunter2@account/DB'
const ZIPPED = [
  ['duckdb:////srv/data of: "Zoë" # 1/reports.duckdb', { connect_args: { read_only: true } }],
  [DATABASE, {}],
] as const

test('the password of a database is no argument, and no error shows it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-superset-'))
  try {
    const python = join(folder, 'python3')
    const seen = join(folder, 'seen')
    writeFileSync(python, `#!/bin/sh\necho "$@" >> ${seen}\necho "cannot parse '$FLOWGUARD_DATABASE_URI'" >&2\nexit 1\n`, { mode: 0o755 })
    const tools = { python, folder, env: process.env }
    for (const work of [
      () => prepareSuperset(tools, supersetHome(tools, join(folder, 'home')), DATABASE),
      () => zipDashboards(DATABASE, join(folder, 'x.zip'), python),
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

test(
  'the zip is written by Python alone, with the database in it and for its owner',
  { skip: find('python3') ? false : 'there is no python3' },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'flowguard-superset-'))
    const files = join(import.meta.dirname, 'superset/dashboards')
    try {
      for (const [at, [database, params]] of ZIPPED.entries()) {
        const file = join(folder, `${at}.zip`)
        await zipDashboards(database, file)
        if (process.platform !== 'win32') assert.equal(statSync(file).mode & 0o777, 0o600)
        await command('python3', ['-m', 'zipfile', '-e', file, join(folder, String(at))], { msMax: 60_000 })
        for (const name of globSync('**/*.yaml', { cwd: files })) {
          const [made, own] = [join(folder, String(at), 'flowguard', name), join(files, name)].map((path) => readFileSync(path, 'utf8'))
          if (!name.startsWith('databases')) assert.equal(made, own, name)
          else {
            const { extra, ...fields } = parse(own!) as { extra: object }
            assert.deepEqual(parse(made!), { ...fields, sqlalchemy_uri: database, extra: { ...extra, engine_params: params } })
          }
        }
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
)
