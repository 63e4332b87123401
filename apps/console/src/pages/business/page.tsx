import type { Figures } from 'flowguard/answers'
import { useAsk } from '../../api/use-ask.ts'
import { useAddress } from '../../state/address.ts'
import { Failure, Loading, Page } from '../../ui/basics.tsx'
import { DaysPicker, useToday } from '../../ui/days.tsx'
import { Cohorts } from './cohorts.tsx'
import { Funnel } from './funnel.tsx'
import { GmvChart } from './gmv-chart.tsx'
import { Headlines } from './headline.tsx'
import { HeatMap } from './heat-map.tsx'
import { LiveTable } from './live-table.tsx'
import { monthsTo, rangeOf, spanText } from '../../model/days.ts'
import { ReportPanel } from './report-panel.tsx'
import { TopDishes } from './top-dishes.tsx'
import { useReport } from './use-report.ts'

const LIVE_MS = 2_000
const BEFORE_MS = 60_000
const CHOICES = ['7', 'today', '28', '90', 'own'] as const

export function BusinessPage() {
  const { get, set } = useAddress()
  const today = useToday()
  const range = rangeOf(get, today, CHOICES)
  const { over, before } = range
  const query = `from=${range.from}&to=${range.to}`
  const { data: figures, error, reload } = useAsk<Figures>(`/api/figures?${query}`, { everyMs: LIVE_MS })
  const { data: past } = useAsk<Figures>(`/api/figures?from=${before.from}&to=${before.to}`, { everyMs: BEFORE_MS })
  const { data: whole } = useAsk<Figures>(over && range.isOpen ? `/api/figures?from=${over.from}&to=${over.to}` : null, {
    everyMs: BEFORE_MS,
  })
  const [gmv, funnel, hours, dishes] = [
    useReport('gmv', range),
    useReport('funnel', range),
    useReport('hours', range),
    useReport('dishes', range),
  ]
  const cohorts = useReport('cohorts', monthsTo(range.to))
  return (
    <Page
      title="Business"
      about={`${spanText(range)}${range.isOpen ? ', today so far' : ''}. Days are UTC.`}
      actions={<DaysPicker range={range} choices={CHOICES} today={today} onChoose={set} />}
    >
      <div className="flex flex-col gap-3 px-4 pb-6 md:px-6">
        {error && !figures ? (
          <Failure error={error} onRetry={reload} />
        ) : figures ? (
          <Headlines totals={figures.totals} over={range.isOpen ? whole?.totals : figures.totals} before={past?.totals} range={range} />
        ) : (
          <Loading what="the figures" rows={2} />
        )}
        <div className="grid gap-3 lg:grid-cols-[minmax(0,5fr)_minmax(0,3fr)]">
          <ReportPanel answer={gmv} title="GMV and orders by day">
            <GmvChart rows={gmv.rows} range={range} behind={gmv.report?.fresh.behind ?? null} />
          </ReportPanel>
          <ReportPanel answer={funnel} title="Funnel">
            <Funnel rows={funnel.rows} range={range} />
          </ReportPanel>
        </div>
        {figures && <LiveTable figures={figures} error={error} query={query} />}
        <div className="grid gap-3 lg:grid-cols-2">
          <ReportPanel answer={hours} title="Orders by weekday and hour">
            <HeatMap rows={hours.rows} />
          </ReportPanel>
          <ReportPanel answer={cohorts} title="Customers who come back">
            <Cohorts rows={cohorts.rows} />
          </ReportPanel>
        </div>
        <ReportPanel answer={dishes} title="Top dishes by GMV">
          <TopDishes rows={dishes.rows} />
        </ReportPanel>
      </div>
    </Page>
  )
}
