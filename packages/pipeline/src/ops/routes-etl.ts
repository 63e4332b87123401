import { Compile, isDay, Type, dayOf } from '@flowguard/contract'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Stretch } from '../etl/model.ts'
import { parseJson } from '../http/body.ts'
import { invalidParameter } from '../http/parameters.ts'
import { sendProblem, type Fault } from '../http/problems.ts'
import type { OpsDeps } from './deps.ts'
import { warehouseFault } from './warehouse-faults.ts'

const BODY_BYTES_MAX = 1024
const RUNS_COUNT = 20
const RUNS_COUNT_MAX = 500

const TABLES_COUNT_MAX = 100
const days = { from: Type.String({ description: 'a UTC day, 2026-01-31' }), to: Type.String({ description: 'the last day, included' }) }
const Choice = Type.Object(days, { additionalProperties: false, title: 'Days to make anew' })
const checkChoice = Compile(Choice)
const Part = Type.Object(
  { ...days, tables: Type.Array(Type.String(), { minItems: 1, maxItems: TABLES_COUNT_MAX, description: 'silver.orders_clean' }) },
  { additionalProperties: false, title: 'Single tables of one day' },
)
const checkPart = Compile(Part)
const Resume = Type.Object({ resume: Type.Literal(true) }, { additionalProperties: false, title: 'What runs that were cut off have left' })
const checkResume = Compile(Resume)

/** Silver and gold: begun, followed, planned. */
export function etlRoutes(app: FastifyInstance, { etl, clock }: Pick<OpsDeps, 'etl' | 'clock'>): void {
  const guarded = (summary: string, more: object = {}) => ({ config: { needsKey: true }, schema: { tags: ['etl'], summary, ...more } })

  app.get('/api/etl/runs', guarded('What runs, and the latest runs'), async (request, reply) => {
    const { limit = String(RUNS_COUNT) } = request.query as { limit?: string }
    const count = Number(limit)
    if (!Number.isInteger(count) || count < 1 || count > RUNS_COUNT_MAX) {
      return sendProblem(request, reply, invalid('limit', `must be a whole number from 1 to ${RUNS_COUNT_MAX}`))
    }
    return answer(request, reply, count, async () => reply.send({ running: etl.progress() ?? null, runs: await etl.runs(count) }))
  })
  app.get('/api/etl/runs/:id', guarded('One run: its steps, checks and rows that failed them'), async (request, reply) => {
    return answer(request, reply, Number((request.params as { id: string }).id) || 0, async (id) => {
      const run = await etl.run(id)
      return run ? reply.send(run) : sendProblem(request, reply, { status: 404, code: 'not_found', detail: 'there is no such run' })
    })
  })
  app.get('/api/etl/plan', guarded('What a run would do'), (request, reply) => {
    const { resume, ...days } = request.query as Partial<Stretch> & { resume?: string }
    return answer(request, reply, stretchOrRest(resume === 'true' ? { resume: true } : days, clock()), async (asked) =>
      reply.send(await etl.plan(asked)),
    )
  })
  app.get('/api/etl/checks', guarded('Data quality: every check, and what came of it; with `date`, of that day'), (request, reply) => {
    const { date } = request.query as { date?: string }
    return answer(request, reply, date === undefined ? undefined : dayOrFault('date', date, clock()), async (day) =>
      reply.send({ checks: await etl.checks(day) }),
    )
  })
  app.get('/api/etl/ready', guarded('What a run over the day `date` would wait for; nothing, and it is loaded'), (request, reply) => {
    const { date = '' } = request.query as { date?: string }
    return answer(request, reply, dayOrFault('date', date, clock()), async (day) => {
      const ready = await etl.ready(day)
      return reply.send({ date: day, is_ready: ready.awaited.length === 0, ...ready })
    })
  })
  app.get('/api/etl/models', guarded('Every table of silver and gold: grain, columns, lineage, checks'), (request, reply) =>
    answer(request, reply, undefined, async () => reply.send({ models: await etl.models() })),
  )
  const body = Type.Union([Choice, Part, Resume])
  app.post('/api/etl/runs', guarded('Make days anew, and whatever is stale, left or hangs on them', { body }), (request, reply) => {
    const parsed = parseJson(request.body as Buffer | undefined, { bytesMax: BODY_BYTES_MAX, wrappers: 0 })
    const asked = 'value' in parsed ? partOrRest(parsed.value, clock()) : parsed
    return answer(request, reply, asked, async (of) => reply.code(202).send({ run_id: await etl.start(of.days, 'operator', of.tables) }))
  })
}

async function answer<T>(request: FastifyRequest, reply: FastifyReply, asked: T | Fault, send: (asked: T) => Promise<unknown>) {
  if (isFault(asked)) return sendProblem(request, reply, asked)
  try {
    return await send(asked)
  } catch (error) {
    const fault = warehouseFault(error)
    if (!fault) throw error
    return sendProblem(request, reply, fault)
  }
}

const isFault = (asked: unknown): asked is Fault => typeof asked === 'object' && asked !== null && 'code' in asked

/** Of one day alone: what hangs on it is known to its tables. */
function partOrRest(value: unknown, now: number): { days?: Stretch | undefined; tables?: readonly string[] } | Fault {
  const { tables, ...rest } = checkPart.Check(value) ? value : { ...(value as object), tables: undefined }
  const asked = tables ? stretchOf(rest, now) : stretchOrRest(value, now)
  if (asked === undefined) return {}
  if ('code' in asked) return asked
  if (!tables) return { days: asked }
  return asked.from === asked.to ? { days: asked, tables } : invalid('tables', 'must be of one day: from and to are to be the same')
}

/** Nothing asked for is the rest: what runs have left, and what is stale. */
const stretchOrRest = (value: unknown, now: number) => (checkResume.Check(value) ? undefined : stretchOf(value, now))

function stretchOf(value: unknown, now: number): Stretch | Fault {
  if (!checkChoice.Check(value)) return invalid('from', 'and to must be days, 2026-01-31')
  for (const field of ['from', 'to'] as const) {
    const found = dayOrFault(field, value[field], now)
    if (isFault(found)) return found
  }
  return value.from > value.to ? invalid('from', 'must not be after to') : value
}

function dayOrFault(field: string, text: string, now: number): string | Fault {
  if (!isDay(text)) return invalid(field, 'must be a day, 2026-01-31')
  return text > dayOf(now) ? invalid(field, 'lies in the future') : text
}

const invalid = (field: string, message: string) => invalidParameter({ field, message })
