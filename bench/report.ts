import type { Part } from './profile.ts'

export interface Figure {
  /** The measure that it belongs to: a heading of the table. */
  group: string
  name: string
  value: number
  unit: string
  /** What it should be; `alternative` says by what else the aim counts as met, and whether it does. */
  aim?: { atLeast: number } | { atMost: number; alternative?: { words: string; isMet: boolean } }
  note?: string
}

export interface TimeSpent {
  group: string
  /** What was profiled. */
  name: string
  parts: readonly Part[]
}

export interface Report {
  add(...figures: Figure[]): void
  addTime(spent: TimeSpent): void
  print(write: (text: string) => void): void
  json(): object
}

const PARTS_SHOWN = 9

export function createReport(about: Record<string, string>): Report {
  const figures: Figure[] = []
  const times: TimeSpent[] = []
  return {
    add: (...more) => void figures.push(...more),
    addTime: (spent) => void times.push(spent),
    print(write) {
      write(
        `\n${Object.entries(about)
          .map(([name, value]) => `${name}: ${value}`)
          .join('   ')}\n`,
      )
      for (const group of new Set([...figures, ...times].map((each) => each.group))) {
        write(`\n${group}\n`)
        const rows = figures.filter((each) => each.group === group).map(rowOf)
        const widths = [0, 1, 2, 3].map((column) => Math.max(0, ...rows.map((row) => (row[column] as string).length)))
        for (const [name, value, aim, met, note] of rows) {
          write(
            `  ${name.padEnd(widths[0]!)}  ${value.padStart(widths[1]!)}  ${aim.padEnd(widths[2]!)}  ${met.padEnd(widths[3]!)}  ${note}`.trimEnd() +
              '\n',
          )
        }
        for (const { name, parts } of times.filter((each) => each.group === group)) write(timeLine(name, parts))
      }
      const aims = figures.filter((each) => each.aim)
      if (aims.length > 0) write(`\n${aims.filter(isMet).length} of ${aims.length} aims met\n`)
    },
    json: () => ({ about, figures: figures.map((each) => ({ ...each, ...(each.aim && { met: isMet(each) }) })), times }),
  }
}

function isMet({ value, aim }: Figure): boolean {
  if (!aim) return true
  return 'atLeast' in aim ? value >= aim.atLeast : value <= aim.atMost || aim.alternative?.isMet === true
}

type Row = [name: string, value: string, aim: string, met: string, note: string]

function rowOf(figure: Figure): Row {
  const { name, value, unit, aim, note = '' } = figure
  const text = (number: number) => `${formatted(number)}${unit && ` ${unit}`}`
  if (!aim) return [name, text(value), '', '', note]
  const words =
    'atLeast' in aim
      ? `aim ≥ ${formatted(aim.atLeast)}`
      : `aim ≤ ${formatted(aim.atMost)}${aim.alternative ? ` or ${aim.alternative.words}` : ''}`
  return [name, text(value), words, isMet(figure) ? 'met' : 'NOT MET', note]
}

function timeLine(name: string, parts: readonly Part[]): string {
  const shown = parts.slice(0, PARTS_SHOWN)
  const rest = parts.slice(PARTS_SHOWN).reduce((sum, { share }) => sum + share, 0)
  const total = parts.reduce((sum, { usPerEvent }) => sum + usPerEvent, 0)
  const words = shown.map((part) => `${part.name} ${(part.share * 100).toFixed(0)}% (${formatted(part.usPerEvent)})`)
  const lines = [`${name}: ${formatted(total)} µs of CPU an event, of which`]
  for (const word of [...words, `the rest ${(rest * 100).toFixed(0)}%`]) {
    const last = lines.at(-1) as string
    if (last.length + word.length > 130) lines.push(word)
    else lines[lines.length - 1] = `${last}${last.endsWith('which') ? ' ' : ', '}${word}`
  }
  return lines.map((line, at) => `  ${at === 0 ? '· ' : '    '}${line}\n`).join('')
}

/** Three significant digits, thousands set apart. */
function formatted(value: number): string {
  if (!Number.isFinite(value)) return '?'
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US')
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2)
}
