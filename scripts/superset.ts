/**
 * `npm run superset`: installs Apache Superset where it is missing, imports the dashboards over what `flowguard warehouse export` makes, and serves them until Ctrl-C. Its own
 * tables are in the folder superset of DATA_DIR.
 *
 *   npm run superset                              http://127.0.0.1:8088
 *   npm run superset -- --port 8090               there
 *   npm run superset -- --data-dir DIR            of another data folder
 *   npm run superset -- --database URI            over another database (SQLAlchemy's address)
 *   SUPERSET_DATABASE=URI npm run superset        the same, where a password is in it: an argument can be seen by others. snowflake://…
 *   npm run superset -- import                    imports, and serves nothing
 *   npm run superset -- zip FILE                  the dashboards for a Superset that you have; installs nothing
 */
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { EngineError, say } from '../engines/command.ts'
import { openRunFolder } from '../engines/run-folder.ts'
import { installSuperset, prepareSuperset, SUPERSET_ADMIN, supersetHome, supersetServer, zipDashboards } from '../engines/superset.ts'
import { readSettings } from '../packages/pipeline/src/kernel/config.ts'
import { FlowGuardError } from '../packages/pipeline/src/kernel/errors.ts'
import { WAREHOUSE } from '../packages/pipeline/src/warehouse/schema.ts'
import { untilStopped } from './engine-options.ts'

const PORT = '8088'
const TASKS = ['serve', 'import', 'zip'] as const

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { port: { type: 'string', default: PORT }, 'data-dir': { type: 'string' }, database: { type: 'string' } },
  })
  const [task = 'serve', file, ...rest] = positionals
  if (!TASKS.some((each) => each === task) || rest.length > 0 || (task === 'zip') !== (file !== undefined))
    throw new EngineError(`there is: npm run superset, npm run superset -- import, npm run superset -- zip FILE`)
  const port = Number(values.port)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new EngineError(`--port ${values.port} is no port`)
  const flags = values['data-dir'] === undefined ? {} : { DATA_DIR: values['data-dir'] }
  const { DATA_DIR } = readSettings(flags, process.env, resolve(import.meta.dirname, '..'))
  const database = values.database ?? process.env['SUPERSET_DATABASE'] ?? fileUri(join(DATA_DIR, WAREHOUSE.copy), task)

  if (task === 'zip') {
    await zipDashboards(database, resolve(file!))
    say(`${file} is written: Superset's pages import it (Dashboards, Import), or superset import-dashboards --path ${file} --username NAME`)
    say(`the address of the database is in it, with its password where it has one: only you may read it`)
    return
  }
  using stopping = untilStopped()
  const tools = await installSuperset()
  using folder = openRunFolder(join(DATA_DIR, 'superset'))
  const home = supersetHome(tools, folder.path('home'))
  say('Superset makes its tables and imports the dashboards: half a minute')
  await prepareSuperset(tools, home, database)
  if (task === 'import' || stopping.signal.aborted) return
  const server = supersetServer(folder, tools, home, port)
  try {
    await server.start()
    say(`http://127.0.0.1:${port}/superset/dashboard/flowguard/  as ${SUPERSET_ADMIN}, password ${home.password}; Ctrl-C stops it`)
    const awake = setInterval(() => undefined, 60_000)
    if (!stopping.signal.aborted) await once(stopping.signal, 'abort')
    clearInterval(awake)
  } finally {
    await server.stop()
  }
}

/** The copy of the data folder. For a zip it may be yet to be made. */
function fileUri(copy: string, task: string): string {
  if (task !== 'zip' && !existsSync(copy))
    throw new EngineError(`${copy} is not there: npx flowguard warehouse export makes it, and so does each ETL run (WAREHOUSE_EXPORT)`)
  return `duckdb:///${copy}`
}

try {
  await main()
} catch (error) {
  if (!(error instanceof EngineError || error instanceof FlowGuardError)) throw error
  say(error.message)
  process.exitCode = 1
}
