import { AdBill, AdvertiserBills, CHARGE_KINDS, dayOf, Statement, StatementEvents, type StatementLine } from '@flowguard/contract'
import type { FastifyInstance } from 'fastify'
import { sendCsv, type CsvRow } from '../http/csv.ts'
import { DATE, dayIn, idOf, oneOf, RANGE, rangeIn, readingRoute, TEXT, WHOLE, wholeOf, type Query } from '../http/parameters.ts'
import type { Clock } from '../kernel/lifecycle.ts'
import type { BillingView } from './billing-view.ts'

const PAGE_COUNT = 100
const PAGE_COUNT_MAX = 1_000
const FORMATS = ['json', 'csv'] as const
const FORMAT = { format: { type: 'string', enum: FORMATS } }
const BILLS = '/api/v1/billing/advertisers'

/** All lines of a statement, as they are read. */
interface StatementFile {
  advertiser: string
  from: string
  to: string
  file: AsyncIterable<readonly StatementLine[]>
}

/** Bills, from the advertiser to the event ids: the same on the gateway and on the operations API. */
export function billingRoutes(app: FastifyInstance, { billing, clock }: { billing: BillingView; clock: Clock }): void {
  const today = () => dayOf(clock())

  readingRoute(app, {
    url: BILLS,
    summary: "Every advertiser's charges, the greatest total first; ?format=csv as a file",
    answer: AdvertiserBills,
    query: { ...RANGE, ...FORMAT },
    async find(_params, query) {
      formatOf(query)
      return billing.advertisers(...rangeIn(query, today()))
    },
    send: ({ from, to, advertisers }, query, reply) => {
      if (formatOf(query) === 'json') return undefined
      const columns = ['advertiser_id', 'ads', ...CHARGE_KINDS.flatMap((kind) => [`${kind}_count`, `${kind}_amount`]), 'total']
      const rows = advertisers.map((each) => [
        each.advertiser_id,
        each.ads,
        ...CHARGE_KINDS.flatMap((kind) => [each[kind].count, each[kind].amount]),
        each.total,
      ])
      return sendCsv(reply, { name: `advertisers-${from}-${to}`, columns, batches: atOnce(rows) })
    },
  })
  readingRoute(app, {
    url: `${BILLS}/:id`,
    summary: "An advertiser's statement; ?format=csv gives its lines as a file",
    answer: Statement,
    params: { id: TEXT },
    query: { ...RANGE, ...FORMAT },
    async find({ id = '' }, query): Promise<Statement | StatementFile | undefined> {
      const isFile = formatOf(query) === 'csv'
      const [advertiser, [from, to]] = [idOf('id', id), rangeIn(query, today())]
      if (!isFile) return billing.statement(advertiser, from, to)
      const file = await billing.lines(advertiser, from, to)
      return file && { advertiser, from, to, file }
    },
    send: (found, _query, reply) => {
      if (!('file' in found)) return undefined
      const { advertiser, from, to, file } = found
      const columns = ['advertiser_id', 'ad_id', 'date', 'kind', 'count', 'amount']
      return sendCsv(reply, { name: `statement-${advertiser}-${from}-${to}`, columns, batches: rowsOf(advertiser, file) })
    },
  })
  readingRoute(app, {
    url: '/api/v1/billing/ads/:ad_id',
    summary: "An ad's charges",
    answer: AdBill,
    params: { ad_id: TEXT },
    query: RANGE,
    find: async ({ ad_id: ad = '' }, query) => billing.adBill(idOf('ad_id', ad), ...rangeIn(query, today())),
  })
  readingRoute(app, {
    url: '/api/v1/billing/ads/:ad_id/events',
    summary: 'The event ids behind a line of a statement; ?format=csv gives all of them as a file',
    answer: StatementEvents,
    params: { ad_id: TEXT },
    query: {
      date: DATE,
      kind: { type: 'string', enum: CHARGE_KINDS },
      after: WHOLE,
      limit: { ...WHOLE, maximum: PAGE_COUNT_MAX },
      ...FORMAT,
    },
    async find({ ad_id: ad = '' }, query) {
      const { date, kind, after = '0', limit = String(PAGE_COUNT) } = query
      const isFile = formatOf(query) === 'csv'
      return billing.events({
        kind: oneOf('kind', kind, CHARGE_KINDS),
        adId: idOf('ad_id', ad),
        day: dayIn('date', date, today()),
        after: wholeOf('after', after, 0, Number.MAX_SAFE_INTEGER),
        limit: isFile ? PAGE_COUNT_MAX : wholeOf('limit', limit, 1, PAGE_COUNT_MAX),
      })
    },
    send: (found, query, reply) => {
      if (formatOf(query) === 'json') return undefined
      const { ad_id: ad, date, kind } = found
      const columns = ['ad_id', 'date', 'kind', 'event_id', 'amount']
      return sendCsv(reply, { name: `events-${ad}-${date}-${kind}`, columns, batches: allEvents(billing, found) })
    },
  })
}

async function* rowsOf(advertiser: string, lines: StatementFile['file']): AsyncGenerator<CsvRow[]> {
  for await (const some of lines) yield some.map(({ ad_id: ad, date, kind, count, amount }) => [advertiser, ad, date, kind, count, amount])
}

/** From the first page on, all pages of a line. */
async function* allEvents(billing: BillingView, first: StatementEvents): AsyncGenerator<CsvRow[]> {
  const { ad_id: adId, date: day, kind } = first
  for (let page = first; ;) {
    yield page.events.map(({ event_id: id, amount }) => [adId, day, kind, id, amount])
    if (page.next_after === null) return
    page = await billing.events({ adId, day, kind, after: page.next_after, limit: PAGE_COUNT_MAX })
  }
}

async function* atOnce(rows: readonly CsvRow[]): AsyncGenerator<readonly CsvRow[]> {
  yield rows
}

function formatOf({ format = 'json' }: Query) {
  return oneOf('format', format, FORMATS)
}
