import { stripVTControlCharacters } from 'node:util'
import picocolors from 'picocolors'

export type Colors = ReturnType<typeof picocolors.createColors>

/** Where text goes: a stream of the process, or a test's. */
export interface TextSink {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Data on stdout, all else on stderr; colour only where a person looks. */
export interface Output {
  readonly isJson: boolean
  /** Colours for stdout: plain text off a terminal. */
  readonly colors: Colors
  /** Colours for stderr. */
  readonly noteColors: Colors
  /** A line of data. */
  line(text?: string): void
  /** One JSON document of data on a line of its own. */
  json(value: unknown): void
  /** A line beside the data: what is being done, what to know. */
  note(text: string): void
  /** One line that is rewritten on a terminal; elsewhere a line every few seconds, or every `plainMs`. */
  progress(text: string, plainMs?: number): void
  /** Ends the rewritten line, so that the next text begins on its own. */
  endProgress(): void
}

const PLAIN_PROGRESS_MS = 5_000
const TERMINAL_PROGRESS_MS = 100
const CLEAR_LINE = '\r\u001b[2K'

export interface OutputOptions {
  stdout: TextSink
  stderr: TextSink
  env: NodeJS.ProcessEnv
  isJson: boolean
  now: () => number
}

export function createOutput({ stdout, stderr, env, isJson, now }: OutputOptions): Output {
  // Off a terminal, what is done at once needs no progress.
  let shownAt = isTerminalFor(stderr, env) ? -Infinity : now()
  let isLineOpen = false

  function endProgress() {
    if (isLineOpen) stderr.write('\n')
    isLineOpen = false
  }

  return {
    isJson,
    colors: colorsFor(stdout, env),
    noteColors: colorsFor(stderr, env),
    line: (text = '') => void stdout.write(`${text}\n`),
    json: (value) => void stdout.write(`${JSON.stringify(value)}\n`),
    note(text) {
      endProgress()
      stderr.write(`${text}\n`)
    },
    progress(text, plainMs = PLAIN_PROGRESS_MS) {
      const isTerminal = isTerminalFor(stderr, env)
      if (now() - shownAt < (isTerminal ? TERMINAL_PROGRESS_MS : plainMs)) return
      shownAt = now()
      if (!isTerminal) return void stderr.write(`${text}\n`)
      stderr.write(`${CLEAR_LINE}${text.slice(0, (stderr.columns ?? 80) - 1)}`)
      isLineOpen = true
    },
    endProgress,
  }
}

/** https://no-color.org: any value but the empty one switches colour off. */
export function colorsFor(sink: TextSink, env: NodeJS.ProcessEnv): Colors {
  return picocolors.createColors(isTerminalFor(sink, env) && !env['NO_COLOR'])
}

function isTerminalFor(sink: TextSink, env: NodeJS.ProcessEnv): boolean {
  return sink.isTTY === true && env['TERM'] !== 'dumb'
}

export interface Column {
  title: string
  align?: 'left' | 'right'
}

/** A table with aligned columns; colour in a cell does not count as width. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], colors: Colors): string {
  const widths = columns.map(({ title }, at) => Math.max(title.length, ...rows.map((row) => widthOf(row[at] ?? ''))))
  const format = (cells: readonly string[]) =>
    columns
      .map(({ align }, at) => {
        const cell = cells[at] ?? ''
        const space = ' '.repeat((widths[at] ?? 0) - widthOf(cell))
        return align === 'right' ? space + cell : cell + space
      })
      .join('  ')
      .trimEnd()
  return [colors.dim(format(columns.map(({ title }) => title))), ...rows.map(format)].join('\n')
}

/** Names and values below each other. */
export function pairs(entries: readonly (readonly [string, string])[], colors: Colors): string {
  const width = Math.max(...entries.map(([name]) => name.length))
  return entries.map(([name, value]) => `${colors.dim(name.padEnd(width))}  ${value}`).join('\n')
}

function widthOf(text: string): number {
  return stripVTControlCharacters(text).length
}

/** 12345 → 12,345 whatever the machine's locale. */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}

/** 1 order, 2 orders, 12,345 orders. */
export function counted(value: number, thing: string): string {
  return `${count(value)} ${thing}${value === 1 ? '' : 's'}`
}

/** 4321 → 4.3 s; 754000 → 12 min 34 s; two units at most. */
export function duration(ms: number): string {
  const seconds = Math.abs(ms) / 1_000
  if (seconds < 1) return `${Math.round(Math.abs(ms))} ms`
  if (seconds < 60) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  if (whole < 86_400) return `${Math.floor(whole / 3_600)} h ${Math.floor((whole % 3_600) / 60)} min`
  return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3_600)} h`
}

/** What came from outside, safe to show: no control characters that could move the cursor or change the terminal. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- taking control characters out is the purpose
  return stripVTControlCharacters(text).replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '·')
}

/** 1536 → 1.5 KiB. */
export function bytes(size: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = size < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(size) / 10))
  return `${(size / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`
}

/** An ISO time, in UTC and to the second; – where there is none. */
export function dateTime(iso: string | null): string {
  return iso === null ? '–' : `${iso.slice(0, 10)} ${iso.slice(11, 19)}`
}
