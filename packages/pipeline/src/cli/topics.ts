import { DAY_MS, TIMED_TOPICS, type Topic } from '@flowguard/contract'
import { Command } from 'commander'
import { topics, type TopicInfo } from '../ops/topics.ts'
import { action, EXIT, example, type Cli, type Context, type ExitCode } from './cli.ts'
import { withStores } from './look.ts'
import { bytes, count, dateTime, table } from './output.ts'
import { applyCommand, planCommand } from './topics-plan.ts'

export function topicsCommand(cli: Cli): Command {
  return new Command('topics')
    .description('the log: what each topic holds')
    .argument('[topic]', 'only this one, partition by partition')
    .addHelpText('after', example('topics', 'topics raw.clicks.v1', 'topics plan'))
    .action(action<object, [string | undefined]>(cli, (context, _options, topic) => showTopics(context, topic)))
    .addCommand(planCommand(cli))
    .addCommand(applyCommand(cli))
}

async function showTopics(context: Context, topic: string | undefined): Promise<ExitCode> {
  const { out } = context
  const all = await withStores(context, topics)
  const shown = topic === undefined ? all : all.filter((each) => each.topic === topic)
  if (shown.length === 0) {
    out.note(`There is no topic ${topic}. There are ${all.map((each) => each.topic).join(', ')}.`)
    return EXIT.misused
  }
  if (out.isJson) out.json(shown)
  else {
    out.line(topic === undefined ? overview(shown, context) : shown.map((each) => byPartition(each, context)).join('\n'))
    if (shown.some((each) => (TIMED_TOPICS as readonly Topic[]).includes(each.topic)))
      out.note(`Heartbeats, one a second and partition, are records too: npx flowguard groups counts them.`)
  }
  return EXIT.done
}

function overview(all: readonly TopicInfo[], { out: { colors: c } }: Context): string {
  const rows = all.map(({ topic, partitions, records, bytes: size, retention_ms: kept }) => {
    const oldest = earliest(partitions.map((each) => each.oldest_appended))
    const newest = latest(partitions.map((each) => each.newest_appended))
    return [
      c.cyan(topic),
      String(partitions.length || '–'),
      count(records),
      sizeText(size),
      `${kept / DAY_MS} d`,
      dateTime(oldest),
      dateTime(newest),
    ]
  })
  const right = (title: string) => ({ title, align: 'right' as const })
  return table(
    [{ title: 'topic' }, right('partitions'), right('records'), right('size'), right('kept'), { title: 'oldest' }, { title: 'newest' }],
    rows,
    c,
  )
}

function byPartition({ topic, partitions }: TopicInfo, { out: { colors: c } }: Context): string {
  const right = (title: string) => ({ title, align: 'right' as const })
  const rows = partitions.map((each) => [
    c.cyan(`${topic}-${each.partition}`),
    count(each.start),
    count(each.end),
    count(each.records),
    sizeText(each.bytes),
    dateTime(each.oldest_appended),
    dateTime(each.newest_appended),
  ])
  return table(
    [{ title: 'partition' }, right('from'), right('to'), right('records'), right('size'), { title: 'oldest' }, { title: 'newest' }],
    rows,
    c,
  )
}

/** An engine may not say. */
const sizeText = (size: number | null) => (size === null ? 'unknown' : bytes(size))
const earliest = (times: readonly (string | null)[]) => times.filter((time) => time !== null).sort()[0] ?? null
const latest = (times: readonly (string | null)[]) =>
  times
    .filter((time) => time !== null)
    .sort()
    .at(-1) ?? null
