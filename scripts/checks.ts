/** The checks that look at the code and do not run it. test/checks.test.ts proves of each that it fails where it should. */
import { spawn } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join, posix, sep } from 'node:path'

export interface Check {
  name: string
  /** Arguments for Node, the script first: no shell, no .cmd, on any platform. */
  args: readonly string[]
}

export interface CheckResult {
  passed: boolean
  output: string
  ms: number
}

export function checksIn(root: string): Check[] {
  return [
    { name: 'types', args: [binOf(root, 'typescript', 'tsc'), '--noEmit'] },
    // What runs in a browser has types of its own.
    ...globSync('{packages,apps}/*/tsconfig.json', { cwd: root })
      .map((path) => posix.dirname(path.split(sep).join('/')))
      .toSorted()
      .map((folder) => ({
        name: `types of ${folder}`,
        args: [binOf(root, 'typescript', 'tsc'), '--noEmit', '-p', folder],
      })),
    { name: 'format', args: [binOf(root, 'oxfmt', 'oxfmt'), '--check'] },
    { name: 'lint', args: [binOf(root, 'oxlint', 'oxlint'), '--deny-warnings', '--report-unused-disable-directives'] },
    { name: 'layers', args: [join(root, 'scripts', 'layers.ts')] },
    { name: 'unused', args: [binOf(root, 'knip', 'knip'), '--no-progress', '--no-config-hints'] },
  ]
}

export function runCheck(root: string, check: Check): Promise<CheckResult> {
  const startedAt = performance.now()
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, check.args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.on('error', reject)
    child.on('close', (code) => {
      resolve({ passed: code === 0, output: Buffer.concat(chunks).toString().trim(), ms: performance.now() - startedAt })
    })
  })
}

function binOf(root: string, name: string, command: string): string {
  const folder = join(root, 'node_modules', name)
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { bin: string | Record<string, string> }
  const script = typeof bin === 'string' ? bin : bin[command]
  if (script === undefined) throw new Error(`${name} brings no ${command}`)
  return join(folder, script)
}
