import type { ReactNode } from 'react'
import type { AdFigures, DishFigures, Figures } from 'flowguard/answers'
import { count, money, percent } from '../../model/format.ts'
import { useAddress } from '../../state/address.ts'
import { Badge, Button, Empty, Panel, Time } from '../../ui/basics.tsx'
import { Segments } from '../../ui/segments.tsx'
import { Table, type Column, type Sort } from '../../ui/table.tsx'
import { CsvButton } from '../../ui/csv-button.tsx'
import { withUnpaid } from './unpaid.ts'

const ROWS_COUNT = 12
const WHICH = [
  ['dish', 'By dish'],
  ['ad', 'By ad'],
] as const

type Counted = Pick<AdFigures, 'impressions' | 'clicks' | 'attributed_orders' | 'attributed_revenue' | 'ctr' | 'cvr'>

const number = <T,>(name: string, of: (row: T) => number, show: (value: number) => string = count, isMinor = false): Column<T> => ({
  name,
  isMinor,
  isNumber: true,
  sortBy: of,
  show: (row) => show(of(row)),
})

const COUNTED: readonly Column<Counted>[] = [
  number('impressions', (row) => row.impressions, count, true),
  number('clicks', (row) => row.clicks, count, true),
  number('CTR', (row) => row.ctr, percent),
  number('attributed', (row) => row.attributed_orders, count, true),
  number('CVR', (row) => row.cvr, percent),
]

const DISHES: readonly Column<DishFigures>[] = [
  {
    name: 'dish',
    sortBy: ({ name, item_id: id }) => name ?? `item ${id}`,
    show: ({ name, item_id: id, category }) => <Named name={name ?? `item ${id}`} note={category} />,
  },
  ...COUNTED,
  number('orders', (row) => row.orders),
  number('GMV', (row) => row.revenue, money),
]

const adColumns = (nameOf: (itemId: number) => string): readonly Column<AdFigures>[] => [
  { name: 'ad', sortBy: ({ ad_id: id }) => id, show: ({ ad_id: id }) => <Named name={id} note={null} /> },
  { name: 'campaign', isMinor: true, sortBy: ({ campaign_id: id }) => id ?? '', show: ({ campaign_id: id }) => id ?? <NotOurs /> },
  { name: 'advertiser', isMinor: true, sortBy: ({ advertiser_id: id }) => id ?? '', show: ({ advertiser_id: id }) => id ?? '' },
  {
    name: 'dish',
    isMinor: true,
    sortBy: ({ item_id: id }) => (id === null ? '' : nameOf(id)),
    show: ({ item_id: id }) =>
      id !== null && (
        <span className="block max-w-40 truncate" title={nameOf(id)}>
          {nameOf(id)}
        </span>
      ),
  },
  ...COUNTED,
  number('revenue', (row) => row.attributed_revenue, money),
]

const NotOurs = () => <span className="text-muted">dishes’ own places, which nobody pays for</span>

function Named({ name, note }: { name: string; note: string | null }) {
  return (
    <span className="flex items-baseline gap-2 whitespace-nowrap">
      <span className="max-w-36 truncate font-medium sm:max-w-64" title={name}>
        {name}
      </span>
      {note !== null && <span className="hidden text-2xs text-muted sm:inline">{note}</span>}
    </span>
  )
}

