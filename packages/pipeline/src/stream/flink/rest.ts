import { FlowGuardError } from '../../kernel/errors.ts'

const REQUEST_MS_MAX = 60_000
const REASONS_MAX = 4

interface Asked {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  body?: object
}

/** What Flink's REST endpoints answer. Rejects with `flink_unreachable` where none does, and with `flink_refused` and the reasons where it refuses. */
export async function answerOf(url: string, { method = 'GET', body }: Asked = {}): Promise<unknown> {
  let status: number
  let text: string
  try {
    const response = await fetch(url, {
      method,
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(REQUEST_MS_MAX),
    })
    status = response.status
    text = await response.text()
  } catch (error) {
    const cause = (error as { cause?: { message?: string; code?: string } }).cause
    throw new FlowGuardError(
      'flink_unreachable',
      `${new URL(url).origin} does not answer: ${cause?.message || cause?.code || (error as Error).message}`,
      error,
    )
  }
  let answer: unknown
  try {
    answer = JSON.parse(text || '{}')
  } catch {
    throw new FlowGuardError('flink_unreachable', `${new URL(url).origin} answers something else than Flink: ${text.slice(0, 100)}`)
  }
  if (status >= 200 && status < 300) return answer
  const { errors } = answer as { errors?: string[] }
  throw new FlowGuardError('flink_refused', `${status} ${reasonsOf(errors ?? [text])}`)
}

/** Of a Java stack trace, what says why: the innermost causes. */
export function reasonsOf(errors: readonly string[]): string {
  const lines = errors
    .join('\n')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(at |\.\.\. \d+ more|<Exception on server side|End of exception|Internal server error)/.test(line))
    .map((line) => line.replace(/^(Caused by: )?([\w$]+\.)+([\w$]+(?:Exception|Error)): /, '$3: '))
  return [...new Set(lines.toReversed())].slice(0, REASONS_MAX).join(' | ')
}
