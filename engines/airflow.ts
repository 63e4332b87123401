import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { command } from './command.ts'
import { installPython } from './python.ts'
import { VERSIONS } from './versions.ts'

const MIGRATE_MS_MAX = 5 * 60_000

/** The project of `astro dev start`, which a plain Airflow runs as well. */
export const AIRFLOW_PROJECT = join(import.meta.dirname, 'airflow')

export interface Airflow {
  python: string
  env: NodeJS.ProcessEnv
  /** `airflow dags test …`: what it printed. Throws with the end of that where it fails. */
  run(args: readonly string[], msMax: number): Promise<string>
}

/** Airflow with a home of its own, on SQLite, over the DAGs of this checkout. Nothing of it runs until it is asked. */
export async function openAirflow(home: string, more: NodeJS.ProcessEnv): Promise<Airflow> {
  const { python, env: found } = await installPython('airflow', VERSIONS.airflow, [`apache-airflow==${VERSIONS.airflow}`])
  mkdirSync(home, { recursive: true })
  const env: NodeJS.ProcessEnv = {
    ...found,
    AIRFLOW_HOME: home,
    AIRFLOW__CORE__DAGS_FOLDER: join(AIRFLOW_PROJECT, 'dags'),
    AIRFLOW__CORE__LOAD_EXAMPLES: 'False',
    // Where there is a scheduler several processes write: each waits for the others.
    AIRFLOW__DATABASE__SQL_ALCHEMY_CONN: `sqlite:///${join(home, 'airflow.db')}?timeout=60`,
    AIRFLOW__CORE__PARALLELISM: '2',
    NO_COLOR: '1',
    ...more,
  }
  const run = (args: readonly string[], msMax: number) => command(python, ['-m', 'airflow', ...args], { env, msMax })
  await run(['db', 'migrate'], MIGRATE_MS_MAX)
  return { python, env, run }
}
