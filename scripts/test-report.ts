/** Turns the events of node:test into lines for people, and counts. A file that crashes, holds no test or leaves one unfinished counts as failed. */
import { relative } from 'node:path'
import { inspect } from 'node:util'

export interface Tally {
  passed: number
  failed: number
  skipped: number
}

/** The part of a node:test event that is read here; which fields are there depends on its type. */
interface TestEvent {
  type: string
  data: {
    file?: string | undefined
    name?: string
    nesting?: number
    message?: string
    line?: number | undefined
    skip?: string | boolean | undefined
    todo?: string | boolean | undefined
    details?: { type?: string | undefined; duration_ms?: number; error?: Error & { failureType?: string } }
  }
}

interface FileReport extends Tally {
  names: string[]
  openCount: number
  testMs: number
  notes: string[]
  problems: string[]
}

const OUTPUT_CHARS_MAX = 8_000

export interface ReportOptions {
  root: string
  /** Where nobody looks, a test left out must not go unseen. */
  skippedFails: boolean
  print: (line: string) => void
}

export async function report(events: AsyncIterable<unknown>, { root, skippedFails, print }: ReportOptions): Promise<Tally> {
  const total: Tally = { passed: 0, failed: 0, skipped: 0 }
  let path: string | undefined
  let current = emptyReport()
  /** What each file printed. Of one that runs beside the one that is told of, it comes at once, and its tests later. */
  const outputs = new Map<string, string>()

  function close(): void {
    if (path === undefined) return
    if (current.openCount > 0) fail('the file', `ended with ${current.openCount} tests begun and not finished`)
    if (current.passed + current.failed + current.skipped === 0) fail('the file', 'holds no test')
    const name = relative(root, path).replaceAll('\\', '/')
    const counts = [
      `${current.passed} passed`,
      current.failed > 0 && `${current.failed} failed`,
      current.skipped > 0 && `${current.skipped} skipped`,
    ]
    print(`${current.failed > 0 ? 'FAIL' : ' ok '}  ${name}  ${counts.filter(Boolean).join(', ')}  ${seconds(current.testMs)}`)
    for (const problem of current.problems) print(indent(problem))
    if (current.failed > 0) {
      for (const note of current.notes) print(indent(`# ${note}`))
      const output = (outputs.get(path) ?? '').trim()
      if (output !== '') print(indent(`it printed:\n${output}`))
    }
    total.passed += current.passed
    total.failed += current.failed
    total.skipped += current.skipped
    path = undefined
  }

  function fail(name: string, why: string): void {
    current.failed += 1
    current.problems.push(`✖ ${name}: ${why}`)
  }

  function onEnd(type: string, data: TestEvent['data']): void {
    const { name = '', nesting = 0, details } = data
    current.openCount -= 1
    if (nesting === 0) current.testMs += details?.duration_ms ?? 0
    const error = details?.error
    const isFileItself = nesting === 0 && name === data.file
    const fullName = isFileItself ? 'the file' : [...current.names.slice(0, nesting), name].join(' > ')
    // Absent is undefined and present without a reason is true; a reason may be the empty string.
    const left = data.skip ?? data.todo
    if (left !== undefined && left !== false) {
      const word = data.skip === undefined ? 'to do' : 'skipped'
      const reason = typeof left === 'string' && left !== '' ? left : 'no reason given'
      if (skippedFails) fail(fullName, `${word}, which counts as failed here: ${reason}`)
      else {
        current.skipped += 1
        current.problems.push(`- ${word}: ${fullName}: ${reason}`)
      }
      return
    }
    if (type === 'test:pass') {
      if (details?.type !== 'suite' && !isFileItself) current.passed += 1
      return
    }
    // Its part that failed has been told already.
    if (error?.failureType === 'subtestsFailed') return
    fail(
      fullName,
      `${data.line === undefined ? '' : `line ${data.line}: `}${inspect(error?.cause ?? error, { depth: 8, maxStringLength: 20_000 })}`,
    )
  }

  for await (const event of events) {
    const { type, data } = event as TestEvent
    if (data.file === undefined) continue
    if (type === 'test:stdout' || type === 'test:stderr') {
      outputs.set(data.file, ((outputs.get(data.file) ?? '') + data.message).slice(-OUTPUT_CHARS_MAX))
      continue
    }
    if (type === 'test:start') {
      if (data.file !== path) {
        close()
        path = data.file
        current = emptyReport()
      }
      current.openCount += 1
      current.names[data.nesting ?? 0] = data.name ?? ''
    } else if (type === 'test:pass' || type === 'test:fail') onEnd(type, data)
    else if (type === 'test:diagnostic') current.notes.push(data.message ?? '')
  }
  close()
  return total
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

export function indent(text: string): string {
  return text.replaceAll(/^/gm, '      ')
}

function emptyReport(): FileReport {
  return { passed: 0, failed: 0, skipped: 0, names: [], openCount: 0, testMs: 0, notes: [], problems: [] }
}
