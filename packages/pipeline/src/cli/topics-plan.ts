import { Command } from 'commander'
import { action, EXIT, example, type Cli, type Context, type ExitCode } from './cli.ts'
import { table } from './output.ts'
import { appliedTopics, plannedTopics, type TopicsPlan } from '../wiring/kafka-topics.ts'

export function planCommand(cli: Cli): Command {
  return new Command('plan')
    .description('what Kafka has otherwise than config/kafka/topics.yaml declares it')
    .addHelpText('after', `\nExits 0 where nothing differs, and 3 where something does.\n${example('topics plan')}`)
    .action(action(cli, async (context) => show(context, await plannedTopics(context.settings), 'apply')))
}

export function applyCommand(cli: Cli): Command {
  return new Command('apply')
    .description('makes Kafka as it is declared; says what cannot be changed in place')
    .addHelpText('after', `\nExits 0 where nothing differs any more, and 3 where something still does.\n${example('topics apply')}`)
    .action(action(cli, async (context) => show(context, await appliedTopics(context.settings), 'left')))
}

function show({ out }: Context, plans: readonly TopicsPlan[], what: 'apply' | 'left'): ExitCode {
  if (plans.length === 0) {
    out.note('Neither LOG_URL nor EVENTS_LOG_URL names a Kafka: an embedded log makes its topics by itself.')
    return EXIT.misused
  }
  const differences = plans.flatMap((plan) => plan.differences)
  if (out.isJson) out.json(plans)
  else {
    for (const plan of plans) out.line(section(plan, out.colors))
    if (what === 'apply' && differences.some(({ isApplicable }) => isApplicable)) out.note('`npx flowguard topics apply` makes it so.')
  }
  // What is declared nowhere is another's, and nothing to be mended.
  return differences.every((each) => each.what === 'unknown') ? EXIT.done : EXIT.unhealthy
}

function section({ kafka, differences }: TopicsPlan, c: Context['out']['colors']): string {
  if (differences.length === 0) return `${kafka}: as declared.`
  const rows = differences.map(({ topic, what, from, to, advice }) => [c.cyan(topic), what, from || '–', to || '–', advice])
  const titles = ['topic', 'what', 'there', 'declared', ''].map((title) => ({ title }))
  return `${kafka}\n${table(titles, rows, c)}`
}
