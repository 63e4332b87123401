import { readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Compile } from '@flowguard/contract'
import type * as Yaml from 'yaml'
import { FlowGuardError } from '../kernel/errors.ts'
import { pause, type Part } from '../kernel/lifecycle.ts'
import type { Logger } from '../kernel/logging.ts'
import { AlertsFile, faultsOf, rulesOf, type AlertRules } from './rules.ts'

/** How often the file is looked at. */
const LOOK_MS = 1_000
const FAULTS_MAX = 10

const checkFile = Compile(AlertsFile)

/** What is wrong with a part of the file that another part of the product reads: `channels[0].url must be …`. */
export type CheckChannels = (node: unknown) => readonly string[]

/** Reads the file. Throws `file_invalid` that names each fault by line and field, with what may stand there. */
export function readAlertRules(file: string, checkChannels: CheckChannels = () => []): AlertRules {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new FlowGuardError('file_missing', `${file}: ${(error as Error).message}`, error)
  }
  return parseAlertRules(file, text, checkChannels)
}

function parseAlertRules(file: string, text: string, checkChannels: CheckChannels): AlertRules {
  const { parseDocument, LineCounter } = createRequire(import.meta.url)('yaml') as typeof Yaml
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  if (document.errors.length > 0)
    refuse(
      file,
      document.errors.map(({ pos, message }) => ({ line: lines.linePos(pos[0]).line, said: `is no YAML: ${message}` })),
    )
  const content = contentOf(file, document)
  const faultAt = (path: readonly (string | number)[], message: string) => ({
    line: lineOf(document, lines, path),
    said: `${fieldOf(path)} ${message}`,
  })
  if (!checkFile.Check(content)) refuse(file, schemaFaults(content, faultAt))
  const faults = [
    ...faultsOf(content).map(({ path, message }) => faultAt(path, message)),
    ...checkChannels(content.channels).map((said) => ({ line: lineOf(document, lines, pathIn(said)), said })),
  ]
  if (faults.length > 0) refuse(file, faults)
  return rulesOf(content)
}

/** Aliases are looked up only here: one of an anchor that is not there is a fault of the file like any other. */
function contentOf(file: string, document: Yaml.Document): unknown {
  try {
    return document.toJS() ?? {}
  } catch (error) {
    return refuse(file, [{ line: 1, said: `is no YAML: ${(error as Error).message}` }])
  }
}

interface Fault {
  line: number
  said: string
}

function schemaFaults(content: unknown, faultAt: (path: (string | number)[], message: string) => Fault): Fault[] {
  return checkFile.Errors(content).flatMap(({ keyword, instancePath, message, params }) => {
    const path = instancePath
      .split('/')
      .slice(1)
      .map((part) => (/^\d+$/.test(part) ? Number(part) : part.replaceAll('~1', '/').replaceAll('~0', '~')))
    const { requiredProperties = [], allowedValues } = params as { requiredProperties?: string[]; allowedValues?: unknown[] }
    if (keyword === 'additionalProperties') return []
    if (keyword === 'boolean') return [faultAt(path, 'is not known here: a misspelling?')]
    if (keyword === 'required') return requiredProperties.map((name) => faultAt([...path, name], 'is missing'))
    if (allowedValues) return [faultAt(path, `must be one of ${allowedValues.join(', ')}`)]
    return [faultAt(path, message)]
  })
}

function refuse(file: string, faults: readonly Fault[]): never {
  const shown = faults.slice(0, FAULTS_MAX).map(({ line, said }) => `line ${line}: ${said}`)
  const more = faults.length > FAULTS_MAX ? `; and ${faults.length - FAULTS_MAX} more` : ''
  throw new FlowGuardError('file_invalid', `${file}: ${shown.join('; ')}${more}`)
}

/** Of the field itself, or of the nearest that is there around it. */
function lineOf(document: Yaml.Document, lines: Yaml.LineCounter, path: readonly (string | number)[]): number {
  for (let length = path.length; length > 0; length -= 1) {
    const node = document.getIn(path.slice(0, length), true) as { range?: [number, number, number] } | undefined
    if (node?.range) return lines.linePos(node.range[0]).line
  }
  return 1
}

const fieldOf = (path: readonly (string | number)[]) =>
  path.length === 0 ? 'the file' : path.map((part, at) => (typeof part === 'number' ? `[${part}]` : at === 0 ? part : `.${part}`)).join('')

/** Of what begins with the place in the file, as `fieldOf` writes it. */
function pathIn(said: string): (string | number)[] {
  return (said.split(' ')[0] ?? '').split(/[.[]/).map((part) => (/^\d+\]$/.test(part) ? Number.parseInt(part, 10) : part))
}

export interface WatchedRules {
  /** Another object once they are others. */
  now: () => AlertRules
  /** Why what the file says now is not followed; undefined where it is. */
  fault: () => string | undefined
  /** Looks at the file until the signal aborts. */
  watch: Part
}

/**
 * The rules of the file, read again when it changes: by its time and size, so that it may be replaced as editors and containers do. One that cannot be used leaves
 * the rules as they are. Throws as `readAlertRules` does where there are none yet.
 */
export function watchedRules(file: string, { logger, checkChannels }: { logger: Logger; checkChannels?: CheckChannels }): WatchedRules {
  let seen = stampOf(file)
  let rules = readAlertRules(file, checkChannels)
  let fault: string | undefined

  function look() {
    const stamp = stampOf(file)
    if (stamp === seen) return
    seen = stamp
    try {
      rules = readAlertRules(file, checkChannels)
      fault = undefined
      logger.info({ file }, 'rules of alerts read again')
    } catch (error) {
      if (!(error instanceof FlowGuardError)) throw error
      fault = error.message
      logger.error({ file, fault }, 'the rules of alerts stay as they were: the file cannot be used')
    }
  }

  return {
    now: () => rules,
    fault: () => fault,
    async watch(signal) {
      for (await pause(LOOK_MS, signal); !signal.aborted; await pause(LOOK_MS, signal)) look()
    },
  }
}

function stampOf(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false })
  return stat ? `${stat.ino} ${stat.mtimeMs} ${stat.size}` : 'none'
}
