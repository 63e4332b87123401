import type { Figures } from 'flowguard/answers'
import { useAsk } from '../../api/use-ask.ts'
import { useAddress } from '../../state/address.ts'
import { Failure, Loading, Page } from '../../ui/basics.tsx'
import { Segments } from '../../ui/segments.tsx'
import { Cohorts } from './cohorts.tsx'
import { Funnel } from './funnel.tsx'
import { GmvChart } from './gmv-chart.tsx'
import { Headlines } from './headline.tsx'
import { HeatMap } from './heat-map.tsx'
import { LiveTable } from './live-table.tsx'
import { dayOf, monthsTo, rangeOf, RANGES, spanText, type Range } from './range.ts'
import { ReportPanel } from './report-panel.tsx'
import { TopDishes } from './top-dishes.tsx'
import { useReport } from './use-report.ts'

const LIVE_MS = 2_000
const BEFORE_MS = 60_000

export function BusinessPage() {
  const { get } = useAddress()
  const range = rangeOf(get, Date.now())
  const query = `from=${range.from}&to=${range.to}`
  const { data: figures, error, reload } = useAsk<Figures>(`/api/figures?${query}`, { everyMs: LIVE_MS })
  const { data: before } = useAsk<Figures>(`/api/figures?from=${range.before.from}&to=${range.before.to}`, { everyMs: BEFORE_MS })
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
      actions={<RangePicker range={range} />}
    >
      <div className="flex flex-col gap-3 px-4 pb-6 md:px-6">
        {error && !figures ? (
          <Failure error={error} onRetry={reload} />
        ) : figures ? (
          <Headlines totals={figures.totals} before={before?.totals} range={range} />
        ) : (
          <Loading what="the figures" rows={2} />
        )}
        <div className="grid gap-3 lg:grid-cols-[minmax(0,5fr)_minmax(0,3fr)]">
          <ReportPanel answer={gmv} title="GMV and orders by day">
            <GmvChart rows={gmv.rows} range={range} />
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

function RangePicker({ range }: { range: Range }) {
  const { set } = useAddress()
  const today = dayOf(Date.now())
  const day = (label: string, value: string, change: (day: string) => { from: string; to: string }) => (
    <input
      aria-label={label}
      className="field num"
      type="date"
      required
      max={today}
      value={value}
      onChange={({ target }) => target.value !== '' && set({ range: 'own', ...change(target.value) }, { replace: true })}
    />
  )
  return (
    <>
      <Segments
        label="Days"
        choices={RANGES}
        chosen={range.name}
        onChoose={(name) => set({ range: name, ...(name === 'own' ? { from: range.from, to: range.to } : { from: null, to: null }) })}
      />
      {range.name === 'own' && (
        <span className="flex items-center gap-1.5">
          {day('From, a UTC day', range.from, (from) => ({ from, to: range.to < from ? from : range.to }))}
          <span className="text-muted">to</span>
          {day('To, included', range.to, (to) => ({ from: range.from > to ? to : range.from, to }))}
        </span>
      )}
    </>
  )
}
