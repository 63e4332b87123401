import type { Value } from '../warehouse/warehouse.ts'

const decimal = (text: string) => `cast(${text} as decimal(18, 2))`
const bigint = (text: string) => `cast(${text} as bigint)`
const moment = (text: string) => `cast('${text}' as timestamp)`

/** Each function of the models' vocabulary, and what it must give on every database. */
const CASES: Readonly<Record<string, readonly [sql: string, value: Value]>> = {
  hash_same: [`id_hash('a') = id_hash(concat('', 'a'))`, true],
  hash_other: [`id_hash('a') = id_hash('b')`, false],
  texts_none: [`texts()`, []],
  texts_known: [`texts('a', case when 1 = 0 then 'b' end, 'it''s, (c)')`, ['a', "it's, (c)"]],
  texts_all_null: [`texts(case when 1 = 0 then 'b' end)`, []],
  time_of_zone: [`parsed_time('2026-03-01T10:00:00.5+05:30')`, '2026-03-01T04:30:00.500Z'],
  time_small: [`parsed_time('2026-03-01t10:00:00z')`, '2026-03-01T10:00:00.000Z'],
  time_without_zone: [`parsed_time('2026-03-01 10:00:00')`, '2026-03-01T10:00:00.000Z'],
  time_none: [`parsed_time('no time')`, null],
  ms: [`unix_ms(${moment('2026-03-01 10:00:00.123')})`, 1_772_359_200_123],
  field: [`json_text('{"a": {"b": "c", "n": null}}', 'a.b')`, 'c'],
  field_number: [`json_text('{"a": {"b": 1}}', 'a.b')`, '1'],
  field_null: [`json_text('{"a": {"b": null}}', 'a.b')`, null],
  field_none: [`json_text('{"a": 1}', 'a.b')`, null],
  days: [`days_between(date '2026-02-27', date '2026-03-01')`, 2],
  days_back: [`days_between(date '2026-03-01', date '2026-02-28')`, -1],
  month: [`year_month(date '2026-03-01')`, '2026-03'],
  month_late: [`year_month(date '2026-11-30')`, '2026-11'],
  ratio_third: [`ratio(${bigint('1')}, ${bigint('3')})`, 1 / 3],
  ratio_of_none: [`ratio(${bigint('1')}, ${bigint('0')})`, 0],
  growth: [`growth_pct(${decimal('30.30')}, ${decimal('20.20')})`, (100 * (30.3 - 20.2)) / 20.2],
  growth_of_none: [`growth_pct(${decimal('30.30')}, ${decimal('0')})`, null],
  average: [`money_avg(${decimal('10.00')}, ${bigint('3')})`, 3.33],
  average_half_up: [`money_avg(${decimal('10.01')}, ${bigint('2')})`, 5.01],
  average_large: [`money_avg(${decimal('461168601842.73')}, ${bigint('1')})`, 461_168_601_842.73],
  nested: [`ratio(days_between(date '2026-03-01', date '2026-03-04'), ${bigint('2')})`, 1.5],
}

const [first, second] = ['2026-03-01 10:00:00', '2026-03-01 10:00:00.001']
const EVENTS = [
  ['a', second, 1, '7'],
  ['a', first, 3, '9'],
  ['a', first, 2, 'null'],
  ['a', first, 2, '8'],
  ['a', second, 1, '7'],
  ['b', first, 1, 'null'],
  ['c', first, 1, 'null'],
  ['c', second, 1, '5'],
]
  .map(
    ([user, at, kind, item]) =>
      `select '${user}' as user_id, ${moment(String(at))} as seen_at, ${kind} as kind, cast(${item} as bigint) as item_id`,
  )
  .join(' union all ')

/** One row. */
export const FUNCTIONS_SQL = `select ${Object.entries(CASES)
  .map(([name, [sql]]) => `${sql} as ${name}`)
  .join(', ')}`
export const FUNCTIONS_ROW = Object.fromEntries(Object.entries(CASES).map(([name, [, value]]) => [name, value]))

/** A row a user. */
export const ITEMS_SQL = `select user_id, first_item(items) as entry_item, first_items(items, 3) as path
  from (select user_id, items_in_order(seen_at, kind, item_id) as items from (${EVENTS}) as events group by user_id) as visits order by user_id`
export const ITEMS_ROWS = [
  { user_id: 'a', entry_item: 8, path: [8, 9, 7] },
  { user_id: 'b', entry_item: null, path: [] },
  { user_id: 'c', entry_item: null, path: [5] },
]
