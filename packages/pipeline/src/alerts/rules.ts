import { ALERT_SEVERITIES, DAY_MS, MINUTE_MS, parseTimestamp, Type, type Static, type TSchema } from '@flowguard/contract'

/** What the stream can still see of the past after a restart: no window of a fraud sign is longer. */
const FRAUD_WINDOW_SECONDS_MAX = 30 * 60
/** Of a flood on an ad besides, what the minutes before were like. */
const AD_WINDOW_SECONDS_MAX = 15 * 60

const closed = <T extends Record<string, TSchema>>(properties: T) => Type.Object(properties, { additionalProperties: false })
const severity = Type.Enum(ALERT_SEVERITIES)
const whole = (maximum: number, minimum = 1) => Type.Integer({ minimum, maximum })
const within = (maximum = FRAUD_WINDOW_SECONDS_MAX) => whole(maximum)
const COUNT_MAX = 1_000_000_000
const WAIT_SECONDS_MAX = 24 * 3_600

const Fraud = closed({
  orders_per_user: Type.Optional(closed({ at_least: whole(COUNT_MAX, 2), within_seconds: within(), severity })),
  order_value: Type.Optional(
    closed({
      times_usual: Type.Number({ exclusiveMinimum: 1, maximum: 1_000 }),
      sigmas: Type.Number({ exclusiveMinimum: 0, maximum: 100 }),
      at_least_rupees: Type.Number({ minimum: 0, maximum: COUNT_MAX }),
      within_seconds: within(),
      severity,
    }),
  ),
  clicks_per_user: Type.Optional(closed({ at_least: whole(COUNT_MAX, 2), within_seconds: within(), severity })),
  clicks_per_ad: Type.Optional(
    closed({
      at_least: whole(COUNT_MAX, 2),
      times_usual: Type.Number({ minimum: 1, maximum: 1_000 }),
      within_seconds: within(AD_WINDOW_SECONDS_MAX),
      severity,
    }),
  ),
  clicks_per_address: Type.Optional(closed({ at_least: whole(COUNT_MAX, 2), within_seconds: within(), severity })),
  accounts_per_address: Type.Optional(closed({ at_least: whole(100_000, 2), within_seconds: within(), severity })),
})

const Limits = closed({ change: Type.Number({ exclusiveMinimum: 0, maximum: 1_000 }), volume: whole(COUNT_MAX) })
const Anomalies = closed({
  warm_up_days: Type.Number({ minimum: 0, maximum: 365 }),
  sigmas: Type.Number({ exclusiveMinimum: 0, maximum: 100 }),
  rules: closed({
    order_rate: Type.Optional(Limits),
    ctr: Type.Optional(Limits),
    cvr: Type.Optional(Limits),
    revenue: Type.Optional(Limits),
    refused: Type.Optional(Limits),
    dead: Type.Optional(Limits),
  }),
  incidents: Type.Optional(
    Type.Array(closed({ from: Type.String(), to: Type.String(), why: Type.Optional(Type.String({ maxLength: 500 })) }), {
      maxItems: 1_000,
    }),
  ),
})

const Pipeline = closed({
  reader_stopped: Type.Optional(closed({ for_seconds: whole(WAIT_SECONDS_MAX), severity })),
  reader_behind: Type.Optional(closed({ at_least: whole(COUNT_MAX), for_seconds: whole(WAIT_SECONDS_MAX), severity })),
  dead_letters: Type.Optional(closed({ at_least: whole(COUNT_MAX), within_seconds: whole(WAIT_SECONDS_MAX), severity })),
  etl_failed: Type.Optional(closed({ severity })),
  data_quality: Type.Optional(closed({ severity })),
  unexplained: Type.Optional(closed({ within_hours: whole(30 * 24), severity })),
  books_unbalanced: Type.Optional(closed({ every_minutes: whole(24 * 60), severity })),
})

const MINUTES_MAX = 7 * 24 * 60
const Cooldown = closed({
  minutes: Type.Number({ minimum: 0, maximum: MINUTES_MAX }),
  rules: Type.Optional(Type.Record(Type.String({ minLength: 1 }), Type.Number({ minimum: 0, maximum: MINUTES_MAX }))),
})

