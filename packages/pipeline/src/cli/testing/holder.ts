import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { WAREHOUSE } from '../../warehouse/schema.ts'

/** Another process that has the warehouse of the folder open. */
export async function holding(dataDir: string): Promise<ChildProcess> {
  const script = join(dataDir, 'holder.mjs')
  writeFileSync(
    script,
    `const { openDuckdb } = await import(process.argv[2])
     const [path, tempDir] = process.argv.slice(3)
     const warehouse = openDuckdb({ path, tempDir, memoryMb: 128, threads: 1 })
     await warehouse.session()
     process.on('disconnect', () => process.exit())
     process.send('open')
     setInterval(() => warehouse, 1_000)`,
  )
  const adapter = join(import.meta.dirname, '../../warehouse/adapters/duckdb.ts')
  const child = fork(script, [adapter, join(dataDir, WAREHOUSE.file), join(dataDir, WAREHOUSE.temp)], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  })
  await once(child, 'message')
  return child
}
