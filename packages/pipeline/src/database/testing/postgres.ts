import { randomUUID } from 'node:crypto'
import { engineAddress } from '../../../../../test/support/engines.ts'
import { openPostgres, type Postgres } from '../../kernel/postgres.ts'

/** A database of a test's own. */
export interface TestDatabase extends AsyncDisposable {
  url: string
  /** Connections of its own, closed with the database at the latest. */
  connect(options?: { connectionsMax?: number; onlyReads?: boolean }): Postgres
}

export async function testDatabase(prefix = 'p'): Promise<TestDatabase> {
  const server = engineAddress('postgres')
  const name = `${prefix}_${randomUUID().replaceAll('-', '')}`
  await asked(server, `create database ${name} template template0`)
  const url = Object.assign(new URL(server), { pathname: `/${name}` }).href
  const opened = new AsyncDisposableStack()
  return {
    url,
    connect: (options = {}) => opened.use(openPostgres({ url, ...options })),
    async [Symbol.asyncDispose]() {
      await opened.disposeAsync()
      await asked(server, `drop database ${name} with (force)`)
    },
  }
}

async function asked(server: string, statement: string): Promise<void> {
  await using postgres = openPostgres({ url: server, connectionsMax: 1 })
  await postgres.rows(statement)
}

/** As a server that another takes over from: who is connected is cut off, and whoever comes may only read, until it is set back. */
export async function setReadOnly({ url }: Pick<TestDatabase, 'url'>, isReadOnly: boolean): Promise<void> {
  const name = new URL(url).pathname.slice(1)
  const server = engineAddress('postgres')
  await asked(
    server,
    `alter database ${name} ${isReadOnly ? 'set default_transaction_read_only = on' : 'reset default_transaction_read_only'}`,
  )
  if (isReadOnly) await asked(server, `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`)
}
