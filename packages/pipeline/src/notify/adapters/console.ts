import type { AlertSeverity } from '@flowguard/contract'
import { styleText } from 'node:util'
import type { Sender } from '../sender.ts'

const COLORS = { critical: 'red', warning: 'yellow', info: 'cyan' } as const satisfies Readonly<Record<AlertSeverity, string>>

export interface Console {
  write(text: string): unknown
  /** It is a terminal, and wants colour. */
  isColoured: boolean
}

/** One line for each alert. */
export function consoleSender(stream: Console): Sender {
  return {
    async send({ alert, isResolved, heading, detail, facts, link }) {
      const color = (format: Parameters<typeof styleText>[0], text: string) =>
        stream.isColoured ? styleText(format, text, { validateStream: false }) : text
      const rest = facts.flatMap(([name, value]) => (SHOWN.has(name) ? [`${name.toLowerCase()} ${value}`] : []))
      const line = [
        color([isResolved ? 'green' : COLORS[alert.severity], 'bold'], plain(heading)),
        plain([detail, ...rest].join(' · ')),
        color('dim', link),
      ]
      stream.write(`${line.join('  ')}\n`)
      return 'written'
    },
  }
}

/** The rest is a click away. */
const SHOWN = new Set(['Lasted', 'Measured', 'Expected', 'Reason'])

/** On one line, and with nothing in it that a terminal obeys. */
const plain = (text: string) => text.replaceAll(/[\s\p{Cc}]+/gu, ' ')