/** The file: what is its parts' own is theirs to check. */
export const AlertsFile = Type.Object(
  {
    fraud: Type.Optional(Fraud),
    anomalies: Type.Optional(Anomalies),
    pipeline: Type.Optional(Pipeline),
    cooldown: Type.Optional(Cooldown),
    channels: Type.Optional(Type.Unknown()),
  },
  { additionalProperties: false },
)
export type AlertsFile = Static<typeof AlertsFile>

/** A rule that is left out is off. */
export type FraudRules = Static<typeof Fraud>
export type FraudRule = keyof FraudRules
export type PipelineRules = Static<typeof Pipeline>
export const ANOMALY_RULE_NAMES = ['order_rate', 'ctr', 'cvr', 'revenue', 'refused', 'dead'] as const

/** In the units of the code; left out where the file says nothing of anomalies. */
export interface AnomaliesDeclared {
  warmUpMs: number
  sigmas: number
  rules: Partial<Record<(typeof ANOMALY_RULE_NAMES)[number], { changeMin: number; volumeMin: number }>>
  incidents: readonly { from: number; to: number }[]
}

export interface AlertRules {
  fraud: FraudRules
  pipeline: PipelineRules
  anomalies: AnomaliesDeclared | undefined
  cooldownMs: (rule: string) => number
  /** As the file has it: for the part that sends. */
  channels: unknown
}

const COOLDOWN_MINUTES = 10

/** What a file that was checked says. */
export function rulesOf({ fraud = {}, pipeline = {}, anomalies, cooldown, channels }: AlertsFile): AlertRules {
  const { minutes = COOLDOWN_MINUTES, rules: cooldowns = {} } = cooldown ?? {}
  return {
    fraud,
    pipeline,
    anomalies: anomalies && anomaliesOf(anomalies),
    cooldownMs: (rule) => (cooldowns[rule] ?? minutes) * MINUTE_MS,
    channels,
  }
}

function anomaliesOf({ warm_up_days: days, sigmas, rules, incidents = [] }: Static<typeof Anomalies>): AnomaliesDeclared {
  const declared = ANOMALY_RULE_NAMES.flatMap((rule) => {
    const limits = rules[rule]
    return limits ? [[rule, { changeMin: limits.change, volumeMin: limits.volume }] as const] : []
  })
  return {
    warmUpMs: days * DAY_MS,
    sigmas,
    rules: Object.fromEntries(declared),
    incidents: incidents.map(({ from, to }) => ({ from: parseTimestamp(from) as number, to: parseTimestamp(to) as number })),
  }
}

/** What the schema cannot say: places in the file, and what is wrong there. */
export function faultsOf({ anomalies, cooldown }: AlertsFile): { path: (string | number)[]; message: string }[] {
  const incidents = (anomalies?.incidents ?? []).flatMap(({ from, to }, at) => {
    const path = ['anomalies', 'incidents', at]
    const [begins, ends] = [parseTimestamp(from), parseTimestamp(to)]
    if (begins === undefined) return [{ path: [...path, 'from'], message: 'must be RFC 3339: 2026-01-31T18:00:00Z' }]
    if (ends === undefined) return [{ path: [...path, 'to'], message: 'must be RFC 3339: 2026-01-31T18:00:00Z' }]
    return ends > begins ? [] : [{ path: [...path, 'to'], message: 'must be after from' }]
  })
  const unknown = Object.keys(cooldown?.rules ?? {}).filter((rule) => !RULE_NAMES.includes(rule))
  return [
    ...incidents,
    ...unknown.map((rule) => ({ path: ['cooldown', 'rules', rule], message: `is no rule; there are ${RULE_NAMES.join(', ')}` })),
  ]
}

const RULE_NAMES: readonly string[] = [
  ...Object.keys(Fraud.properties),
  ...ANOMALY_RULE_NAMES,
  ...Object.keys(Pipeline.properties),
  'alerts_file',
]
