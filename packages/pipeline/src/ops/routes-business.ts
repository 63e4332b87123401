import type { FastifyInstance, FastifyReply } from 'fastify'
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
import { shared } from './shared.ts'
import { warehouseFault } from './warehouse-faults.ts'

/** The business: the counters as they stand, and what gold knows of whole days. */
export function businessRoutes(app: FastifyInstance, { ask, warehouse, clock }: Pick<OpsDeps, 'ask' | 'warehouse' | 'clock'>): void {
  const guarded = (summary: string, more: object = {}) => ({ config: { needsKey: true }, schema: { tags: ['business'], summary, ...more } })
  const query: OpsDeps['warehouse']['query'] = (sql, limits) => warehouse.query(sql, limits)
  const named = dishNames(query, clock)
  const report = reportsOf({ query, dialect: warehouse.dialect })
  const share = shared<Figures>()

  /** Each page asks every other second. */
  const counted = ({ from, to }: Stretch, rowsMax: number): Promise<Figures> =>
    share(`${from} ${to} ${rowsMax}`, async () => {
      const found = await ask('figures', { from, to }, rowsMax)
      return { ...found, dishes: await named(found.dishes) }
    })

  app.get('/api/figures', guarded('CTR, CVR and revenue by dish and by ad, live', { querystring: DaysAsked }), async (request, reply) => {
    const asked = daysAsked(request.query, clock(), REPORT_DAYS_MAX)
    if ('code' in asked) return sendProblem(request, reply, asked)
    const { days, isCsv, by } = asked
    if (!isCsv) return reply.send(await counted(days, FIGURES_ROWS_MAX))
    const { dishes, dishes_total: dishesTotal, ads, ads_total: adsTotal } = await counted(days, REPORT_ROWS_MAX)
    return by === 'dish'
      ? sendFile(
          reply,
          { name: 'dishes-live', days, columns: DISH_COLUMNS, rows: rowsOf(dishes, DISH_COLUMNS) },
          dishesTotal > dishes.length,
        )
      : sendFile(reply, { name: 'ads-live', days, columns: AD_COLUMNS, rows: rowsOf(ads, AD_COLUMNS) }, adsTotal > ads.length)
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
      return await sendFile(reply, { name, days: asked.days, columns, rows: answer.rows }, answer.truncated)
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

interface Told {
  name: string
  days: Stretch
  columns: readonly string[]
  rows: readonly (readonly Value[])[]
}

/** A file that was cut says so in its name, which stays with it, and in a header. */
function sendFile(reply: FastifyReply, { name, days: { from, to }, columns, rows }: Told, isCut: boolean): Promise<FastifyReply> {
  const days = from === to ? from : `${from}-to-${to}`
  if (isCut) reply.header('flowguard-truncated', `only the first ${rows.length} rows`)
  return sendCsv(reply, { name: `flowguard-${name}-${days}${isCut ? `-first-${rows.length}-rows` : ''}`, columns, batches: [rows] })
}
