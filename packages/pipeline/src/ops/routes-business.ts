import type { FastifyInstance } from 'fastify'
import type { Stretch } from '../etl/model.ts'
import { sendCsv } from '../http/csv.ts'
import { sendProblem, type Fault } from '../http/problems.ts'
import type { Value } from '../warehouse/warehouse.ts'
import { DaysAsked, daysAsked } from './days-asked.ts'
import type { OpsDeps } from './deps.ts'
import { dishNames } from './dish-names.ts'
import { FIGURES_ROWS_MAX, type AdFigures, type DishFigures, type Figures } from './figures.ts'
import { REPORTS, type ReportName } from './report-sql.ts'
import { REPORT_DAYS_MAX, REPORT_ROWS_MAX, reportsOf } from './reports.ts'
import { warehouseFault } from './warehouse-faults.ts'

/** The business: the counters as they stand, and what gold knows of whole days. */
export function businessRoutes(app: FastifyInstance, { ask, warehouse, clock }: Pick<OpsDeps, 'ask' | 'warehouse' | 'clock'>): void {
  const guarded = (summary: string, more: object = {}) => ({ config: { needsKey: true }, schema: { tags: ['business'], summary, ...more } })
  const query: OpsDeps['warehouse']['query'] = (sql, limits) => warehouse.query(sql, limits)
  const named = dishNames(query, clock)
  const report = reportsOf(query)
  const counting = new Map<string, Promise<Figures>>()

  /** Whoever asks the same meanwhile gets the same answer: each page does so every other second. */
  function counted({ from, to }: Stretch, rowsMax: number): Promise<Figures> {
    const key = `${from} ${to} ${rowsMax}`
    const before = counting.get(key)
    if (before) return before
    const answer = ask('figures', { from, to }, rowsMax)
      .then(async (found) => ({ ...found, dishes: await named(found.dishes) }))
      .finally(() => counting.delete(key))
    counting.set(key, answer)
    return answer
  }

  app.get('/api/figures', guarded('CTR, CVR and revenue by dish and by ad, live', { querystring: DaysAsked }), async (request, reply) => {
    const asked = daysAsked(request.query, clock(), REPORT_DAYS_MAX)
    if ('code' in asked) return sendProblem(request, reply, asked)
    const { days, isCsv, by } = asked
    if (!isCsv) return reply.send(await counted(days, FIGURES_ROWS_MAX))
    const { dishes, ads } = await counted(days, REPORT_ROWS_MAX)
    return by === 'dish'
      ? sendCsv(reply, { name: fileName('dishes-live', days), columns: DISH_COLUMNS, batches: [rowsOf(dishes, DISH_COLUMNS)] })
      : sendCsv(reply, { name: fileName('ads-live', days), columns: AD_COLUMNS, batches: [rowsOf(ads, AD_COLUMNS)] })
  })

  app.get('/api/reports', guarded('What reports there are'), (_request, reply) => {
    const reports = Object.entries(REPORTS).map(([name, { title, grain, columns }]) => ({ name, title, grain, columns }))
    return reply.send({ reports })
  })

  app.get('/api/reports/:name', guarded('A report over days, from gold', { querystring: DaysAsked }), async (request, reply) => {
    const { name } = request.params as { name: string }
    if (!isReport(name)) return sendProblem(request, reply, NO_REPORT)
    const asked = daysAsked(request.query, clock(), REPORT_DAYS_MAX)
    if ('code' in asked) return sendProblem(request, reply, asked)
    try {
      const answer = await report(name, asked.days)
      if (!asked.isCsv) return await reply.send(answer)
      const columns = answer.columns.map((column) => column.name)
      return await sendCsv(reply, { name: fileName(name, asked.days), columns, batches: [answer.rows] })
    } catch (error) {
      const fault = warehouseFault(error)
      if (!fault) throw error
      return sendProblem(request, reply, fault)
    }
  })
}

const isReport = (name: string): name is ReportName => Object.hasOwn(REPORTS, name)
const NO_REPORT: Fault = { status: 404, code: 'not_found', detail: `there is no such report; there are ${Object.keys(REPORTS).join(', ')}` }

const DISH_COLUMNS = [
  'item_id',
  'name',
  'category',
  'impressions',
  'clicks',
  'orders',
  'attributed_orders',
  'revenue',
  'attributed_revenue',
  'ctr',
  'cvr',
] as const satisfies readonly (keyof DishFigures)[]
const AD_COLUMNS = [
  'ad_id',
  'campaign_id',
  'advertiser_id',
  'item_id',
  'impressions',
  'clicks',
  'attributed_orders',
  'attributed_revenue',
  'ctr',
  'cvr',
] as const satisfies readonly (keyof AdFigures)[]

function rowsOf<Key extends string>(of: readonly Readonly<Record<Key, Value>>[], columns: readonly Key[]): Value[][] {
  return of.map((each) => columns.map((column) => each[column]))
}

const fileName = (name: string, { from, to }: Stretch) => `flowguard-${name}-${from === to ? from : `${from}-to-${to}`}`
