import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Milliseconds, as the peer itself counts them. */
export interface Percentiles {
  p50: number
  p95: number
  p99: number
}

async function output(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const parts: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => parts.push(part))
  const [code] = (await once(child, 'close')) as [number | null]
  const text = Buffer.concat(parts).toString()
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${text}`)
  return text
}

const options = (all: Readonly<Record<string, string | number>>) =>
  Object.entries(all).flatMap(([name, value]) => [`--${name}`, String(value)])

interface KafkaPeer {
  /** Kafka's jars. */
  jars: string
  brokers: string
  topic: string
  /** Sent first, and not counted: until then the virtual machine compiles, and the brokers are being found. */
  warmUpCount: number
  /** What is counted. */
  count: number
  recordBytes: number
  /** Records a second; without it as many as it can. */
  perSecond?: number
}

export type ProducerFigures = { rate: number } & Percentiles

/** `kafka-producer-perf-test`, acks from all. */
export async function kafkaProducer({
  jars,
  brokers,
  topic,
  warmUpCount,
  count,
  recordBytes,
  perSecond = -1,
}: KafkaPeer): Promise<ProducerFigures> {
  const kafka = ['-cp', join(jars, '*')]
  await output('java', [
    ...kafka,
    'org.apache.kafka.tools.TopicCommand',
    ...options({ 'bootstrap-server': brokers, topic, partitions: '6', 'replication-factor': '3', config: 'min.insync.replicas=2' }),
    '--create',
    '--if-not-exists',
  ])
  const text = await output('java', [
    ...kafka,
    'org.apache.kafka.tools.ProducerPerformance',
    ...options({
      topic,
      'num-records': warmUpCount + count,
      'warmup-records': warmUpCount,
      'record-size': recordBytes,
      throughput: perSecond,
    }),
    '--command-property',
    `bootstrap.servers=${brokers}`,
    'acks=all',
    'linger.ms=5',
  ])
  return producerFigures(text)
}

/** Of what it says at its end: the line without the warm-up. Throws where there is none. */
export function producerFigures(text: string): ProducerFigures {
  const line = text.split('\n').findLast((each) => /^\d+ steady state records sent, .* 99th/.test(each))
  if (line === undefined) throw new Error(`kafka-producer-perf-test tells no figures without its warm-up: ${text}`)
  const figure = (pattern: RegExp) => Number(pattern.exec(line)?.[1] ?? Number.NaN)
  return {
    rate: figure(/([\d.]+) records\/sec/),
    p50: figure(/(\d+) ms 50th/),
    p95: figure(/(\d+) ms 95th/),
    p99: figure(/(\d+) ms 99th/),
  }
}

/** What an order needs at the least: its row, its id for repeats, its row of the outbox, in one transaction. */
const ORDER = `\\set item random(1, 100)
begin;
insert into peer_orders (user_id, item_id, price_paise, body) values ('u' || :item, :item, 32900, repeat('x', 200));
insert into peer_ids values (gen_random_uuid(), 'hash');
insert into peer_outbox (record) values (repeat('x', 431));
commit;
`

interface PostgresPeer {
  pgbench: string
  psql: string
  url: string
  folder: string
  clients: number
  seconds: number
}

/** `pgbench` with one order a transaction, each flushed before it is answered. */
export async function postgresOrders({ pgbench, psql, url, folder, clients, seconds }: PostgresPeer): Promise<number> {
  await output(psql, [
    url,
    '-qc',
    `create table if not exists peer_orders (id bigint generated always as identity primary key, user_id text, item_id int, price_paise int, body text);
     create table if not exists peer_ids (id uuid primary key, hash text);
     create table if not exists peer_outbox (id bigint generated always as identity primary key, record text)`,
  ])
  const script = join(folder, 'order.pgbench')
  writeFileSync(script, ORDER)
  const text = await output(pgbench, ['-n', '-c', String(clients), '-j', '2', '-T', String(seconds), '-f', script, url])
  return Number(/tps = ([\d.]+)/.exec(text)?.[1] ?? Number.NaN)
}
