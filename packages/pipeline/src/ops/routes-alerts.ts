import { ALERT_SEVERITIES, Compile, Type } from '@flowguard/contract'
import type { FastifyInstance } from 'fastify'
import { invalidParameter } from '../http/parameters.ts'
import { sendProblem } from '../http/problems.ts'
import { PAGE_COUNT_MAX } from './alerts.ts'
import type { OpsDeps } from './deps.ts'

const PAGE_COUNT = 50

const Asked = Type.Object(
  {
    kind: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
    severity: Type.Optional(Type.Enum(ALERT_SEVERITIES)),
    after: Type.Optional(Type.String({ pattern: '^\\d{1,15}$', description: '`next_after` of a page: what is older' })),
    limit: Type.Optional(Type.String({ pattern: '^\\d{1,4}$', description: `at most ${PAGE_COUNT_MAX}` })),
  },
  { additionalProperties: false, title: 'Which alerts' },
)
const checkAsked = Compile(Asked)

/** What somebody should know of. */
export function alertRoutes(app: FastifyInstance, { ask }: Pick<OpsDeps, 'ask'>): void {
  const options = {
    config: { needsKey: true },
    schema: { tags: ['pipeline'], summary: 'Alerts, the newest first, by kind and severity', querystring: Asked },
  }
  app.get('/api/alerts', options, async (request, reply) => {
    const { query } = request
    if (!checkAsked.Check(query)) {
      const errors = checkAsked.Errors(query).map(({ instancePath, message }) => ({ field: instancePath.slice(1), message }))
      return sendProblem(request, reply, invalidParameter(...errors))
    }
    const { kind, severity, after, limit = String(PAGE_COUNT) } = query
    const count = Number(limit)
    if (count < 1 || count > PAGE_COUNT_MAX)
      return sendProblem(request, reply, invalidParameter({ field: 'limit', message: `must be from 1 to ${PAGE_COUNT_MAX}` }))
    return reply.send(await ask('alerts', { kind, severity }, { after: after === undefined ? undefined : Number(after), limit: count }))
  })
}
