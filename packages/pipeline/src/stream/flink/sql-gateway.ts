import { FlowGuardError } from '../../kernel/errors.ts'
import { answerOf } from './rest.ts'

const STATEMENT_MS_MAX = 120_000
const POLL_MS = 100

/** A session of Flink's SQL Gateway: what one statement sets up, the next ones see. */
export interface SqlSession extends AsyncDisposable {
  /** Resolves to the rows of the answer. Rejects with `flink_refused` and Flink's own reason, or with `flink_unreachable`. */
  run(statement: string): Promise<unknown[][]>
}

export async function openSqlSession(gatewayUrl: string): Promise<SqlSession> {
  const base = `${gatewayUrl.replace(/\/+$/, '')}/v1/sessions`
  const { sessionHandle } = (await answerOf(base, { method: 'POST', body: {} })) as { sessionHandle: string }
  const session = `${base}/${sessionHandle}`
  return {
    async run(statement) {
      const { operationHandle } = (await answerOf(`${session}/statements`, { method: 'POST', body: { statement } })) as {
        operationHandle: string
      }
      const deadline = performance.now() + STATEMENT_MS_MAX
      while (performance.now() < deadline) {
        const result = (await answerOf(`${session}/operations/${operationHandle}/result/0?rowFormat=JSON`)) as Result
        if (result.resultType !== 'NOT_READY') return (result.results?.data ?? []).map(({ fields }) => fields)
        await new Promise((wake) => setTimeout(wake, POLL_MS))
      }
      throw new FlowGuardError(
        'flink_unreachable',
        `${gatewayUrl} has not answered "${statement.slice(0, 60)}…" in ${STATEMENT_MS_MAX / 1_000} s`,
      )
    },
    async [Symbol.asyncDispose]() {
      await answerOf(session, { method: 'DELETE' }).catch(() => undefined)
    },
  }
}

interface Result {
  resultType: 'NOT_READY' | 'PAYLOAD' | 'EOS'
  results?: { data?: { fields: unknown[] }[] }
}