/** CTR and CVR as they stand, by dish or by ad. */
export function LiveTable({ figures, error, query }: { figures: Figures; error: Error | undefined; query: string }) {
  const { get, set } = useAddress()
  const by = get('by') === 'ad' ? 'ad' : 'dish'
  const ads = withUnpaid(figures.ads)
  const names = new Map(figures.dishes.map(({ item_id: id, name }) => [id, name]))
  return (
    <Panel
      title="Dishes and ads, live"
      actions={
        <span className="flex flex-wrap items-center gap-2">
          <span className="flex items-center gap-2 text-2xs text-muted">
            {error ? <Badge tone="bad">no answer since</Badge> : <Badge tone="good">live</Badge>}
            <Time iso={figures.as_of} isTimeOnly />
          </span>
          <CsvButton path={`/api/figures?${query}&by=${by}`} of={`figures by ${by}`} />
          <Segments
            label="Figures by"
            choices={WHICH}
            chosen={by}
            onChoose={(chosen) => set({ by: chosen === 'ad' ? 'ad' : null, sort: null }, { replace: true })}
          />
        </span>
      }
    >
      {by === 'dish' ? (
        <Sorted
          label="Figures by dish"
          columns={DISHES}
          rows={figures.dishes}
          total={figures.dishes_total}
          first="GMV"
          keyOf={(row) => String(row.item_id)}
        />
      ) : (
        <Sorted
          label="Figures by ad"
          columns={adColumns((id) => names.get(id) ?? `item ${id}`)}
          rows={ads}
          total={figures.ads_total - figures.ads.length + ads.length}
          first="revenue"
          keyOf={(row) => row.ad_id}
        />
      )}
      <p className="border-t border-line px-3 py-1.5 text-2xs text-muted">
        Counted with each charge, bots left out. CTR: clicks by impressions. CVR: orders due to a click, by clicks. GMV: what was ordered, a
        cancelled order included.
      </p>
    </Panel>
  )
}

interface SortedProps<T> {
  label: string
  columns: readonly Column<T>[]
  rows: readonly T[]
  total: number
  /** What it is sorted by where nothing else is said, the most first. */
  first: string
  keyOf: (row: T) => string
}

function Sorted<T>({ label, columns, rows, total, first, keyOf }: SortedProps<T>): ReactNode {
  const { get, set } = useAddress()
  const sort = sortOf(get('sort'), columns, first)
  const isAll = get('all') === '1'
  if (rows.length === 0) return <Empty title="Nothing yet">No dish was shown, clicked or ordered on these days.</Empty>
  const sorted = sortedBy(rows, columns, sort, keyOf)
  return (
    <>
      <Table
        label={label}
        className={isAll ? 'max-h-144' : ''}
        columns={columns}
        rows={isAll ? sorted : sorted.slice(0, ROWS_COUNT)}
        keyOf={keyOf}
        sort={sort}
        onSort={(by) => set({ sort: nextSort(sort, by, columns, first) }, { replace: true })}
      />
      {rows.length > ROWS_COUNT && (
        <div className="flex flex-wrap items-center gap-3 border-t border-line px-3 py-1.5 text-muted">
          <Button aria-expanded={isAll} onClick={() => set({ all: !isAll }, { replace: true })}>
            {isAll ? `The first ${ROWS_COUNT}` : `All ${rows.length}`}
          </Button>
          {total > rows.length && (
            <span>
              The {rows.length} with the most revenue, of {count(total)}; the CSV has more.
            </span>
          )}
        </div>
      )}
    </>
  )
}

/** `CTR` from the most down, `-CTR` from the least up. */
function sortOf<T>(said: string, columns: readonly Column<T>[], first: string): Sort {
  const by = said.replace(/^-/, '')
  return columns.some(({ name }) => name === by) ? { by, isDescending: !said.startsWith('-') } : { by: first, isDescending: true }
}

function nextSort<T>(sort: Sort, by: string, columns: readonly Column<T>[], first: string): string | null {
  // Names are read from A on, figures from the most down.
  const isDescending = sort.by === by ? !sort.isDescending : columns.find(({ name }) => name === by)?.isNumber === true
  return by === first && isDescending ? null : `${isDescending ? '' : '-'}${by}`
}

function sortedBy<T>(rows: readonly T[], columns: readonly Column<T>[], { by, isDescending }: Sort, keyOf: (row: T) => string): T[] {
  const of = columns.find(({ name }) => name === by)?.sortBy ?? keyOf
  const sign = isDescending ? -1 : 1
  return rows.toSorted((a, b) => {
    const [left, right] = [of(a), of(b)]
    const order = typeof left === 'number' && typeof right === 'number' ? left - right : String(left).localeCompare(String(right))
    return sign * order || keyOf(a).localeCompare(keyOf(b))
  })
}
