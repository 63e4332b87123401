/**
 * Every engine's version, in one place: the launchers install and ask for these, and the images of compose.yaml are of the same (compose.test.ts).
 */
export const VERSIONS = {
  /** 4.4.0 does not resolve: one of its artifacts is not in Maven Central. */
  kafka: '4.3.1',
  scala: '2.13',
  log4j: '2.25.4',
  kafkaDriver: '1.10.1',
  flink: '2.2.1',
  /** Its connector to Kafka, for this Flink. */
  flinkKafka: '5.0.0-2.2',
  versitygw: '1.8.0',
  toxiproxy: '2.5.0',
  composeGo: '2.16.2',
  uv: '0.13.9',
  fakesnow: '0.12.1',
  snowflakeDriver: '3.3.0',
  spark: '4.1.4',
  airflow: '3.3.2',
  superset: '6.1.0',
} as const

/** The least that is taken of what the system's own packages bring. */
export const LEAST = { postgres: [15, 0], redis: [7, 0], prometheus: [2, 42] } as const

/** What compose.yaml runs. Those of the first group are the engines above; the others look at them. */
export const IMAGES = {
  kafka: `apache/kafka:${VERSIONS.kafka}`,
  postgres: `postgres:${LEAST.postgres[0]}-bookworm`,
  redis: `redis:${LEAST.redis.join('.')}-bookworm`,
  s3: `versity/versitygw:v${VERSIONS.versitygw}`,
  prometheus: `prom/prometheus:v${LEAST.prometheus.join('.')}.0`,
  kafkaUi: 'ghcr.io/kafbat/kafka-ui:v1.3.0',
  grafana: 'grafana/grafana:12.1.0',
} as const

/** Addons that are compiled fit one major version of Node: the one that runs this. */
export const NODE_MAJOR = Number(process.versions.node.split('.')[0])
