// Proves that the tests have teeth: plants one fault after the other in a copy of the code, and expects its tests to fail.
// node packages/pipeline/bin/bootstrap.mjs scripts/plant-faults.ts [name …]
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { FAULTS, type Fault } from './faults.ts'

const ROOT = resolve(import.meta.dirname, '..')
/** Without what makes a copy large, or is made anew. */
const LEFT_OUT = ['node_modules', '.git']

/** A fault may make its test wait for what never comes. */
const TEST_MS_MAX = 60_000

async function isRed(folder: string, { tests, only }: Fault): Promise<boolean> {
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      '--test',
      `--test-timeout=${TEST_MS_MAX}`,
      ...(only ? [`--test-name-pattern=${only}`] : []),
      ...tests,
    ],
    {
      cwd: folder,
      // Without the reference data: the made-up events are enough, and quicker.
      env: { ...process.env, FLOWGUARD_REFERENCE_DATA: undefined, NODE_TEST_CONTEXT: undefined },
      stdio: 'ignore',
    },
  )
  const [code] = (await once(child, 'exit')) as [number | null]
  return code !== 0
}

async function isCaught(fault: Fault): Promise<boolean> {
  const folder = mkdtempSync(join(tmpdir(), 'flowguard-fault-'))
  try {
    cpSync(ROOT, folder, {
      recursive: true,
      filter: (path) => !LEFT_OUT.includes(relative(ROOT, path).split(/[\\/]/)[0] ?? '') && !/\.(db|db-wal|db-shm)$/.test(path),
    })
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction')
    const file = join(folder, fault.file)
    const text = readFileSync(file, 'utf8')
    if (text.split(fault.from).length !== 2) throw new Error(`${fault.file} no longer has the place where to plant: ${fault.name}`)
    writeFileSync(
      file,
      text.replace(fault.from, () => fault.to),
    )
    return await isRed(folder, fault)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const wanted = process.argv.slice(2)
const chosen = FAULTS.filter(({ name }) => wanted.length === 0 || wanted.some((word) => name.includes(word)))
let missed = 0
for (const fault of chosen) {
  const caught = await isCaught(fault)
  if (!caught) missed += 1
  process.stdout.write(`${caught ? 'caught' : 'MISSED'}  ${fault.name}\n`)
}
process.stdout.write(`${chosen.length - missed} passed, ${missed} failed\n`)
process.exitCode = missed > 0 || chosen.length === 0 ? 1 : 0
