import { Compile, Type } from '@flowguard/contract'
import type { FastifyInstance } from 'fastify'
import { parseJson } from '../http/body.ts'
import { sendProblem, type Fault } from '../http/problems.ts'
import { QUERY_LIMITS, type Limits } from '../warehouse/warehouse.ts'
import type { OpsDeps } from './deps.ts'
import { warehouseFault } from './warehouse-faults.ts'

const BODY_BYTES_MAX = 256 * 1024

const Query = Type.Object(
  {
    sql: Type.String({ minLength: 1, description: 'one statement that only reads' }),
    rows_max: Type.Optional(
      Type.Integer({ minimum: 1, maximum: QUERY_LIMITS.rowsMax, description: 'further rows are cut off; 1000 unless given' }),
    ),
    timeout_ms: Type.Optional(Type.Integer({ minimum: 1, maximum: QUERY_LIMITS.timeoutMs, description: '30000 unless given' })),
  },
  { additionalProperties: false, title: 'A question to the warehouse' },
)
const checkQuery = Compile(Query)

/** A read-only look at the warehouse. */
export function sqlRoutes(app: FastifyInstance, { warehouse, clock }: Pick<OpsDeps, 'warehouse' | 'clock'>): void {
  const options = {
    config: { needsKey: true, onlyReads: true },
    schema: { tags: ['warehouse'], summary: 'One SQL statement that only reads', body: Query },
  }

  app.post('/api/sql', options, async (request, reply) => {
    const asked = questionOf(request.body as Buffer | undefined)
    if ('code' in asked) return sendProblem(request, reply, asked)
    const startedAt = clock()
    try {
      const answer = await warehouse.query(asked.sql, asked.limits)
      return await reply.send({ ...answer, took_ms: clock() - startedAt })
    } catch (error) {
      const fault = warehouseFault(error)
      if (!fault) throw error
      return sendProblem(request, reply, fault)
    }
  })
}

function questionOf(body: Buffer | undefined): { sql: string; limits: Limits } | Fault {
  const parsed = parseJson(body, { bytesMax: BODY_BYTES_MAX, wrappers: 0 })
  if (!('value' in parsed)) return parsed
  if (!checkQuery.Check(parsed.value)) {
    const errors = checkQuery.Errors(parsed.value).map(({ instancePath, message }) => ({ field: instancePath, message }))
    return { status: 422, code: 'invalid_question', detail: 'is no question to the warehouse', errors }
  }
  const { sql, rows_max: rowsMax = 1_000, timeout_ms: timeoutMs = 30_000 } = parsed.value
  return { sql, limits: { rowsMax, timeoutMs } }
}
