import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, globSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../../../../test/support/machine.ts'
import { openPostgres } from '../../kernel/postgres.ts'

const READY_MS_MAX = 60_000
const USER = 'flowguard'

/** A PostgreSQL server of a test's own, which it may kill and start again. */
export interface TestCluster extends AsyncDisposable {
  url: string
  start(): Promise<void>
  /** SIGKILL of its first process and of those that serve the connections; resolves when they are gone. */
  kill(): Promise<void>
  /** All of them at once, as if the power had failed; resolves when they are gone. */
  crash(): Promise<void>
}

export async function testCluster(): Promise<TestCluster> {
  const bin = globSync('/usr/lib/postgresql/*/bin').toSorted().at(-1)
  if (bin === undefined) throw new Error('this test needs the programs of PostgreSQL')
  const path = mkdtempSync(join(tmpdir(), 'flowguard-postgres-'))
  const user = userToRunAs()
  if (user) chownSync(path, user.uid, user.gid)
  chmodSync(path, 0o755)
  const data = join(path, 'data')
  execFileSync(join(bin, 'initdb'), ['-D', data, '-A', 'trust', '-U', USER, '-E', 'UTF8', '--locale=C.UTF-8', '--no-sync'], {
    cwd: path,
    ...user,
  })
  const port = await freePort()
  const url = `postgres://${USER}@127.0.0.1:${port}/postgres`
  let child: ChildProcess | undefined

  async function end(signal: 'SIGKILL' | 'SIGQUIT' | 'SIGINT') {
    if (!child?.pid || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    // Those of a first process that is gone notice it by themselves, and only then may another begin.
    child.kill(signal)
    await exited
  }

  const cluster: TestCluster = {
    url,
    async start() {
      const settings = ['listen_addresses=127.0.0.1', 'unix_socket_directories=', 'restart_after_crash=off'].flatMap((each) => ['-c', each])
      const deadline = performance.now() + READY_MS_MAX
      while (performance.now() < deadline) {
        if (!child || child.exitCode !== null || child.signalCode !== null) {
          child = spawn(join(bin, 'postgres'), ['-D', data, '-p', String(port), ...settings], { cwd: path, stdio: 'ignore', ...user })
        }
        if (await answers(url)) return
      }
      throw new Error(`PostgreSQL did not start on port ${port}`)
    },
    kill: () => end('SIGKILL'),
    // It writes nothing more, and goes through its log when it is started again.
    crash: () => end('SIGQUIT'),
    async [Symbol.asyncDispose]() {
      await end('SIGINT')
      rmSync(path, { recursive: true, force: true })
    },
  }
  await cluster.start()
  return cluster
}

/** PostgreSQL refuses to run as root. */
function userToRunAs(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const idOf = (kind: string) => Number(execFileSync('id', [kind, 'postgres'], { encoding: 'utf8' }))
  return { uid: idOf('-u'), gid: idOf('-g') }
}

async function answers(url: string): Promise<boolean> {
  await using postgres = openPostgres({ url, connectionsMax: 1 })
  return await postgres.rows('select 1').then(
    () => true,
    () => new Promise<boolean>((resolve) => setTimeout(resolve, 50, false)),
  )
}
