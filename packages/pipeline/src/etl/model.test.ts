import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MODELS } from './fixture.ts'
import { inOrder, parseModel } from './model.ts'

const HEAD = '-- grain: one row a day. partition: date. reads: silver.a'
const RULES = '-- reopens: next day\n-- unique: date'
const SELECT = 'select date from silver.a where date between :from_date and :to_date'
const model = (...lines: string[]) => parseModel('gold.m', lines.join('\n'))

test('every table of the contract has a model, after those that it reads', () => {
  assert.deepEqual(
    MODELS.map(({ name }) => name),
    [
      'silver.clicks_clean',
      'silver.orders_clean',
      'gold.ad_attribution',
      'gold.daily_gmv_metrics',
      'gold.food_item_performance',
      'gold.hourly_order_patterns',
      'gold.user_cohort_metrics',
      'silver.user_sessions',
      'gold.user_funnel_metrics',
    ],
  )
})

test('a header in the fixed form is taken, and what follows an empty comment is free', () => {
  const { grain, reads, reopens, checks, columns, about } = model(
    HEAD,
    '-- reopens: next day, open sessions',
    '-- stop unique: date',
    '-- range: a 0..',
    '-- column date: the day',
    '--',
    '-- What a day is,',
    '-- and why.',
    '-- Whatever: silver.b is not read.',
    SELECT,
  )
  assert.deepEqual([[...columns], about], [[['date', 'the day']], 'What a day is, and why. Whatever: silver.b is not read.'])
  assert.deepEqual(
    { grain, reads, reopens, checks: checks.map(({ severity, name }) => `${severity} ${name}`) },
    {
      grain: 'one row a day',
      reads: ['silver.a'],
      reopens: ['next day', 'open sessions'],
      checks: ['stop unique: date', 'warn range: a 0..'],
    },
  )
})

for (const [what, lines, said] of [
  ['no first line', [RULES, SELECT], /first line/],
  ['another partition', [HEAD.replace('partition: date', 'partition: hour'), RULES, SELECT], /partitioned by date/],
  ['an unknown key', [HEAD, RULES, '-- unik: date', SELECT], /no check "unik"/],
  ['a line that says nothing', [HEAD, RULES, '-- unique date', SELECT], /is not of the form/],
  ['no reopening', [HEAD, '-- unique: date', SELECT], /"-- reopens: …"/],
  ['an unknown reopening', [HEAD, '-- reopens: sometimes', SELECT], /not "sometimes"/],
  ['no check', [HEAD, '-- reopens: same day', SELECT], /no check/],
  ['a malformed range', [HEAD, RULES, '-- range: a 0-1', SELECT], /"a 0-1" does not fit/],
  ['malformed accepted values', [HEAD, RULES, '-- accepted: a of (b)', SELECT], /does not fit/],
  ['a malformed column', [HEAD, RULES, '-- unique: date; drop', SELECT], /is no column/],
  ['a malformed reference', [HEAD, RULES, '-- references: a in b.c', SELECT], /"a in b\.c" does not fit/],
  ['a volume of nothing', [HEAD, RULES, '-- volume: 3..0.3 of 28 days', SELECT], /is not "0\.3\.\.3 of 28 days"/],
  ['a volume with too little to compare with', [HEAD, RULES, '-- volume: 0.3..3 of 6 days', SELECT], /of 7 to 400/],
  ['a severity that is none', [HEAD, RULES, '-- halt unique: date', SELECT], /"-- stop word: text" or/],
  ['malformed fresh', [HEAD, RULES, '-- fresh: orders', SELECT], /is not "schema.table"/],
  ['a table that it does not name', [HEAD, RULES, `${SELECT} union all select date from gold.b`], /gold\.b/],
  ['a table that it only names', [HEAD.replace('silver.a', 'silver.a, ref.foods'), RULES, SELECT], /ref\.foods/],
  ['no range of days', [HEAD, RULES, 'select date from silver.a where date >= :from_date'], /:to_date/],
] as const) {
  test(`a model with ${what} is refused`, () => {
    assert.throws(() => model(...lines), said)
  })
}

test('models that read each other in a circle are refused, and so is one that reads what is not there', () => {
  const reading = (name: string, read: string) =>
    parseModel(name, [HEAD.replace('silver.a', read), RULES, SELECT.replace('silver.a', read)].join('\n'))
  assert.throws(
    () => inOrder([reading('gold.a', 'gold.b'), reading('gold.b', 'gold.c'), reading('gold.c', 'gold.a')]),
    /circle: gold\.a, gold\.b, gold\.c/,
  )
  assert.throws(() => inOrder([reading('gold.a', 'gold.b')]), /gold\.a reads gold\.b/)
})
